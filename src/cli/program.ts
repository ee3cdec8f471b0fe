import { Command, CommanderError } from 'commander';
import type { AddCommands } from '../platform/command.ts';
import { exitCodes, reportFailure } from '../platform/terminal.ts';
import { groups, type GroupName } from './groups.ts';

/**
 * Parses the command line, loads only the group that was called, and runs it.
 *
 * @returns the exit code
 */
export async function runProgram(version: string, argv: readonly string[]): Promise<number> {
  const program = new Command('tilth')
    .description('MLOps in one program: start, develop, deploy, monitor, maintain')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what there is)')
    .enablePositionalOptions();
  const words = argv.slice(2);
  const called = words.find((word) => !word.startsWith('-'));
  const wanted = called !== undefined && called in groups ? [called as GroupName] : (Object.keys(groups) as GroupName[]);
  const loaded = new Set<AddCommands>();
  for (const name of wanted) loaded.add(await groups[name].load());
  for (const addCommands of loaded) addCommands(program);
  for (const command of leavesOf(program)) command.exitOverride();
  program.exitOverride();
  try {
    if (words.length === 0) program.help();
    await program.parseAsync(argv as string[]);
    return Number(process.exitCode ?? exitCodes.yes);
  } catch (thrown) {
    // scripts that call dvc know its own code for a command line it does not understand
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.yes : called === 'dvc' ? 254 : exitCodes.usage;
    // the quickstart's --json names a file
    return reportFailure(thrown, { json: words.includes('--json') && called !== 'quickstart' });
  }
}

function leavesOf(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...leavesOf(child)]);
}
