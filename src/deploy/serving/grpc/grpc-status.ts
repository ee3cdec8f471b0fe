import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { TilthError } from '../../../platform/errors.ts';
import { inferenceMessage } from '../dialects/inference-protocol.ts';
import { retryAfterOf } from '../serving-errors.ts';

const codesByStatus: Readonly<Record<number, status>> = {
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  413: status.RESOURCE_EXHAUSTED,
  429: status.RESOURCE_EXHAUSTED,
  501: status.UNIMPLEMENTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

/** @see https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
export const codeOf = (error: TilthError): status =>
  codesByStatus[error.status] ?? (error.status < 500 ? status.INVALID_ARGUMENT : status.INTERNAL);

/** The same failure as over HTTP, with its permanent code and when to come back in the metadata. */
export function asServiceError(error: TilthError): Partial<ServiceError> {
  const metadata = new Metadata();
  metadata.set('x-tilth-error', error.code);
  if (error.status === 429 || error.status === 503) metadata.set('retry-after', String(retryAfterOf(error)));
  return { code: codeOf(error), details: inferenceMessage(error), metadata };
}
