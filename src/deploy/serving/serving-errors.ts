import { TilthError, messageOf } from '../../platform/errors.ts';
import type { BrokenRow } from '../../develop/contracts/row-rules.ts';

/** The body is not in a form that the dialect knows. */
export const bodyUnreadable = (message: string, hint?: string, cause?: unknown): TilthError =>
  new TilthError('SERVING_BODY_UNREADABLE', 400, message, hint, { cause });

export const columnMissing = (names: readonly string[], wanted: readonly string[]): TilthError =>
  new TilthError(
    'SERVING_COLUMN_MISSING',
    400,
    names.length === 1
      ? `The column ${JSON.stringify(names[0])} is missing.`
      : `The columns ${names.map((name) => JSON.stringify(name)).join(', ')} are missing.`,
    `The model takes: ${wanted.join(', ')}.`,
    { details: { missing: names } },
  );

export const columnWrong = (column: string, message: string, hint?: string): TilthError =>
  new TilthError('SERVING_COLUMN_WRONG', 400, `The column ${JSON.stringify(column)} ${message}.`, hint, {
    details: { column },
  });

/** A row that the contract of the training data does not allow: by the same rule id as where the data was added. */
export const contractBrokenBy = ({ rule, row, value }: BrokenRow): TilthError => {
  const text = JSON.stringify(value);
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return new TilthError(
    'SERVING_CONTRACT_BROKEN',
    400,
    `The column ${JSON.stringify(rule.column)} breaks the rule ${rule.rule} in row ${row}: ${rule.description}, and it holds ${value === null ? 'no value' : shown}.`,
    'The model learned from data that keeps this rule. Correct the row, or the contract of the training data.',
    { details: { column: rule.column, rule: rule.rule, row, value } },
  );
};

export const shapeWrong = (message: string): TilthError => new TilthError('SERVING_SHAPE_WRONG', 400, message);

export const outputUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'SERVING_OUTPUT_UNKNOWN',
    400,
    `There is no output ${JSON.stringify(name)}.`,
    `The model gives: ${known.join(', ')}.`,
  );

export const endpointUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'SERVING_ENDPOINT_UNKNOWN',
    404,
    `There is no endpoint ${JSON.stringify(name)} here.`,
    known.length === 0 ? 'Nothing is served yet. Create an endpoint with: tilth endpoint create' : `There are: ${known.join(', ')}.`,
  );

export const versionUnknown = (endpoint: string, version: string, known: readonly number[]): TilthError =>
  new TilthError(
    'SERVING_VERSION_UNKNOWN',
    404,
    `The endpoint ${JSON.stringify(endpoint)} does not serve version ${version}.`,
    `It serves: ${known.join(', ')}.`,
  );

export const endpointAmbiguous = (names: readonly string[]): TilthError =>
  names.length === 0
    ? new TilthError('SERVING_NOTHING_SERVED', 404, 'No endpoint is served here yet.', 'Create one with: tilth endpoint create')
    : new TilthError(
        'SERVING_ENDPOINT_AMBIGUOUS',
        400,
        `${names.length} endpoints are served here, and /invocations does not tell which one is meant.`,
        `Use one of: ${names.map((name) => `/endpoints/${name}/invocations`).join(', ')}.`,
      );

export const contentTypeUnknown = (type: string): TilthError =>
  new TilthError(
    'SERVING_CONTENT_TYPE_UNKNOWN',
    415,
    `This predictor does not read ${JSON.stringify(type)}.`,
    'It reads application/json, text/csv and application/vnd.apache.parquet, with no parameter but charset=utf-8.',
  );

export const sealedUnusable = (folder: string, problems: readonly string[]): TilthError =>
  new TilthError(
    'SERVING_SEALED_UNUSABLE',
    500,
    problems.length === 0 ? `${folder} holds no configuration.` : `What ${folder} holds can't be served: ${problems.join('; ')}`,
    'Make the folder anew with: tilth deploy manifests',
  );

/** Asked for by a part of a protocol that is an extension, and that we do not advertise. */
export const featureUnserved = (what: string, hint: string): TilthError =>
  new TilthError('SERVING_FEATURE_UNSERVED', 501, `${what} is not served here.`, hint);

/** What is served is decided by routes, and those by approvals: no caller of the data plane changes it. */
export const loadRefused = (verb: 'load' | 'unload', name: string): TilthError =>
  new TilthError(
    'SERVING_LOAD_REFUSED',
    403,
    `Callers can't ${verb} ${JSON.stringify(name)}: an endpoint's route says what is served.`,
    'Change the route with: tilth endpoint',
  );

export const bodyTooLarge = (limit: number): TilthError =>
  new TilthError(
    'SERVING_BODY_TOO_LARGE',
    413,
    `The body is larger than ${limit} bytes.`,
    'Send fewer rows per request, or score them with: tilth batch',
  );

/** Told as `Retry-After`, in seconds. */
export const retryAfterOf = ({ details }: TilthError): number =>
  Math.max(1, Math.ceil((details as { retryAfterSeconds?: number } | undefined)?.retryAfterSeconds ?? 1));

