import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor } from './actor.ts';
import { messageOf } from './errors.ts';
import { requireOurOwn } from './http.ts';
import type { Logger } from './log.ts';

/**
 * A route that is answered on Node's own request and response. It costs a quarter of one that goes through the
 * framework, which is felt where a client calls thousands of times a second; the framework has the same route for all else.
 */
export interface DirectRoute {
  answer(request: DirectRequest, actor: Actor): Promise<DirectAnswer>;
  /** The answer to anything thrown, also by the checks before the route. */
  fail(url: string, thrown: unknown): DirectAnswer;
}

export interface DirectRequest {
  /** path and query, as they came */
  readonly url: string;
  readonly body: () => Promise<string>;
}

export interface DirectAnswer {
  readonly status: number;
  readonly body: object;
}

/** By method and path: `POST /api/2.0/mlflow/runs/log-metric`. */
export type DirectRoutes = ReadonlyMap<string, DirectRoute>;

export interface DirectOptions {
  readonly routes: DirectRoutes;
  readonly hosts: ReadonlySet<string>;
  readonly log: Logger;
  identify(authorization: string | undefined): Promise<Actor> | Actor;
}

/** @returns whether a request has such a route and is taken; else nothing was read of it */
export function directRoutes(
  options: DirectOptions,
): (incoming: IncomingMessage, outgoing: ServerResponse) => boolean {
  return (incoming, outgoing) => {
    const { method = 'GET', url = '/' } = incoming;
    const question = url.indexOf('?');
    const route = options.routes.get(`${method} ${question === -1 ? url : url.slice(0, question)}`);
    if (route === undefined) return false;
    respond(options, route, incoming, outgoing).catch((thrown: unknown) => {
      // the caller went away, or there is no answer that can be written
      options.log.warn({ url, cause: messageOf(thrown) }, 'a request could not be answered');
      outgoing.destroy();
    });
    return true;
  };
}

async function respond(
  options: DirectOptions,
  route: DirectRoute,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/', headers } = incoming;
  let answer: DirectAnswer;
  try {
    requireOurOwn(
      { method, host: headers.host, origin: headers.origin, contentType: headers['content-type'] },
      options.hosts,
    );
    const actor = await options.identify(headers.authorization);
    answer = await route.answer({ url, body: () => bodyOf(incoming) }, actor);
  } catch (thrown) {
    if (incoming.errored !== null) throw thrown;
    answer = route.fail(url, thrown);
  }
  const text = JSON.stringify(answer.body);
  outgoing.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  outgoing.end(text);
}

const decoder = new TextDecoder();

function bodyOf(incoming: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    incoming.on('data', (part: Uint8Array) => parts.push(part));
    incoming.on('end', () => resolve(decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts))));
    incoming.on('error', reject);
  });
}
