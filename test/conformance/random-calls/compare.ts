import { isDeepStrictEqual } from 'node:util';
import type { Answer, Call } from './call.ts';
import { deviations } from './deviations.ts';

/** Equal, a meant difference by its name, or one that nobody explained. */
export type Verdict = { readonly kind: 'equal' } | { readonly kind: 'meant'; readonly name: string } | { readonly kind: 'differs'; readonly theirs: Answer; readonly ours: Answer };

export function compare(call: Call, mlflow: Answer, ours: Answer): Verdict {
  let theirs = essence(mlflow);
  const mine = essence(ours);
  const used: string[] = [];
  for (const { name, ours: translate } of deviations) {
    const translated = translate?.(theirs, call) ?? theirs;
    if (!isDeepStrictEqual(translated, theirs)) used.push(name);
    theirs = translated;
  }
  if (isDeepStrictEqual(theirs, mine)) return used.length === 0 ? { kind: 'equal' } : { kind: 'meant', name: used.join(' + ') };
  const meant = deviations.find((each) => each.explains?.(call, theirs, mine) === true);
  return meant === undefined ? { kind: 'differs', theirs, ours: mine } : { kind: 'meant', name: meant.name };
}

/** Words that clients and their tests look for in a refusal; all others are ours. */
const knownWords = ['Changing param values is not allowed', 'Missing value for required parameter', "must be in the 'active' state"];

/** Of a refusal its status, its code and the words that clients know. */
function essence({ status, body }: Answer): Answer {
  if (status < 400) return { status, body };
  if (typeof body !== 'object' || body === null || !('error_code' in body)) return { status, body: typeof body === 'string' ? 'text' : body };
  const words = 'message' in body ? String(body.message) : '';
  return { status, body: { error_code: body.error_code, known_words: knownWords.filter((each) => words.includes(each)) } };
}
