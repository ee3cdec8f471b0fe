import { createHash } from 'node:crypto';
import { setCardProvider } from '../../deploy/registry/gate/gate-evidence.ts';
import type { CardWords } from '../../deploy/registry/gate/gate-facts.ts';
import type { Reader } from '../../platform/database/database.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { wordsOf } from './card-facts.ts';
import { questions } from './card-words.ts';

/** What people say in a model's card, for the gate that asks for it and the approval that is bound to it. */
export async function cardWordsOf(read: Reader, model: string): Promise<CardWords | undefined> {
  const declared = await declarationOf(read, model);
  const words = declared === undefined ? new Map<string, string>() : wordsOf(declared, model);
  if (words.size === 0) return undefined;
  const said = questions.map(({ label }) => [label, words.get(label) ?? null]);
  return {
    hash: createHash('sha256').update(JSON.stringify(said)).digest('hex'),
    asked: questions.map(({ label }) => label),
    missing: questions.filter(({ label }) => !words.has(label)).map(({ label }) => label),
    place: 'MODEL_CARD.md of the project',
  };
}

/** Cards stand above deployment, so they hand their words down. */
export const startCards = (): void => setCardProvider(cardWordsOf);
