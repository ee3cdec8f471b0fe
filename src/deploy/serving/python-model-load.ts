import type { Engine, EngineSource } from './engine.ts';
import type { ServedVersion } from './serving-api.ts';
import { modelUnloadable } from './serving-errors.ts';

/** @throws SERVING_MODEL_UNLOADABLE */
export function loadPythonModel(served: ServedVersion, _bundle: string, _source: EngineSource): Promise<Engine> {
  throw modelUnloadable(`version ${served.version} of ${served.model} is served by Python, which this data plane can't do yet`);
}
