import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSeed, isSeedName } from '../repeatable/repeatable.ts';

/** Where a command takes its seed from, so that it can be given another one. */
export type SeedPlace =
  | {
      readonly kind: 'words';
      readonly at: number;
      readonly write: (seed: number) => string;
      readonly said: string;
    }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly write: (seed: number) => string;
      readonly said: string;
    }
  | { readonly kind: 'generators'; readonly said: string };

/**
 * The place of the seed: an argument, else a key of a file of parameters, else the generators that the script does not seed itself.
 *
 * @param folder where the command starts
 */
export function seedPlace(words: readonly string[], folder: string): SeedPlace {
  for (const [at, word] of words.entries()) {
    const [, before = '', value = ''] = /^([^=]+=)(.*)$/s.exec(word) ?? [];
    if (before !== '' && isSeedName(before.slice(0, -1).replace(/^[-+]+/, '')) && isSeed(value)) {
      return { kind: 'words', at, write: (seed) => `${before}${seed}`, said: `the argument ${before}…` };
    }
    const flag = words[at - 1] ?? '';
    if (flag.startsWith('-') && !flag.includes('=') && isSeedName(flag.replace(/^-+/, '')) && isSeed(word)) {
      return { kind: 'words', at, write: String, said: `the argument ${flag}` };
    }
  }
  return (
    inFile(folder) ?? { kind: 'generators', said: 'the generators that the script leaves without a seed' }
  );
}

function inFile(folder: string): SeedPlace | undefined {
  const path = join(folder, 'params.yaml');
  if (!existsSync(path)) return undefined;
  const lines = readFileSync(path, 'utf8').split('\n');
  const at = lines.findIndex((line) => {
    const [, name = '', value = ''] = /^\s*([\w.-]+)\s*:\s*(-?\d+)\s*(?:#.*)?$/.exec(line) ?? [];
    return isSeedName(name) && isSeed(value);
  });
  if (at < 0) return undefined;
  const line = lines[at] ?? '';
  const write = (seed: number): string => lines.with(at, line.replace(/(:\s*)-?\d+/, `$1${seed}`)).join('\n');
  return { kind: 'file', path, write, said: `${line.trim().split(':')[0] ?? 'seed'} in params.yaml` };
}

/** Gives the command another seed. @returns its words */
export function withSeed(place: SeedPlace, words: readonly string[], seed: number): readonly string[] {
  if (place.kind === 'words') return words.with(place.at, place.write(seed));
  if (place.kind === 'file') writeFileSync(place.path, place.write(seed));
  return words;
}

/** Seeds that nobody takes by chance: far from 0, 1 and 42. */
export const otherSeed = (index: number): number => 100_003 + 7_919 * index;
