import type { Api, RequestContext } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight, type Verb } from '../../team/can.ts';
import { keyOfEncodedPath } from './artifact-keys.ts';
import { createMlflowApi } from './mlflow-wire.ts';

/** One call of MLflow's that carries a file or speaks of one: the counterpart of `MlflowCall` for what is not only JSON. */
export interface FileCall {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** whole paths; a `*` at the end is the path of an artifact below the store's root */
  readonly paths: readonly string[];
  /** `signed link`: the path itself proves the right */
  readonly right: Verb | 'signed link';
  /** @param key of the artifact at the end of the path, decoded once; '' where the path has none */
  answer(world: World, context: RequestContext, key: string): Promise<Response>;
}

/** The same call below `/api` and, for MLflow's own page, below `/ajax-api`. */
export const bothPrefixes = (path: string): string[] => [`/api/2.0/${path}`, `/ajax-api/2.0/${path}`];

/** The routes of a table of calls. */
export function fileRoutes(world: World, calls: readonly FileCall[]): Api {
  const api = createMlflowApi(world);
  for (const call of calls) {
    for (const path of call.paths) {
      api.on(call.method.toUpperCase(), path, async (context) => {
        if (call.right !== 'signed link') requireRight(context.var.actor, call.right);
        return call.answer(world, context, path.endsWith('/*') ? keyInUrl(context, path.slice(0, -2)) : '');
      });
    }
  }
  return api;
}

/** The path behind the root as it was sent: the router's own copy has been decoded already, and must not be decoded again. */
function keyInUrl(context: RequestContext, root: string): string {
  const path = context.req.raw.url.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
  return keyOfEncodedPath(path.startsWith(`${root}/`) ? path.slice(root.length + 1) : '');
}
