import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { currentToken } from './token.ts';

/** What the server answered instead of what was asked: message in the user's terms, next step, permanent code. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: unknown;

  constructor(status: number, code: string, message: string, hint?: string, details?: unknown) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.details = details;
  }
}

export type Params = Readonly<Record<string, string | number | boolean | undefined>>;

/** A path with its query; undefined and empty values are left out. */
export function withParams(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') query.set(key, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

export const authorization = (): Record<string, string> => {
  const token = currentToken();
  return token === '' ? {} : { authorization: `Bearer ${token}` };
};

/**
 * Asks our own server.
 *
 * @throws ApiError with the server's message, hint and code
 */
export const ask = async <T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> => (await askWhole<T>(method, path, body, signal)).answer;

/** As `ask`, with what the answer's headers say. */
export async function askWhole<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ answer: T; headers: Headers }> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        ...headers,
        ...authorization(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new ApiError(0, 'SERVER_NOT_REACHABLE', 'The server does not answer.', 'Start it with: tilth up');
  }
  const text = await response.text();
  const answer = response.headers.get('content-type')?.includes('json') === true ? parse(text) : text;
  if (response.ok) return { answer: answer as T, headers: response.headers };
  const error = (
    answer as { error?: { code?: string; message?: string; hint?: string; details?: unknown } } | null
  )?.error;
  throw new ApiError(
    response.status,
    error?.code ?? `HTTP_${response.status}`,
    error?.message ?? (text.slice(0, 200) || response.statusText),
    error?.hint,
    error?.details,
  );
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

interface ApiOptions {
  /** ms between two askings, for figures that change without an event */
  readonly every?: number;
}

/** Reads one address and keeps it fresh; `null` asks nothing. The former answer stays while a new one is under way. */
export function useApi<T>(
  path: string | null,
  params: Params = {},
  options: ApiOptions = {},
): UseQueryResult<T, ApiError> {
  const address = path === null ? null : withParams(path, params);
  return useQuery<T, ApiError>({
    queryKey: ['api', address],
    queryFn: ({ signal }) => ask<T>('GET', address ?? '', undefined, signal),
    enabled: address !== null,
    placeholderData: keepPreviousData,
    ...(options.every === undefined ? {} : { refetchInterval: options.every }),
  });
}

/** One segment of a path. */
export const segment = (text: string | number): string => encodeURIComponent(String(text));
