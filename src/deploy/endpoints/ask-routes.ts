import { TilthError, messageOf } from '../../platform/errors.ts';
import { createApi, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { listPlanes } from './serving-state.ts';

const longestAnswerMs = 30_000;

/**
 * One question to an endpoint by way of the control plane, for the page: a browser may only talk to the server that
 * it came from. Programs ask the data plane itself, which answers faster and while the control plane is away.
 */
export function askRoutes(world: World): Api {
  const api = createApi();
  api.post('/api/v1/endpoints/:name/invocations', async (context) => {
    requireRight(context.var.actor, 'endpoint.call');
    const plane = (await listPlanes(world)).find((each) => each.isAlive);
    if (plane === undefined) throw noDataPlane();
    const authorization = context.req.header('authorization');
    const url = new URL(
      `/endpoints/${encodeURIComponent(context.req.param('name'))}/invocations`,
      plane.address,
    );
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: await context.req.text(),
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
    const body = await answer.text();
    if (!answer.ok)
      throw new TilthError(
        'PREDICTION_REFUSED',
        answer.status,
        `The endpoint answered ${answer.status}: ${reasonIn(body)}`,
      );
    return context.body(body, 200, { 'content-type': 'application/json' });
  });
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
