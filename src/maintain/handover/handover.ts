import type { OwnedThing } from './handover-api.ts';

/**
 * How many people would have to leave until nobody is left who ever changed a thing, counting those who know it best.
 * People with less than a tenth of the changes don't carry it.
 */
export function busFactor(hands: OwnedThing['hands']): number {
  const total = hands.reduce((sum, hand) => sum + hand.changeCount, 0);
  return hands.filter((hand) => hand.changeCount >= total / 10).length;
}

export interface Facts {
  readonly from: string;
  readonly to: string;
  /** ISO date */
  readonly date: string;
  readonly things: readonly OwnedThing[];
  readonly revokedTokenCount: number;
}

const howTo: Readonly<Record<OwnedThing['kind'], (thing: string) => string[]>> = {
  project: () => ['tilth pipeline status', 'tilth pipeline run'],
  dataset: (thing) => [`tilth data contract check ${thing}`, 'tilth data status'],
  model: (thing) => [`tilth model show ${thing}`, `tilth model history ${thing}`, `tilth monitor performance ${thing}`, `tilth retrain ${thing}`],
  endpoint: (thing) => [`tilth endpoint show ${thing}`, `tilth endpoint rollback ${thing}`],
};

/** The document that goes with a handover: what it is, who else knows it, and the commands that look after it. */
export function writeDocument(facts: Facts): string {
  const sections = facts.things.map((owned) => {
    const others = owned.hands.filter((hand) => hand.person !== facts.from && hand.person !== 'tilth');
    const knows =
      others.length === 0
        ? `Only ${facts.from} has ever changed it: ask before they leave.`
        : `Others who changed it: ${others.map((hand) => `${hand.person} (${hand.changeCount})`).join(', ')}.`;
    const commands = howTo[owned.kind](owned.thing).map((command) => `    ${command}`);
    return [`## ${owned.kind} ${owned.thing}`, '', `${knows} Bus factor: ${owned.busFactor}.`, '', ...commands, ''].join('\n');
  });
  return [
    `# Handover from ${facts.from} to ${facts.to}, ${facts.date}`,
    '',
    `${facts.things.length} things changed their owner; tokens of ${facts.from} that were ended: ${facts.revokedTokenCount}.`,
    '',
    ...sections,
  ].join('\n');
}
