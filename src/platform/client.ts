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
  let answer: Answer;
  try {
    answer = await send(new URL(`${address}${path}`), method, headers, body);
  } catch (cause) {
    throw new TilthError(
      'SERVER_NOT_REACHABLE',
      503,
      `No tilth server answers at ${address} (${messageOf(cause)}).`,
      'Start one with: tilth up',
      { cause },
    );
  }
  const { status, text } = answer;
  if (status >= 200 && status < 300) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw decodeError(status, text);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/**
 * Node's own HTTP and not `fetch`, which takes longer to load than most commands take to run;
 * `import('node:http')` would load that too, since a module's namespace asks for every export at once.
 */
function send(
  address: URL,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Promise<Answer> {
  const { request } = process.getBuiltinModule(address.protocol === 'https:' ? 'node:https' : 'node:http');
  const content = body === undefined ? undefined : JSON.stringify(body);
  const length = content === undefined ? {} : { 'content-length': Buffer.byteLength(content) };
  return new Promise((answered, failed) => {
    const sent = request(address, { method, headers: { ...headers, ...length }, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', failed);
      response.on('end', () =>
        answered({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
      );
    });
    sent.on('error', failed);
    sent.end(content);
  });
}

function decodeError(status: number, text: string): TilthError {
  try {
    const { error } = JSON.parse(text) as ErrorBody;
    return new TilthError(error.code, status, error.message, error.hint, { details: error.details });
  } catch {
    return new TilthError('SERVER_ERROR', status, `The server answered ${status}: ${text.slice(0, 300)}`);
  }
}
