import type { Context } from 'hono';
import { getQueryParams } from 'hono/utils/url';
import type { Actor } from '../../platform/actor.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import type { DirectRoute, DirectRoutes } from '../../platform/direct-routes.ts';
import { createApi, z, type Api, type Environment } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight, type Verb } from '../../team/can.ts';

/**
 * One call of MLflow's REST API: its route, the right it takes, the shape of its request, and who answers it.
 * Each is reachable below `/api` and, as MLflow's own page calls it, below `/ajax-api`.
 */
export interface MlflowCall<Input = never> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** below `/api/<version>/mlflow/`; `{id}` marks a parameter */
  readonly path: string;
  /** 2.0 unless MLflow moved the call */
  readonly version?: '2.0' | '3.0';
  readonly right: Verb;
  /** path parameters, query and JSON body together, in MLflow's snake_case */
  readonly takes: z.ZodType<Input>;
  /** a longer body is refused */
  readonly maxBodyBytes?: number;
  answer(world: World, actor: Actor, input: Input): Promise<object>;
}

/** A row of the table; keeps the type of the request between `takes` and `answer`. */
export const mlflowCall = <Input>(call: MlflowCall<Input>): MlflowCall =>
  call as unknown as MlflowCall;

/** The routes of a table of calls. */
export function mlflowRoutes(world: World, calls: readonly MlflowCall[]): Api {
  const api = createMlflowApi(world);
  for (const call of calls) {
    const path = `${call.version ?? '2.0'}/mlflow/${call.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    for (const prefix of ['/api', '/ajax-api']) {
      api.on(call.method.toUpperCase(), `${prefix}/${path}`, async (context) => {
        const { req } = context;
        const request = { query: req.queries(), parameters: req.param(), body: () => req.text() };
        return context.json(await answerCall(world, call, context.var.actor, request));
      });
    }
  }
  return api;
}

/** The calls of a table that have no parameter in their path, without the framework between client and answer. */
export function mlflowDirectRoutes(world: World, calls: readonly MlflowCall[]): DirectRoutes {
  const routes = new Map<string, DirectRoute>();
  for (const call of calls) {
    if (call.path.includes('{')) continue;
    const route: DirectRoute = {
      answer: async ({ url, body }, actor) => {
        const query = (url.includes('?') ? getQueryParams(url) : {}) as Record<string, string[]>;
        return { status: 200, body: await answerCall(world, call, actor, { query, parameters: {}, body }) };
      },
      fail: (url, thrown) => errorAnswer(world, url, thrown),
    };
    for (const prefix of ['/api', '/ajax-api']) {
      routes.set(`${call.method.toUpperCase()} ${prefix}/${call.version ?? '2.0'}/mlflow/${call.path}`, route);
    }
  }
  return routes;
}

/** What a call takes its input from. */
interface CallRequest {
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly body: () => Promise<string>;
}

async function answerCall(world: World, call: MlflowCall, actor: Actor, request: CallRequest): Promise<object> {
  requireRight(actor, call.right);
  // path parameters, query (repeated keys as arrays) and JSON body as one object
  const input: Record<string, unknown> = {};
  for (const [key, values] of Object.entries(request.query)) input[key] = values.length === 1 ? values[0] : values;
  if (call.method !== 'get') Object.assign(input, parseBody(await request.body(), call.maxBodyBytes));
  return call.answer(world, actor, parseInput(call.takes, Object.assign(input, request.parameters)));
}

/** A router whose errors have MLflow's shape. */
export function createMlflowApi(world: World): Api {
  const api = createApi();
  api.onError((thrown, context) => answerError(world, context, thrown));
  return api;
}

/**
 * Answers what no table knows, in MLflow's shape; the server mounts it after all tables.
 * Calls that exist in MLflow and not here say so with 501.
 */
export function mlflowFallback(world: World): Api {
  const api = createMlflowApi(world);
  for (const pattern of ['/api/:version{[23]\\.0}/:family{mlflow(-artifacts)?}/*', '/ajax-api/*']) {
    api.all(pattern, (context) => {
      const path = context.req.path;
      if (generativePaths.test(path)) {
        throw new TilthError('NOT_IMPLEMENTED', 501, `${path} belongs to MLflow's tools for language models, which tilth does not have yet.`);
      }
      throw new TilthError('ENDPOINT_NOT_FOUND', 404, `No call of MLflow's API is known at ${context.req.method} ${path}.`);
    });
  }
  return api;
}

