import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { call } from '../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../platform/command.ts';
import { TilthError } from '../platform/errors.ts';
import { resolveHome } from '../platform/home.ts';
import { note, print, usage } from '../platform/terminal.ts';
import { declarationFile } from './project/declaration-file.ts';
import type { Project } from './project/project-api.ts';
import type { StartedProject } from './start-project.ts';

interface StartFlags extends CommonFlags {
  readonly checkout?: string;
  readonly directory?: string;
  readonly input: boolean;
  readonly overwriteIfExists?: boolean;
  readonly skipIfFileExists?: boolean;
  readonly outputDir: string;
  readonly acceptHooks: string;
  readonly configFile?: string;
  readonly defaultConfig?: boolean;
  readonly replay?: boolean;
  readonly replayFile?: string;
  readonly verbose?: boolean;
  readonly keepProjectOnFailure?: boolean;
  readonly git: boolean;
  readonly install: boolean;
  readonly installPoetry?: boolean;
}

export const addStartCommands: AddCommands = (program) => {
  withCommonFlags(program.command('start [template] [answers...]'))
    .description('begin a project from a template: ours, or any in cookiecutter format')
    .usage('[options] [TEMPLATE] [key=value ...]')
    .option('-c, --checkout <ref>', 'branch, tag or commit of a git template')
    .option('--directory <path>', 'folder inside the repository that holds cookiecutter.json')
    .option('--no-input', "ask nothing and take the template's defaults")
    .option('-f, --overwrite-if-exists', 'render over a folder that is there')
    .option('-s, --skip-if-file-exists', 'fill up a folder that is there, keeping its files')
    .option('-o, --output-dir <folder>', 'where the project folder is made', '.')
    .option('--accept-hooks <yes|ask|no>', "whether the template's own scripts may run", 'ask')
    .option('--config-file <file>', "cookiecutter's settings (COOKIECUTTER_CONFIG, ~/.cookiecutterrc)")
    .option('--default-config', 'read no settings')
    .option('--replay', 'take the last answers given to this template')
    .option('--replay-file <file>', 'take the answers in this file')
    .option('-v, --verbose', 'say more of what is done')
    .option('--keep-project-on-failure', "keep the folder when a template's script fails")
    .option('--no-git', 'make no git repository')
    .option('--no-install', 'install no environment')
    .option('--install-poetry', 'let tilth install Poetry into its home where there is none')
    .action(start);
};

async function start(first: string | undefined, rest: readonly string[], flags: StartFlags): Promise<void> {
  const isAnswer = (word: string): boolean => /^[A-Za-z_]\w*=/.test(word);
  const hasTemplate = first !== undefined && !isAnswer(first);
  const words = first === undefined || hasTemplate ? rest : [first, ...rest];
  const wrong = words.find((word) => !isAnswer(word));
  if (wrong !== undefined)
    throw usage(
      `${JSON.stringify(wrong)} is not an answer.`,
      'Give answers as key=value, after the template.',
    );
  const { acceptHooks: hooks } = flags;
  if (hooks !== 'yes' && hooks !== 'ask' && hooks !== 'no')
    throw usage(`--accept-hooks takes yes, ask or no, not ${hooks}.`);
  const replay = flags.replayFile ?? (flags.replay === true ? true : undefined);
  if (replay !== undefined && (!flags.input || words.length > 0)) {
    throw usage('Answers are either replayed or given: --replay goes with neither --no-input nor key=value.');
  }
  const [{ startProject }, { ownTemplate }, { readUserConfig }, { terminalPrompts }] = await Promise.all([
    import('./start-project.ts'),
    import('./template/template-source.ts'),
    import('./template/user-config.ts'),
    import('./terminal-prompts.ts'),
  ]);
  const asks = flags.input && process.stdin.isTTY && process.stderr.isTTY;
  const prompts = asks ? terminalPrompts() : undefined;
  let started: StartedProject;
  try {
    started = await startProject({
      source: {
        template: hasTemplate ? first : ownTemplate,
        checkout: flags.checkout,
        directory: flags.directory,
      },
      config: await readUserConfig(flags),
      outputFolder: flags.outputDir,
      answers: new Map(
        words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
      ),
      ask: prompts,
      ifExists:
        flags.skipIfFileExists === true
          ? 'skip-files'
          : flags.overwriteIfExists === true
            ? 'overwrite'
            : 'refuse',
      hooks,
      replay,
      keepsProjectOnFailure: flags.keepProjectOnFailure === true,
      usesGit: flags.git,
      environment: flags.install
        ? { home: resolveHome(flags.home).root, mayInstallPoetry: flags.installPoetry === true }
        : undefined,
      onLine: note,
      onDetail: flags.verbose === true ? note : undefined,
    });
  } finally {
    prompts?.close();
  }
  const registered = existsSync(join(started.folder, declarationFile))
    ? await register(flags, started.folder)
    : 'no-declaration';
  print(flags, { ...started, registered }, (project) => summary(project));
}

type Registered = 'registered' | 'no-server' | 'no-declaration';

/** A project may begin before there is a server; that is said, and is no fault. */
async function register(flags: CommonFlags, root: string): Promise<Registered> {
  try {
    await call<Project>(flags, 'POST', '/api/v1/projects', { root });
    return 'registered';
  } catch (thrown) {
    if (thrown instanceof TilthError && thrown.code === 'SERVER_NOT_REACHABLE') return 'no-server';
    throw thrown;
  }
}

function summary(project: StartedProject & { registered: Registered }): string[] {
  const { repository, environment } = project;
  const lines = [`Started ${project.folder} from ${project.template}: ${project.fileCount} files`];
  if (repository?.outcome === 'created') {
    const author = repository.usedAuthorOfAnswers
      ? ', in the name of the author you gave (git knows no other)'
      : '';
    lines.push(`git: first commit ${repository.commit?.slice(0, 9) ?? ''}${author}`);
  } else if (repository !== undefined)
    lines.push('git: the repository was there and is left as it was; commit what is new');
  if (environment?.outcome === 'no-lock') lines.push(`environment: none (${environment.reason})`);
  else if (environment !== undefined) {
    const took =
      environment.outcome === 'in-step'
        ? 'already in step with the lock'
        : `${environment.seconds.toFixed(0)} s`;
    lines.push(`environment: ${environment.packageCount} packages of the lock, ${took}`);
  }
  if (project.registered === 'registered') lines.push('server: the project is registered');
  else if (project.registered === 'no-server')
    lines.push('server: none is running; register later with: tilth project register');
  return lines;
}
