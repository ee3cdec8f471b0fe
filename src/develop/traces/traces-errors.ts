import { TilthError, notFound } from '../../platform/errors.ts';

export const traceNotFound = (id: string): TilthError =>
  // MLflow's clients look for these words
  new TilthError('TRACE_NOT_FOUND', 404, `Trace with ID '${id}' not found.`);

export const spansMissing = (id: string): TilthError =>
  new TilthError('TRACE_SPANS_MISSING', 404, `Trace with ID ${id} is not fully exported yet, please try again later.`);

export const assessmentNotFound = (id: string, traceId: string): TilthError =>
  new TilthError('ASSESSMENT_NOT_FOUND', 404, `Assessment with ID '${id}' not found for trace '${traceId}'`);

export const traceTagNotFound = (key: string, traceId: string): TilthError =>
  notFound('TRACE_TAG_NOT_FOUND', `No trace tag with key '${key}' for trace with ID '${traceId}': it`);

export const otlpInvalid = (reason: string): TilthError =>
  new TilthError('OTLP_INVALID', 400, `Invalid OpenTelemetry format: ${reason}.`, 'Send an ExportTraceServiceRequest of OTLP/HTTP.');

export const otlpTooLarge = (what: string, byteCount: number | undefined, most: number): TilthError =>
  new TilthError(
    'OTLP_TOO_LARGE',
    413,
    `${what} has ${byteCount === undefined ? 'more' : `${byteCount} bytes, more`} than the ${most} bytes that are taken at once.`,
    'Export smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE), or log large inputs and outputs as artifacts.',
  );
