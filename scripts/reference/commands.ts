import { Command, type Option } from 'commander';
import { groups } from '../../src/cli/groups.ts';
import type { AddCommands } from '../../src/platform/command.ts';
import { code, markdownTable, pageHead } from './page.ts';

/** The whole command line, as `tilth --help` would build it. */
export async function loadProgram(): Promise<Command> {
  const program = new Command('tilth').enablePositionalOptions();
  const loaded = new Set<AddCommands>();
  for (const [name, group] of Object.entries(groups)) {
    try {
      loaded.add(await group.load());
    } catch (cause) {
      throw new Error(`the command group ${name} can't be loaded: ${String(cause)}`, { cause });
    }
  }
  for (const add of loaded) add(program);
  return program;
}

const common = new Set(['--json', '--server', '--home']);

/** `docs/reference/commands.md` */
export async function commandsPage(): Promise<string> {
  const program = await loadProgram();
  // what the help doesn't list is not for users
  const commands = program.createHelp().visibleCommands(program).filter((command) => command.name() !== 'help');
  const sections = commands.map((command) => section(command, [command.name()]));
  const head = pageHead(
    'Commands',
    'Standard output is the result, standard error is progress. Exit codes: 0 yes, 1 no, 2 wrong usage, 3 server not reachable, 70 a fault in tilth.\n\n' +
      'Most commands also take `--json` (one JSON document), `--server URL` (else `TILTH_URL`) and `--home FOLDER` (else `TILTH_HOME`);\n' +
      'where one of them is missing below, it does not apply.',
  );
  const contents = commands.map((command) => `[${command.name()}](#tilth-${command.name()})`).join(' · ');
  return `${head}\n${contents}\n\n${sections.join('\n')}`;
}

function section(command: Command, path: readonly string[]): string {
  const level = '#'.repeat(Math.min(path.length + 1, 4));
  const name = ['tilth', ...path].join(' ');
  const isGroup = command.commands.length > 0;
  const lines = [`${level} ${name}`, ''];
  if (command.description() !== '') lines.push(`${sentence(command.description())}`, '');
  if (!isGroup || command.registeredArguments.length > 0) lines.push('```', `${name} ${command.usage()}`.trim(), '```', '');
  const described = command.registeredArguments.filter((argument) => argument.description !== '');
  if (described.length > 0) {
    lines.push(markdownTable(['argument', ''], described.map((argument) => [code(argument.name()), argument.description])), '');
  }
  const own = command.options.filter((option) => !option.hidden && !common.has(option.long ?? ''));
  if (own.length > 0) lines.push(markdownTable(['option', '', 'default'], own.map(optionRow)), '');
  const shared = command.options.filter((option) => common.has(option.long ?? '')).map((option) => code(option.long ?? ''));
  if (!isGroup) lines.push(shared.length === 0 ? 'Takes none of the common flags.' : `Also: ${shared.join(', ')}.`, '');
  return [...lines, ...command.commands.map((child) => section(child, [...path, child.name()]))].join('\n');
}

function optionRow(option: Option): string[] {
  const standard: unknown = option.defaultValue;
  const isPlain = standard === undefined || (standard === true && option.negate) || standard === false || (Array.isArray(standard) && standard.length === 0);
  const choices = option.argChoices === undefined ? '' : ` One of ${option.argChoices.join(', ')}.`;
  return [code(option.flags), `${option.description}${choices}${option.mandatory ? ' (must be given)' : ''}`.trim(), isPlain ? '' : code(typeof standard === 'string' ? standard : JSON.stringify(standard))];
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;

/** Commands that a text names and that do not exist, or flags that they don't have. */
export function commandFaults(program: Command, texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    const words = text.split(' ').slice(1);
    let command: Command | undefined = program;
    while (command !== undefined && command.commands.length > 0) {
      const [word] = words;
      const child: Command | undefined = command.commands.find((each) => each.name() === word);
      if (child === undefined && command !== program && command.registeredArguments.length > 0) break;
      command = child;
      words.shift();
    }
    const flags = words.filter((word) => word.startsWith('--'));
    const isKnown = command !== undefined && flags.every((flag) => command.options.some((option) => option.long === flag));
    return isKnown ? [] : [`there is no command ${text}`];
  });
}