/** Does the caller of this path read MLflow's error shape? */
export const isMlflowPath = (path: string): boolean => /^\/(ajax-)?api\/[23]\.0\//.test(path);

const generativePaths =
  /\/mlflow\/(traces|datasets|scorers|issues|label-schemas|review-queues|prompt-optimization|gateway|jobs|workspaces|evaluation|unified-traces|get-online-trace-details)(\/|$)/;

// ---------------------------------------------------------------------------------------------------------------------
// what comes in

/** @throws INVALID_PARAMETER_VALUE for what is no JSON object, or too long */
export function parseBody(text: string, maxBodyBytes?: number): object {
  if (maxBodyBytes !== undefined && Buffer.byteLength(text) > maxBodyBytes) {
    throw invalidParameter(
      `The request has ${Buffer.byteLength(text)} bytes; at most ${maxBodyBytes} are taken at once.`,
      'Send it in several requests.',
    );
  }
  if (text === '') return {};
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new TilthError('INVALID_PARAMETER_VALUE', 400, `The body is not JSON: ${messageOf(cause)}`, 'NaN and Infinity are sent as strings.', { cause });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidParameter('The body must be a JSON object.');
  }
  return body;
}

/** @throws INVALID_PARAMETER_VALUE naming the first field that is missing or wrong */
export function parseInput<Input>(schema: z.ZodType<Input>, input: unknown): Input {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = pathName(issue?.path ?? []);
  const value = valueAt(input, issue?.path ?? []);
  if (value === undefined || value === null || value === '') throw missingValue(name);
  throw invalidValue(name, value, issue?.message);
}

