import { TilthError, messageOf } from '../../platform/errors.ts';
import { createApi, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { listPlanes } from './serving-state.ts';

const longestAnswerMs = 30_000;

/** Where a data plane answers each dialect. */
const dialects = {
  invocations: (name: string) => `/endpoints/${encodeURIComponent(name)}/invocations`,
  infer: (name: string) => `/v2/models/${encodeURIComponent(name)}/infer`,
} as const;

/** What of an answer tells who gave it. */
const lineageHeaders = ['x-tilth-model', 'x-tilth-version', 'x-tilth-request-id'] as const;

/**
 * One question to an endpoint by way of the control plane, for the page: a browser may only talk to the server that
 * it came from. Programs ask the data plane itself, which answers faster and while the control plane is away.
 * What the data plane took, seen from here, is in `server-timing`.
 */
export function askRoutes(world: World): Api {
  const api = createApi();
  for (const dialect of ['invocations', 'infer'] as const) {
    api.post(`/api/v1/endpoints/:name/${dialect}`, async (context) => {
      requireRight(context.var.actor, 'endpoint.call');
      const plane = (await listPlanes(world)).find((each) => each.isAlive);
      if (plane === undefined) throw noDataPlane();
      const body = await context.req.text();
      const key = context.req.header('x-tilth-key');
      // never who asks: the address is what a plane said of itself
      const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'x-tilth-key': key }) };
      const startedAt = performance.now();
      const answer = await fetch(new URL(dialects[dialect](context.req.param('name')), plane.address), {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.timeout(longestAnswerMs),
      }).catch((cause: unknown) => {
        throw new TilthError(
          'NO_DATA_PLANE',
          503,
          `The data plane at ${plane.address} does not answer (${messageOf(cause)}).`,
          'Start one: tilth serve',
          { cause },
        );
      });
      const said = await answer.text();
      const tookMs = performance.now() - startedAt;
      if (!answer.ok)
        throw new TilthError(
          'PREDICTION_REFUSED',
          answer.status,
          `The endpoint answered ${answer.status}: ${reasonIn(said)}`,
        );
      for (const name of lineageHeaders) {
        const value = answer.headers.get(name);
        if (value !== null) context.header(name, value);
      }
      context.header('server-timing', `plane;dur=${tookMs.toFixed(2)}`);
      return context.body(said, 200, { 'content-type': 'application/json' });
    });
  }
  return api;
}

const noDataPlane = (): TilthError =>
  new TilthError(
    'NO_DATA_PLANE',
    503,
    'No data plane has said anything for 5 seconds.',
    'Start one: tilth serve, or both at once: tilth up',
  );

function reasonIn(body: string): string {
  try {
    const told = JSON.parse(body) as { message?: string; error?: string };
    return told.message ?? told.error ?? body.slice(0, 300);
  } catch {
    return body.slice(0, 300);
  }
}
