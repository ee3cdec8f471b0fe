/** One request, the same for every server: what a server names itself stands in it as `<run3>`. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** from `/api` on, already encoded */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  /** sent as it is, instead of `body` */
  readonly text?: string;
  /** names for what the answer tells: `{ run3: 'run.info.run_id' }` */
  readonly names?: Readonly<Record<string, string>>;
  /** has one thing wrong or odd about it */
  readonly isSpoiled?: boolean;
  /** tidies up after a call whose outcome may differ; its answer says nothing */
  readonly isTidying?: boolean;
}

/** What a server said, in the words that all servers share. */
export interface Answer {
  readonly status: number;
  /** JSON where it is some, else the text */
  readonly body: unknown;
}

/** `POST runs/create {…}`, to be read by a person. */
export const callWords = ({ method, path, query, body, text }: Call): string =>
  `${method} ${path}${query === undefined ? '' : ` ?${JSON.stringify(query)}`} ${(text ?? JSON.stringify(body) ?? '').slice(0, 600)}`;
