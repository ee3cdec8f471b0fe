import { Command, CommanderError } from 'commander';
import { version } from '../platform/package-root.ts';
import type { AddCommands } from '../platform/command.ts';
import { exitCodes, reportFailure } from '../platform/terminal.ts';
import { CalledCommand } from './called-command.ts';
import { groups, type GroupName } from './groups.ts';

/**
 * Parses the command line, loads only the group that was called, and runs it.
 *
 * @returns the exit code
 */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const words = argv.slice(2);
  const called = words.find((word) => !word.startsWith('-'));
  const wanted = called !== undefined && called in groups ? [called as GroupName] : (Object.keys(groups) as GroupName[]);
  const loaded = new Set<AddCommands>();
  for (const name of wanted) loaded.add(await groups[name].load());
  try {
    try {
      if (wanted.length > 1) throw new CommanderError(exitCodes.yes, 'all', 'all commands are asked for');
      await run(new CalledCommand('tilth', new Set(words)), loaded, words, { isTried: true });
    } catch (thrown) {
      // help, or words that it has no command for: what there is has to be known as a whole
      if (!(thrown instanceof CommanderError)) throw thrown;
      await run(new Command('tilth'), loaded, words);
    }
    return Number(process.exitCode ?? exitCodes.yes);
  } catch (thrown) {
    // scripts that call dvc know its own code for a command line it does not understand
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.yes : called === 'dvc' ? 254 : exitCodes.usage;
    // the quickstart's --json names a file
    return reportFailure(thrown, { json: words.includes('--json') && called !== 'quickstart' });
  }
}

/** @param isTried help and complaints about the command line are kept back until a command was found and runs */
async function run(
  program: Command,
  groupsOfIt: ReadonlySet<AddCommands>,
  words: readonly string[],
  { isTried }: { isTried: boolean } = { isTried: false },
): Promise<void> {
  let isQuiet = isTried;
  program.configureOutput({
    writeOut: (text) => void (isQuiet || process.stdout.write(text)),
    writeErr: (text) => void (isQuiet || process.stderr.write(text)),
  });
  // a command may tell its help itself
  program.hook('preAction', () => {
    isQuiet = false;
  });
  program
    .description('MLOps in one program: start, develop, deploy, monitor, maintain')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what there is)')
    .enablePositionalOptions();
  for (const addCommands of groupsOfIt) addCommands(program);
  for (const command of leavesOf(program)) command.exitOverride();
  program.exitOverride();
  if (words.length === 0 || (program instanceof CalledCommand && program.isIncomplete)) program.help();
  await program.parseAsync(words as string[], { from: 'user' });
}

function leavesOf(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...leavesOf(child)]);
}
