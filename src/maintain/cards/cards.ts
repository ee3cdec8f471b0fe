import { createHash } from 'node:crypto';
import type { World } from '../../platform/world.ts';
import { championOf, getModelRow, listVersions } from '../../deploy/registry/registry-store.ts';
import { parseVersion } from '../../deploy/registry/registry.ts';
import type { CardPart, ModelCard } from './card-api.ts';
import { composeCard } from './card.ts';
import { collectCardFacts } from './card-facts.ts';
import { noVersionYet } from './card-errors.ts';
import { frontMatterOf, writeCard } from './card-markdown.ts';

/**
 * The card of a version, computed from what is on record now.
 *
 * @param wanted a number; `champion`, or nothing, for the one in production, else the newest
 * @throws MODEL_NOT_FOUND, MODEL_VERSION_NOT_FOUND, MODEL_HAS_NO_VERSION
 */
export async function cardOf(world: World, model: string, wanted: string): Promise<ModelCard> {
  const version = wanted === 'champion' ? await versionInUse(world, model) : parseVersion(wanted);
  const facts = await collectCardFacts(world, model, version);
  const card = composeCard(facts);
  const digest = digestOf(frontMatterOf(facts), card.parts);
  return {
    model,
    version,
    markdown: writeCard(facts, card, digest),
    parts: card.parts.map(({ title, facts: stated }) => ({ title, facts: [...stated] })),
    missing: [...card.missing],
    isStale: card.isStale,
    staleBecause: card.staleBecause,
    digest,
  };
}

/** What the card says and what it rests on; when something was last looked at again is no change. */
function digestOf(frontMatter: Record<string, unknown>, parts: readonly CardPart[]): string {
  const said = parts.map(({ title, facts }) => [title, ...facts.map(({ label, text, evidence }) => [label, text, evidence?.kind, evidence?.id])]);
  return createHash('sha256').update(JSON.stringify([frontMatter, said])).digest('hex');
}

async function versionInUse(world: World, model: string): Promise<number> {
  const { read } = world.database;
  await getModelRow(read, model);
  const found = (await championOf(read, model)) ?? (await listVersions(read, model))[0]?.version;
  if (found === undefined) throw noVersionYet(model);
  return found;
}