/** `metrics[3].key`, as MLflow writes it. */
const pathName = (path: readonly PropertyKey[]): string =>
  path.map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`)).join('');

const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown> | null | undefined)?.[part], input);

/** int64 of the wire: written as a number, read as a number or a string. */
export const int64 = z
  .union([z.number(), z.string().regex(/^-?\d+$/, 'a whole number')])
  .transform(Number)
  .refine(Number.isSafeInteger, 'a whole number below 2^53');

/** double of the wire: JSON has no NaN or Infinity, so they travel as strings. */
export const double = z
  .union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']), z.string().regex(/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i)])
  .transform(Number);

export const bool = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

/** A field that a query repeats, or gives once. */
export const repeated = <S extends z.ZodType>(item: S) =>
  z.preprocess((value) => (value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]), z.array(item));

/** A field that may be left out; null is the same as absent. */
export const absent = <S extends z.ZodType>(schema: S) => z.preprocess((value) => value ?? undefined, schema.optional());

export const text = z.string();
export const filledText = z.string().min(1);

export const wireDouble = (value: number): number | string => {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
};

/** Unset fields are left out of a message: no null, no empty list. */
export function message<T extends object>(fields: T): Partial<T> {
  const kept: Partial<T> = {};
  for (const [key, value] of Object.entries(fields) as [keyof T, T[keyof T]][]) {
    if (value === undefined || value === null) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    kept[key] = value;
  }
  return kept;
}

// ---------------------------------------------------------------------------------------------------------------------
// page tokens

/** Opaque to clients; `query` makes a token of one search useless for another. */
export const pageToken = (position: unknown, query: unknown = null): string =>
  Buffer.from(JSON.stringify([position, query])).toString('base64url');

/** @throws INVALID_PARAMETER_VALUE for a token that we did not make, or made for another search */
export function readPageToken<Position>(schema: z.ZodType<Position>, token: string | undefined, query: unknown = null): Position | undefined {
  if (token === undefined || token === '') return undefined;
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    throw invalidParameter(`Invalid page token ${JSON.stringify(token)}.`, 'Pass on the next_page_token of the answer before.');
  }
  const parsed = z.tuple([schema, z.unknown()]).safeParse(decoded);
  if (!parsed.success) throw invalidParameter(`Invalid page token ${JSON.stringify(token)}.`);
  if (JSON.stringify(parsed.data[1]) !== JSON.stringify(query)) {
    throw invalidParameter('The page token belongs to a search with other parameters.', 'Start again without page_token.');
  }
  return parsed.data[0];
}

// ---------------------------------------------------------------------------------------------------------------------
// errors

export const invalidParameter = (message: string, hint?: string): TilthError =>
  new TilthError('INVALID_PARAMETER_VALUE', 400, message, hint);

export const invalidValue = (name: string, value: unknown, reason?: string): TilthError =>
  invalidParameter(
    `Invalid value ${shorten(JSON.stringify(value))} for parameter '${name}' supplied${reason === undefined ? '.' : `: ${reason}`}`,
  );

export const missingValue = (name: string): TilthError => invalidParameter(`Missing value for required parameter '${name}'.`);

export const shorten = (value: string | undefined, limit = 500): string =>
  value === undefined ? 'undefined' : value.length > limit ? `${value.slice(0, limit)}…` : value;

/** MLflow's error code and HTTP status for one of ours. */
export function mlflowErrorOf(error: TilthError): { code: string; status: number } {
  if (error.code.endsWith('ALREADY_EXISTS')) return { code: 'RESOURCE_ALREADY_EXISTS', status: 400 };
  if (ownCodes.has(error.code)) return { code: error.code, status: error.status };
  return byStatus[error.status] ?? (error.status < 500 ? { code: 'BAD_REQUEST', status: 400 } : { code: 'INTERNAL_ERROR', status: 500 });
}

const ownCodes = new Set(['INVALID_PARAMETER_VALUE', 'ENDPOINT_NOT_FOUND', 'RESOURCE_CONFLICT', 'NOT_IMPLEMENTED']);

const byStatus: Readonly<Record<number, { code: string; status: number }>> = {
  400: { code: 'INVALID_PARAMETER_VALUE', status: 400 },
  401: { code: 'UNAUTHENTICATED', status: 401 },
  403: { code: 'PERMISSION_DENIED', status: 403 },
  404: { code: 'RESOURCE_DOES_NOT_EXIST', status: 404 },
  409: { code: 'RESOURCE_CONFLICT', status: 409 },
  429: { code: 'REQUEST_LIMIT_EXCEEDED', status: 429 },
  501: { code: 'NOT_IMPLEMENTED', status: 501 },
  503: { code: 'TEMPORARILY_UNAVAILABLE', status: 503 },
};

/** The answer to anything thrown; the hint joins the message, since MLflow's clients show nothing else. */
export function errorAnswer(world: World, path: string, thrown: unknown): { status: number; body: object } {
  if (!(thrown instanceof TilthError)) {
    world.log.error({ path, stack: thrown instanceof Error ? thrown.stack : undefined }, messageOf(thrown));
    return { status: 500, body: { error_code: 'INTERNAL_ERROR', message: 'Something in tilth broke; the server log has the details.' } };
  }
  const { code, status } = mlflowErrorOf(thrown);
  const words = thrown.hint === undefined ? thrown.message : `${thrown.message} ${thrown.hint}`;
  return { status, body: { error_code: code, message: words } };
}

export function answerError(world: World, context: Context<Environment>, thrown: unknown): Response {
  const { status, body } = errorAnswer(world, context.req.path, thrown);
  return context.json(body, status as 400);
}
