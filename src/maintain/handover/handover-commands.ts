import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { call } from '../../platform/client.ts';
import { confirmed, note, print, table, usage } from '../../platform/terminal.ts';
import type { Handover, OwnedThing } from './handover-api.ts';

interface OffboardFlags extends CommonFlags {
  readonly to: string;
  readonly reason: string;
  readonly yes?: boolean;
}

export const addHandoverCommands: AddCommands = (program) => {
  withCommonFlags(program.command('offboard <person>').description('pass all that someone owns to another, and end their tokens'))
    .requiredOption('--to <person>', 'who takes over')
    .option('--reason <text>', 'why', '')
    .option('--yes', 'do it without asking')
    .action(async (person: string, flags: OffboardFlags) => {
      const owned = await call<OwnedThing[]>(flags, 'GET', `/api/v1/people/${encodeURIComponent(person)}/owned`);
      if (flags.yes !== true) await confirm(person, flags.to, owned);
      const done = await call<Handover>(flags, 'POST', '/api/v1/handovers', { from: person, to: flags.to, reason: flags.reason });
      print(flags, done, (handover) => handover.document);
    });
};

/** Ending tokens can't be undone by this command, so it asks first. */
async function confirm(person: string, to: string, owned: readonly OwnedThing[]): Promise<void> {
  if (!process.stdin.isTTY) throw usage(`This ends ${person}'s tokens and moves ${owned.length} things.`, 'Say --yes to do it without a terminal.');
  note(table(['kind', 'thing', 'bus factor'], owned.map((each) => [each.kind, each.thing, String(each.busFactor)])));
  if (!(await confirmed(`Pass these to ${to} and end ${person}'s tokens?`))) throw usage('Nothing was changed.');
}
