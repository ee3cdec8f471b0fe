import { OpenAPIHono, createRoute, z } from '@hono/zod-openapi';
import type { Context, ErrorHandler, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Actor } from './actor.ts';
import { TilthError, badRequest, errorBody, messageOf } from './errors.ts';
import type { Logger } from './log.ts';

export { createRoute, z };

/** What every handler finds in its context. */
export interface Environment {
  Variables: { actor: Actor };
}

export type Api = OpenAPIHono<Environment>;
export type RequestContext = Context<Environment>;

/** A router whose bad input answers in our error shape; mount it with `app.route('/', router)`. */
export const createApi = (): Api =>
  new OpenAPIHono<Environment>({
    defaultHook: (result) => {
      if (result.success) return;
      const issues = result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
      throw badRequest(`The request is not as it should be: ${issues.join('; ')}`, undefined, issues);
    },
  });

/** JSON answer of a route in the OpenAPI document. */
export const answers = <S extends z.ZodType>(schema: S, description: string) => ({
  200: { description, content: { 'application/json': { schema } } },
});

/** JSON body of a route in the OpenAPI document. */
export const takes = <S extends z.ZodType>(schema: S) => ({
  required: true as const,
  content: { 'application/json': { schema } },
});

/** Turns what was thrown into our error shape; a bug is logged with its stack and shown without it. */
export const errorHandler =
  (log: Logger): ErrorHandler<Environment> =>
  (thrown, context) => {
    if (thrown instanceof TilthError) {
      if (thrown.status >= 500) log.error({ code: thrown.code, path: context.req.path, cause: thrown.cause }, thrown.message);
      return context.json(errorBody(thrown), thrown.status as 400);
    }
    if (thrown instanceof HTTPException && thrown.status < 500) {
      return context.json(errorBody(new TilthError('BAD_REQUEST', thrown.status, `${thrown.message}.`)), thrown.status as 400);
    }
    log.error({ path: context.req.path, stack: thrown.stack }, messageOf(thrown));
    const bug = new TilthError('BUG', 500, 'Something in tilth broke; the server log has the details.', 'Please report it.');
    return context.json(errorBody(bug), 500);
  };

/** What a request says of where it comes from. */
export interface Provenance {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly contentType: string | undefined;
}

/**
 * Keeps strangers out of a server on loopback: the Host must be ours (DNS rebinding),
 * an Origin must be ours (other pages in the same browser), and a write must not be a plain form.
 *
 * @throws HOST_REFUSED, ORIGIN_REFUSED, CONTENT_TYPE_REFUSED
 */
export function requireOurOwn({ method, host: named, origin, contentType = '' }: Provenance, hosts: ReadonlySet<string>): void {
  const host = (named ?? '').toLowerCase();
  if (!hosts.has(host)) throw refused('HOST_REFUSED', `The host ${JSON.stringify(host)} is not this server's.`);
  if (origin !== undefined && !hosts.has(origin.replace(/^https?:\/\//, '').toLowerCase())) {
    throw refused('ORIGIN_REFUSED', `A page of ${origin} may not call this server.`);
  }
  // artifact uploads carry the file's own type and can't be sent by a plain form with PUT
  if (method === 'POST' && /^(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)/i.test(contentType)) {
    throw new TilthError('CONTENT_TYPE_REFUSED', 415, `A write must be application/json, not ${contentType}.`);
  }
}

/** The same for every route of the framework. */
export const loopbackGuard = (allowedHosts: () => ReadonlySet<string>): MiddlewareHandler<Environment> =>
  async function guard({ req }, next) {
    const { method } = req;
    requireOurOwn(
      { method, host: req.header('host'), origin: req.header('origin'), contentType: req.header('content-type') },
      allowedHosts(),
    );
    await next();
  };

const refused = (code: string, message: string): TilthError =>
  new TilthError(code, 403, message, 'Use the address that the server printed at its start.');