export const busy = (endpoint: string, neededMs: number, leftMs: number): TilthError =>
  new TilthError(
    'SERVING_BUSY',
    503,
    `A request for ${endpoint} would take about ${Math.ceil(neededMs)} ms now, and has ${Math.floor(leftMs)} ms.`,
    'Try again after the time of Retry-After, or start another data plane.',
    { details: { retryAfterSeconds: neededMs / 1000 } },
  );

export const tooManyRequests = (limit: number): TilthError =>
  new TilthError('SERVING_BUSY', 503, `${limit} requests are under way, which is the limit.`, 'Try again in a second, or start another data plane.');

export const tooManyBytes = (limit: number): TilthError =>
  new TilthError(
    'SERVING_BUSY',
    503,
    `The bodies of all requests under way would take more than ${limit} bytes.`,
    'Try again in a second, send fewer rows per request, or start another data plane.',
  );

export const deadlineTooShort = (endpoint: string, neededMs: number, leftMs: number): TilthError =>
  new TilthError(
    'SERVING_DEADLINE_TOO_SHORT',
    429,
    `A request for ${endpoint} would take about ${Math.ceil(neededMs)} ms now, and its deadline leaves ${Math.floor(leftMs)} ms.`,
    'Try again after the time of Retry-After, or give it longer: x-tilth-deadline-ms.',
    { details: { retryAfterSeconds: neededMs / 1000 } },
  );

export const deadlinePassed = (endpoint: string): TilthError =>
  new TilthError(
    'SERVING_DEADLINE_PASSED',
    504,
    `The answer of ${endpoint} was not there in time; it is not given, and not logged as a prediction.`,
    'Give it longer (x-tilth-deadline-ms, tilth serve --request-timeout), send fewer rows, or start another data plane.',
  );

export const badDeadline = (given: string): TilthError =>
  new TilthError(
    'SERVING_DEADLINE_UNREADABLE',
    400,
    `The deadline ${JSON.stringify(given.slice(0, 40))} is no number of milliseconds above 0.`,
    'x-tilth-deadline-ms: 250 waits a quarter of a second; timeout in the parameters of an inference request is in microseconds.',
  );

export const tooManyRows = (rowCount: number, limit: number): TilthError =>
  new TilthError(
    'SERVING_TOO_MANY_ROWS',
    400,
    `The request has ${rowCount} rows; ${limit} at once is the most.`,
    'Send fewer rows per request, or score them with: tilth batch',
  );

export const starting = (): TilthError =>
  new TilthError('SERVING_STARTING', 503, 'This data plane has no configuration yet.', 'Try again in a moment: it is loading, or waits for the control plane.');

export const notLogged = (cause: unknown): TilthError =>
  new TilthError(
    'SERVING_PREDICTION_NOT_LOGGED',
    503,
    `The prediction could not be written to the log, so it is not given (${messageOf(cause)}).`,
    'Look for a full disk below the home folder.',
    { cause },
  );

export const modelFailed = (model: string, version: number, cause: unknown): TilthError =>
  new TilthError('SERVING_MODEL_FAILED', 500, `Version ${version} of ${model} failed on these rows.`, undefined, { cause });

export const modelUnloadable = (message: string, cause?: unknown): TilthError =>
  new TilthError('SERVING_MODEL_UNLOADABLE', 500, message, undefined, { cause });

export const configUntrusted = (message: string): TilthError =>
  new TilthError(
    'SERVING_CONFIG_UNTRUSTED',
    403,
    message,
    'It is not used. Compare the keys: tilth endpoint key, on the control plane. Give the right one with --server-key, or delete server-key in the folder `serving` of the data plane’s home to trust the next one.',
  );

export const modelLoading = (doing: string): TilthError =>
  new TilthError('SERVING_MODEL_LOADING', 503, `The model is still being loaded: ${doing}.`, 'It is tried again every few seconds.');

/** The model itself does not take the rows; in its words. */
export const rowsRefused = (words: string): TilthError =>
  new TilthError('SERVING_ROWS_REFUSED', 400, `The model does not take these rows: ${words}`);

/** Scoring has no effects, so the caller may simply ask again. */
export const workerLost = (cause: unknown): TilthError =>
  new TilthError('SERVING_WORKER_LOST', 503, 'The model’s process ended while it had these rows.', 'Try again in a moment.', { cause });

/** The model's processes can't keep up, or do not come up. */
export const workersBusy = (why: string): TilthError => new TilthError('SERVING_BUSY', 503, why, 'Try again in a moment.');

export const segmentDamaged = (path: string, offset: number): TilthError =>
  new TilthError(
    'PREDICTION_SEGMENT_DAMAGED',
    500,
    `The prediction segment ${path} is damaged from byte ${offset} on.`,
    'The records before it are whole. Check the disk; the segment is not deleted.',
  );

export const segmentOfOtherVersion = (path: string): TilthError =>
  new TilthError(
    'PREDICTION_SEGMENT_VERSION',
    500,
    `The prediction segment ${path} was written by another version of tilth, in a format that this one does not read.`,
    'Start the version that wrote it once, so that its records reach Parquet.',
  );
