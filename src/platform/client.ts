import { TilthError, messageOf, type ErrorBody } from './errors.ts';
import type { CommonFlags } from './terminal.ts';

export const defaultServer = 'http://127.0.0.1:5080';

/** Address of the control plane: `--server`, else `TILTH_URL`, else loopback. */
export const serverAddress = (flags: CommonFlags = {}): string =>
  (flags.server ?? process.env['TILTH_URL'] ?? defaultServer).replace(/\/$/, '');

/**
 * One call of our own API, with the token of `TILTH_TOKEN` where there is one.
 *
 * @throws SERVER_NOT_REACHABLE, or whatever code the server answers
 */
export async function call<T>(flags: CommonFlags, method: string, path: string, body?: unknown): Promise<T> {
  const address = serverAddress(flags);
  const token = process.env['TILTH_TOKEN'];
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token !== undefined && token !== '') headers['authorization'] = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(`${address}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new TilthError(
      'SERVER_NOT_REACHABLE',
      503,
      `No tilth server answers at ${address} (${messageOf(cause)}).`,
      'Start one with: tilth up',
      { cause },
    );
  }
  const text = await response.text();
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw decodeError(response.status, text);
}

function decodeError(status: number, text: string): TilthError {
  try {
    const { error } = JSON.parse(text) as ErrorBody;
    return new TilthError(error.code, status, error.message, error.hint, { details: error.details });
  } catch {
    return new TilthError('SERVER_ERROR', status, `The server answered ${status}: ${text.slice(0, 300)}`);
  }
}
