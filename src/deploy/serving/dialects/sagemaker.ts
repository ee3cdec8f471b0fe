import type { PlaneRequest } from '../listener/exchange.ts';
import type { ActiveEndpoint } from '../answering/active-endpoint.ts';
import type { Prediction } from '../answering/prediction-service.ts';

/**
 * Headers by which Amazon's clients of SageMaker (`boto3.client('sagemaker-runtime', endpoint_url=…)`) say what
 * MLflow's dialect has no word for.
 *
 * @see https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
 */
const inferenceId = 'x-amzn-sagemaker-inference-id';
const targetVariant = 'x-amzn-sagemaker-target-variant';
const customAttributes = 'x-amzn-sagemaker-custom-attributes';

/** `InferenceId`: by it ground truth is joined later, as by our request id. */
export const inferenceIdOf = (request: PlaneRequest): string | undefined => request.header(inferenceId);

/** `TargetVariant`: the number of a version, or the name of a variant that the route has. */
export function targetVersionOf(request: PlaneRequest, endpoint: ActiveEndpoint): string | undefined {
  const wanted = request.header(targetVariant);
  if (wanted === undefined) return undefined;
  const named = endpoint.targets.find((target) => target.variant === wanted);
  return named === undefined ? wanted : String(named.version);
}

/** Which variant answered; and to a caller who sent attributes, which version and under which id. */
export function sagemakerHeaders(
  request: PlaneRequest,
  { target, requestId }: Prediction,
): Record<string, string> {
  if (request.header(customAttributes) === undefined && request.header('x-amz-date') === undefined) return {};
  return {
    'x-amzn-invoked-production-variant': target.variant,
    [customAttributes]: `tilth-version=${target.version};tilth-request-id=${encodeURIComponent(requestId)}`,
  };
}
