import type { ServedVersion } from '../serving-api.ts';
import type { Engine, EngineSource } from './engine.ts';
import { OnnxModel } from './served-model.ts';

/**
 * Loads a version and lets it score once, so that the first request is not the slow one.
 *
 * @throws SERVING_MODEL_UNLOADABLE, SERVING_ENVIRONMENT_UNAVAILABLE, SERVING_MODEL_LOADING
 */
export async function loadEngine(served: ServedVersion, source: EngineSource): Promise<Engine> {
  const file = await source.file(served);
  if (served.engine !== 'python') {
    return OnnxModel.load(file, served.schema, { threads: source.threads, watch: source.watch?.(served) });
  }
  // most data planes never need it
  const { loadPythonModel } = await import('./python-model-load.ts');
  return loadPythonModel(served, file, source);
}
