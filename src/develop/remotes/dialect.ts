import type { Command } from 'commander';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { print } from '../../platform/terminal.ts';
import { asDvc, dvcVerb, printAsDvc, type DvcFlags } from '../dvc-files/dvc-dialect.ts';

type Action<Args extends readonly unknown[]> = (...args: Args) => Promise<void> | void;

/** `tilth data VERB` and `tilth dvc VERB` do the same; how they take flags, print and fail differs. */
export interface Dialect {
  readonly isDvc: boolean;
  readonly verb: (parent: Command, usage: string, description: string) => Command;
  readonly run: <Args extends readonly unknown[]>(action: Action<Args>, failsWith?: 1 | 255) => Action<Args>;
  readonly print: <T>(flags: DvcFlags, value: T, text: (value: T) => string | readonly string[]) => void;
}

export const tilthDialect: Dialect = {
  isDvc: false,
  verb: (parent, usage, description) => withCommonFlags(parent.command(usage).description(description)),
  run: (action) => action,
  print: (flags: CommonFlags, value, text) => print(flags, value, text),
};

export const dvcDialect: Dialect = {
  isDvc: true,
  verb: dvcVerb,
  run: asDvc,
  print: printAsDvc,
};
