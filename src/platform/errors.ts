/** What went wrong, in the user's terms; the code is permanent, the words may improve. */
export class TilthError extends Error {
  override readonly name = 'TilthError';
  /** permanent upper-snake name, documented in `docs/reference/errors.md` */
  readonly code: string;
  /** the HTTP status that fits */
  readonly status: number;
  /** what to do next, as a command where there is one */
  readonly hint: string | undefined;
  /** machine-readable particulars, for example the failing rows */
  readonly details: unknown;

  /** @param message what happened, with the values */
  constructor(
    code: string,
    status: number,
    message: string,
    hint?: string,
    options?: { cause?: unknown; details?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = status;
    this.hint = hint;
    this.details = options?.details;
  }
}

/** The shape of an error on our own API, and of `--json` output of a failed command. */
export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly details?: unknown;
  };
}

export const errorBody = (error: TilthError): ErrorBody => ({
  error: {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details === undefined ? {} : { details: error.details }),
  },
});

/** A request or flag that does not have the shape we ask for. */
export const badRequest = (message: string, hint?: string, details?: unknown): TilthError =>
  new TilthError('BAD_REQUEST', 400, message, hint, { details });

export const notFound = (code: string, what: string, hint?: string): TilthError =>
  new TilthError(code, 404, `${what} does not exist.`, hint);

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
