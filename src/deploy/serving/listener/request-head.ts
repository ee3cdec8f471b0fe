/** The head of a plain POST: a body of known length, nothing that changes how the connection is read. */
export interface PlainPost {
  readonly path: string;
  readonly bodyBytes: number;
  /** names in lower case, each once */
  readonly headers: ReadonlyMap<string, string>;
  /** the caller will close after it */
  readonly isLast: boolean;
}

/** Predictions, by paths that need no decoding. */
const hotLine =
  /^POST (\/invocations|\/endpoints\/[\w.~-]+\/invocations|\/v2\/models\/[\w.~-]+(?:\/versions\/\d+)?\/infer) HTTP\/1\.1$/;
/** field-line of RFC 9112, section 5: no space before the colon, no line folding, no control characters. */
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;
/** Each of them changes what follows on the connection. */
const special = [
  'transfer-encoding',
  'expect',
  'upgrade',
  'content-encoding',
  'te',
  'trailer',
  'http2-settings',
];

/**
 * Reads a head when it is as plain as nearly all requests for predictions are.
 *
 * It reads a narrow part of the grammar, and all of that part as RFC 9112 means it: what two readers could take for
 * different things (two lengths, a length beside a transfer encoding, folded lines, bare line feeds) is never read here.
 *
 * @param text without the empty line at its end, one character per byte
 * @returns undefined when it is anything else, which node:http is to judge
 */
export function readPlainPost(text: string): PlainPost | undefined {
  const lines = text.split('\r\n');
  const path = hotLine.exec(lines[0] ?? '')?.[1];
  if (path === undefined) return undefined;
  const headers = new Map<string, string>();
  for (let index = 1; index < lines.length; index++) {
    const match = headerLine.exec(lines[index] as string);
    if (match === null) return undefined;
    const name = (match[1] as string).toLowerCase();
    if (headers.has(name)) return undefined;
    headers.set(name, match[2] as string);
  }
  if (special.some((name) => headers.has(name)) || !headers.has('host')) return undefined;
  const length = headers.get('content-length');
  if (length === undefined || !/^\d{1,15}$/.test(length)) return undefined;
  const connection = headers.get('connection')?.toLowerCase() ?? 'keep-alive';
  if (connection !== 'keep-alive' && connection !== 'close') return undefined;
  return { path, bodyBytes: Number(length), headers, isLast: connection === 'close' };
}
