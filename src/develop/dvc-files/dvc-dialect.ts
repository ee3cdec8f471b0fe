import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { note } from '../../platform/terminal.ts';

/** Flags that every verb of dvc takes. */
export interface DvcFlags extends CommonFlags {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** dvc's exit codes: no repository, wrong settings, wrong usage, anything else; some verbs say 1 where others say 255. */
export const dvcExitCodes = { failed: 255, usage: 254, noRepository: 253, config: 251, no: 1 } as const;

/** The group `tilth dvc`, to which data, pipelines and remotes add their verbs. */
export function dvcGroup(program: Command): Command {
  const known = program.commands.find((one) => one.name() === 'dvc');
  if (known !== undefined) return known;
  const dvc = program
    .command('dvc')
    .description("dvc's own verbs, with its flags, texts and exit codes")
    .option('--cd <path>', 'work in this folder');
  return dvc.hook('preAction', () => {
    const folder = dvc.opts<{ cd?: string }>().cd;
    if (folder === undefined) return;
    if (!existsSync(folder)) dvc.error(`ERROR: ${folder}, given with --cd, does not exist.`);
    process.chdir(resolve(folder));
  });
}

/** A verb, or a group of verbs such as `remote`; one that is there already is extended. */
export function dvcVerb(parent: Command, usage: string, description: string): Command {
  return withCommonFlags(parent.command(usage).description(description))
    .option('-q, --quiet', 'say nothing')
    .option('-v, --verbose', 'say more');
}

/**
 * Runs the action of one of dvc's verbs: failures are told as dvc tells them, and end with its exit code.
 *
 * @param failsWith 1 for the verbs of dvc that catch their own failures (`add`, `commit`, `move`, `remove`, `status`, …)
 */
export function asDvc<Args extends readonly unknown[]>(
  action: (...args: Args) => Promise<void> | void,
  failsWith: 1 | 255 = dvcExitCodes.failed,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await action(...args);
    } catch (thrown) {
      process.exitCode = tellAsDvc(thrown, failsWith);
    }
  };
}

function tellAsDvc(thrown: unknown, failsWith: 1 | 255): number {
  const isKnown = thrown instanceof TilthError;
  note(`ERROR: ${isKnown ? '' : 'unexpected error - '}${messageOf(thrown)}`);
  if (isKnown && thrown.hint !== undefined) note(`  ${thrown.hint}`);
  return isKnown ? exitCodeOf(thrown, failsWith) : dvcExitCodes.failed;
}

function exitCodeOf(error: TilthError, failsWith: 1 | 255): number {
  if (error.code === 'DVC_REPOSITORY_MISSING') return dvcExitCodes.noRepository;
  if (error.code.startsWith('DVC_CONFIG')) return dvcExitCodes.config;
  // to dvc a remote that is not there is a fault of the settings, which some verbs catch and others do not
  if (['REMOTE_UNKNOWN', 'REMOTE_NOT_SET'].includes(error.code) && failsWith === 255) return dvcExitCodes.config;
  return error.code === 'USAGE' || error.code === 'DVC_IGNORE_IN_DATA' ? dvcExitCodes.failed : failsWith;
}

/** Standard output of a verb: nothing with `-q`, one line of JSON with `--json`, as dvc writes it. */
export function printAsDvc<T>(
  flags: DvcFlags,
  value: T,
  text: (value: T) => string | readonly string[],
): void {
  if (flags.quiet === true) return;
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(value)}\n`);
    return;
  }
  const lines = text(value);
  const joined = typeof lines === 'string' ? lines : lines.join('\n');
  if (joined !== '') process.stdout.write(`${joined}\n`);
}

/** What dvc says about files that git should be given; nothing when there are none. @param files absolute */
export function toTrackInGit(files: readonly string[], folder: string): string[] {
  if (files.length === 0) return [];
  const words = files
    .map((file) => relative(folder, file))
    .map((path) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'"'"'`)}'`));
  return ['', 'To track the changes with git, run:', '', `\tgit add ${words.join(' ')}`, '', 'To enable auto staging, run:', '', '\tdvc config core.autostage true'];
}
