import type { GivenTensor } from './tensors.ts';
import { bodyUnreadable, columnWrong } from '../serving-errors.ts';

const codecs = ['np', 'pd', 'str', 'base64', 'datetime'] as const;

/**
 * How MLServer's clients say what tensors stand for: an array, the columns of a data frame, text, bytes in base64, times
 * as text.
 *
 * @see https://docs.seldon.ai/mlserver/user-guide/content-type
 */
export type Codec = (typeof codecs)[number];

/**
 * @param contentType of a request's or a tensor's parameters; may be followed by parameters of its own
 * @throws SERVING_BODY_UNREADABLE for one that is not known: it would change what the values mean
 */
export function codecOf(contentType: unknown): Codec | undefined {
  if (contentType === undefined || contentType === null) return undefined;
  const name = String(contentType as string)
    .split(';')[0]
    ?.trim();
  const codec = codecs.find((one) => one === name);
  if (codec === undefined)
    throw bodyUnreadable(
      `The content_type ${JSON.stringify(contentType)} is not known.`,
      `There are: ${codecs.join(', ')}.`,
    );
  return codec;
}

/** The tensor with its values as the model takes them; only base64 hides them. */
export function unpacked(tensor: GivenTensor, codec: Codec | undefined): GivenTensor {
  if (codec !== 'base64') return tensor;
  if (tensor.datatype !== 'BYTES')
    throw columnWrong(tensor.name, `is of ${tensor.datatype}, and only BYTES come in base64`);
  return {
    ...tensor,
    values: Array.from(tensor.values, (value) => Buffer.from(String(value), 'base64').toString('utf8')),
  };
}

/** How MLServer's clients are to read one output. */
export const answerCodec = (datatype: string): Codec => (datatype === 'BYTES' ? 'str' : 'np');
