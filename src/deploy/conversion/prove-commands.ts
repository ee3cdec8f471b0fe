import type { AddCommands } from '../../platform/command.ts';

/** The process that a graph is tried in; not for people. */
export const addProverCommands: AddCommands = (program) => {
  program
    .command('model-prover', { hidden: true })
    .argument('<folder>')
    .action(async (folder: string) => {
      const { proveAsked } = await import('./prove-asked.ts');
      await proveAsked(folder);
    });
};
