import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { call } from '../../platform/client.ts';
import { note, print } from '../../platform/terminal.ts';
import type { ModelCard } from './card-api.ts';
import { cardOutdated } from './card-errors.ts';

interface CardFlags extends CommonFlags {
  readonly out?: string;
  readonly check?: string;
}

/** Adds `card` to the command `model`, which the registry brings. */
export const addCardCommands: AddCommands = (program) => {
  const model = program.commands.find((command) => command.name() === 'model') ?? program.command('model').description('registered models');

  withCommonFlags(model.command('card <model> [version]').description('the model card, computed from what is on record; the version in production unless you name one'))
    .option('--out <file>', 'write it there, for example MODEL_CARD.md')
    .option('--check <file>', 'only say whether this file is the card as the record stands now; exit code 1 when it is not')
    .action(async (name: string, version: string | undefined, flags: CardFlags) => {
      const path = `/api/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version ?? 'champion')}/card`;
      const card = await call<ModelCard>(flags, 'GET', path);
      if (flags.check !== undefined) {
        const stored = existsSync(flags.check) ? readFileSync(flags.check, 'utf8') : '';
        if (stored.includes(card.digest)) {
          print(flags, { file: flags.check, digest: card.digest, isCurrent: true }, () => `${flags.check} is the card of ${name} version ${card.version} as the record stands now.`);
          return;
        }
        throw cardOutdated(flags.check, name, card.version);
      }
      if (flags.out === undefined) print(flags, card, (each) => each.markdown.trimEnd());
      else {
        writeFileSync(flags.out, card.markdown);
        print(flags, { file: flags.out, ...card }, (each) => `The card of ${each.model} version ${each.version} is in ${each.file}.`);
      }
      for (const each of card.missing) note(`not said yet: ${each}`);
      if (card.staleBecause !== null) note(`${card.staleBecause}.`);
    });
};
