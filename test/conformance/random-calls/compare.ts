import { isDeepStrictEqual } from 'node:util';
import type { Answer, Call } from './call.ts';
import { deviations } from './deviations.ts';

/** Equal, a meant difference by its name, or one that nobody explained. */
export type Verdict = { readonly kind: 'equal' } | { readonly kind: 'meant'; readonly name: string } | { readonly kind: 'differs'; readonly theirs: Answer; readonly ours: Answer };

export function compare(call: Call, mlflow: Answer, tilth: Answer): Verdict {
  const used: string[] = [];
  let [theirs, ours] = [essence(mlflow), essence(tilth)];
  for (const { name, leavesOut } of deviations) {
    if (leavesOut === undefined) continue;
    const bodies = [leavesOut(theirs.body, call), leavesOut(ours.body, call)] as const;
    if (!isDeepStrictEqual(bodies, [theirs.body, ours.body])) used.push(name);
    theirs = { ...theirs, body: bodies[0] };
    ours = { ...ours, body: bodies[1] };
  }
  if (isEqual(theirs, ours)) return isEqual(essence(mlflow), essence(tilth)) ? { kind: 'equal' } : { kind: 'meant', name: used.join(' + ') };
  const meant = deviations.find((each) => each.explains?.(call, theirs, ours, { theirs: wordsOf(mlflow), ours: wordsOf(tilth) }) === true);
  return meant === undefined ? { kind: 'differs', theirs, ours } : { kind: 'meant', name: meant.name };
}

/** Words that clients and their tests look for in a refusal; all others are ours. */
const knownWords = ['Changing param values is not allowed', 'Missing value for required parameter', "must be in the 'active' state"];

/** The same, where our refusal may say more of the words that clients know. */
function isEqual(theirs: Answer, ours: Answer): boolean {
  if (theirs.status !== ours.status || theirs.status < 400) return isDeepStrictEqual(theirs, ours);
  const [first, second] = [theirs.body as Refusal, ours.body as Refusal];
  return first.error_code === second.error_code && first.known_words.every((words) => second.known_words.includes(words));
}

interface Refusal {
  readonly error_code: string;
  readonly known_words: readonly string[];
}

/** Of a refusal its code and the words that clients know. */
function essence({ status, body }: Answer): Answer {
  if (status < 400) return { status, body };
  const code = typeof body === 'object' && body !== null && 'error_code' in body ? body.error_code : 'none';
  return { status, body: { error_code: code, known_words: knownWords.filter((each) => wordsOf({ status, body }).includes(each)) } };
}

const wordsOf = ({ body }: Answer): string => (typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '');

/** The first places where two values differ, to be read by a person. */
export function differences(theirs: unknown, ours: unknown, place = ''): string[] {
  if (isDeepStrictEqual(theirs, ours)) return [];
  if (typeof theirs !== 'object' || typeof ours !== 'object' || theirs === null || ours === null) return [`${place}: ${JSON.stringify(theirs)} | ${JSON.stringify(ours)}`];
  const keys = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
  return [...keys].flatMap((key) => differences((theirs as Record<string, unknown>)[key], (ours as Record<string, unknown>)[key], `${place}.${key}`)).slice(0, 6);
}
