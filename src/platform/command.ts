import type { Command } from 'commander';
import type { CommonFlags } from './terminal.ts';

/**
 * How a feature adds its commands: a file `*-commands.ts` exports one function of this type.
 * It is loaded only when its group is called, so that `tilth --version` stays quick.
 */
export type AddCommands = (program: Command) => void;

/** Adds the flags that every command has. */
export const withCommonFlags = (command: Command): Command =>
  command
    .option('--json', 'print one JSON document')
    .option('--server <url>', 'address of the control plane (TILTH_URL)')
    .option('--home <folder>', 'where everything local lives (TILTH_HOME)');

export type { CommonFlags };
