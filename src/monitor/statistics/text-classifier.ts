import { seededRandom, shuffle } from '../../platform/statistics/seeded-random.ts';

/** A text as the places of its words and pairs of words in a table of fixed size; each place once. */
export type HashedText = Uint32Array;

const tableSize = 1 << 17;
const mostWords = 400;

/** Words of letters and digits in any script, lower case; and each two neighbours. */
export function hashText(text: string): HashedText {
  const words = wordsOf(text);
  const places = new Set<number>();
  for (const [at, word] of words.entries()) {
    places.add(placeOf(word));
    const next = words[at + 1];
    if (next !== undefined) places.add(placeOf(`${word} ${next}`));
  }
  return Uint32Array.from(places);
}

export const wordsOf = (text: string): string[] =>
  (
    text
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).slice(0, mostWords);

/** FNV-1a. */
function placeOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % tableSize;
}

/** Log odds by a weight for each word. */
export interface TextClassifier {
  readonly weights: Float32Array;
  readonly bias: number;
}

const epochCount = 8;
const rate = 0.5;
/** pulls the weights of rare words back */
const ridge = 1e-4;

/**
 * Learns which texts are of the second class: logistic regression with steps that shrink for each word as it is seen.
 *
 * @see Duchi, Hazan, Singer, Adaptive subgradient methods, 2011; Weinberger and others, Feature hashing, 2009.
 */
export function learnTexts(
  texts: readonly HashedText[],
  labels: Uint8Array,
  rows: readonly number[],
): TextClassifier {
  const [weights, seen] = [new Float32Array(tableSize), new Float32Array(tableSize).fill(1e-3)];
  let bias = 0;
  const order = [...rows];
  const random = seededRandom(11);
  for (let epoch = 0; epoch < epochCount; epoch++) {
    shuffle(order, random);
    for (const row of order) {
      const places = texts[row] as HashedText;
      const scale = 1 / Math.sqrt(places.length || 1);
      const error = 1 / (1 + Math.exp(-scoreText({ weights, bias }, places))) - (labels[row] as number);
      for (const place of places) {
        const weight = weights[place] as number;
        const gradient = error * scale + ridge * weight;
        seen[place] = (seen[place] as number) + gradient * gradient;
        weights[place] = weight - (rate * gradient) / Math.sqrt(seen[place] as number);
      }
      bias -= 0.01 * error;
    }
  }
  return { weights, bias };
}

export function scoreText({ weights, bias }: TextClassifier, places: HashedText): number {
  let score = 0;
  for (const place of places) score += weights[place] as number;
  return bias + score / Math.sqrt(places.length || 1);
}
