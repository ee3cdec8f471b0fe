/** What is known of a request before its body is read. */
export interface RequestHead {
  readonly method: string;
  /** without query */
  readonly path: string;
  /** as `content-length` has it; undefined when the body comes in chunks */
  readonly bodyBytes: number | undefined;
  /** `performance.now()` at which it may have come at the earliest: it waited while the process was busy */
  readonly arrivedAt: number;
  /** @param name in lower case */
  header(name: string): string | undefined;
}

export interface PlaneRequest extends RequestHead {
  /** whole and unpacked */
  readonly body: Buffer;
}

export interface PlaneAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  /** beside content type and length; names in lower case, values printable ASCII */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the listener asks of those who know what requests mean. */
export interface Exchanges {
  /** Looks at a request before its body is read, which is the costly part. @throws what keeps it from being read */
  admit(head: RequestHead): void;
  answer(request: PlaneRequest): Promise<PlaneAnswer>;
  /** How the dialect of that path says what went wrong. */
  fail(head: RequestHead, thrown: unknown): PlaneAnswer;
}

/** Times in ms, sizes in bytes. */
export interface ListenerLimits {
  readonly bodyBytes: number;
  /** of all requests under way together */
  readonly allBodiesBytes: number;
  readonly headBytes: number;
  readonly connections: number;
  /** from the first byte of a request to the end of its head */
  readonly headMs: number;
  /** from the first byte of a request to the end of its body */
  readonly requestMs: number;
  /** how long a connection may stay without a request */
  readonly idleMs: number;
  /** how long a caller may take none of an answer's bytes */
  readonly answerMs: number;
}

export const defaultLimits: ListenerLimits = {
  bodyBytes: 64 * 1024 * 1024,
  allBodiesBytes: 512 * 1024 * 1024,
  headBytes: 16 * 1024,
  connections: 50_000,
  headMs: 10_000,
  requestMs: 60_000,
  idleMs: 75_000,
  answerMs: 30_000,
};
