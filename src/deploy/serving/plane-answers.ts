import { TilthError, errorBody, messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import { writeInferenceError } from './dialects/inference-protocol.ts';
import type { PlaneAnswer, RequestHead } from './listener/exchange.ts';
import { writeMlflowError } from './dialects/mlflow-dialect.ts';
import type { ActiveEndpoint } from './answering/active-endpoint.ts';
import type { Prediction } from './answering/prediction-service.ts';
import { retryAfterOf } from './serving-errors.ts';

export const jsonAnswer = (status: number, value: unknown): PlaneAnswer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
});

/** How the dialect of that path says what went wrong; what is our fault goes to the log, never to the caller. */
export function failedAnswer(
  log: Logger,
  { method, path }: Pick<RequestHead, 'method' | 'path'>,
  thrown: unknown,
): PlaneAnswer {
  const error = asKnownError(thrown);
  if (error.status === 500) {
    const { cause } = error;
    log.error(
      { code: error.code, method, path, cause: cause === undefined ? undefined : messageOf(cause) },
      messageOf(thrown),
    );
  }
  const isText = error.status === 415;
  return {
    status: error.status,
    type: isText ? 'text/plain' : 'application/json',
    body: isText ? `${error.message} ${error.hint ?? ''}` : errorText(path, error),
    headers:
      error.status === 503 || error.status === 429 ? { 'retry-after': String(retryAfterOf(error)) } : {},
  };
}

/** Each dialect has a shape of its own for errors. */
function errorText(path: string, error: TilthError): string {
  if (/^\/v[12]\b/.test(path)) return writeInferenceError(error);
  if (path.endsWith('/invocations')) return writeMlflowError(error);
  return JSON.stringify(errorBody(error));
}

/** Any failure as one that a caller may hear of. */
export function asKnownError(thrown: unknown): TilthError {
  if (thrown instanceof TilthError) return thrown;
  if (thrown instanceof URIError || thrown instanceof SyntaxError) {
    return new TilthError(
      'SERVING_BODY_UNREADABLE',
      400,
      `The request can't be read: ${thrown.message}.`,
      undefined,
      { cause: thrown },
    );
  }
  return new TilthError(
    'BUG',
    500,
    'Something in tilth broke; the log of the data plane has the details.',
    'Please report it.',
    {
      cause: thrown,
    },
  );
}

/** Which version answered, so that every answer can be explained later. */
export function lineageOf(
  endpoint: ActiveEndpoint,
  { target, requestId, logged }: Prediction,
): Record<string, string> {
  const headers: Record<string, string> = {
    'x-tilth-model': headerSafe(endpoint.model),
    'x-tilth-version': String(target.version),
    'x-tilth-request-id': headerSafe(requestId),
  };
  if (target.served.approval !== undefined) headers['x-tilth-approval'] = headerSafe(target.served.approval);
  if (logged === 'repeat') headers['x-tilth-logged'] = 'repeat';
  return headers;
}

export const headerSafe = (text: string): string =>
  /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
