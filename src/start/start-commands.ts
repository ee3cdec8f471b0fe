import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { call } from '../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../platform/command.ts';
import { TilthError, messageOf } from '../platform/errors.ts';
import { resolveHome } from '../platform/home.ts';
import { version } from '../platform/package-root.ts';
import { exitCodes, note, print, usage } from '../platform/terminal.ts';
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
  readonly engine: string;
  readonly configFile?: string;
  readonly defaultConfig?: boolean;
  readonly replay?: boolean;
  readonly replayFile?: string;
  readonly verbose?: boolean;
  readonly debugFile?: string;
  readonly listInstalled?: boolean;
  readonly keepProjectOnFailure?: boolean;
  readonly git: boolean;
  readonly install: boolean;
  readonly installPoetry?: boolean;
}

export const addStartCommands: AddCommands = (program) => {
  const command = withCommonFlags(program.command('start [template] [answers...]'));
  command
    .description('begin a project from a template: ours, or any in cookiecutter format')
    .usage('[options] [TEMPLATE] [key=value ...]')
    .version(version, '-V, --version')
    .option('--no-input', "ask nothing and take the template's defaults")
    .option('-c, --checkout <ref>', 'branch, tag or commit of a git template')
    .option('--directory <path>', 'folder inside the repository that holds cookiecutter.json')
    .option('-v, --verbose', 'say more of what is done')
    .option('--replay', 'take the last answers given to this template')
    .option('--replay-file <file>', 'take the answers in this file')
    .option('-f, --overwrite-if-exists', 'render over a folder that is there')
    .option('-s, --skip-if-file-exists', 'with -f: keep the files that are there')
    .option('-o, --output-dir <folder>', 'where the project folder is made', '.')
    .option('--config-file <file>', "cookiecutter's settings (COOKIECUTTER_CONFIG, ~/.cookiecutterrc)")
    .option('--default-config', 'read no settings')
    .option('--debug-file <file>', 'write what is done, and how long it takes, at the end of this file')
    .option('--accept-hooks <yes|ask|no>', "whether the template's own code may run", 'ask')
    .option('-l, --list-installed', 'list the templates that were fetched before')
    .option('--keep-project-on-failure', 'keep the folder when rendering or a hook fails')
    .option('--engine <own|python>', "python: render with Python's Jinja2 alone", 'own')
    .option('--no-git', 'make no git repository')
    .option('--no-install', 'install no environment')
    .option('--install-poetry', 'let tilth install Poetry into its home where there is none')
    .action(async (template: string | undefined, answers: readonly string[], flags: StartFlags) => {
      if (template?.toLowerCase() === 'help') command.outputHelp();
      else if (flags.listInstalled === true) await listInstalled(flags);
      else await start(template, answers, flags);
    });
};

async function listInstalled(flags: StartFlags): Promise<void> {
  const [{ readUserConfig }, { installedTemplates }] = await Promise.all([
    import('./template/user-config.ts'),
    import('./template/cookiecutters-folder.ts'),
  ]);
  const templates = installedTemplates((await readUserConfig(flags)).cookiecuttersFolder);
  print(flags, { templates }, () => [
    `${templates.length} installed templates:`,
    ...templates.map((name) => ` * ${name}`),
  ]);
}

async function start(first: string | undefined, rest: readonly string[], flags: StartFlags): Promise<void> {
  const hasTemplate = first !== undefined && !/^[A-Za-z_]\w*=/.test(first);
  const words = first === undefined || hasTemplate ? rest : [first, ...rest];
  const answers = words.map((word): [string, string] => {
    const at = word.indexOf('=');
    if (at < 0)
      throw usage(
        `${JSON.stringify(word)} is not an answer.`,
        'Give answers as key=value, after the template.',
      );
    return [word.slice(0, at), word.slice(at + 1)];
  });
  const hooks = oneOf('--accept-hooks', flags.acceptHooks, ['yes', 'ask', 'no']);
  const engine = oneOf('--engine', flags.engine, ['own', 'python']);
  const replay = flags.replayFile ?? (flags.replay === true ? true : undefined);
  if (replay !== undefined && (!flags.input || answers.length > 0)) {
    throw new TilthError(
      'TEMPLATE_REPLAY_MIXED',
      400,
      'You can not use both replay and --no-input or answers at the same time.',
      'Answers are replayed, or given: leave out one of them.',
    );
  }
  const [{ startProject }, { ownTemplate }, { readUserConfig }] = await Promise.all([
    import('./start-project.ts'),
    import('./template/template-source.ts'),
    import('./template/user-config.ts'),
  ]);
  const interruption = watchInterruption();
  const asks = flags.input && process.stdin.isTTY && process.stderr.isTTY;
  const ask = asks ? (await import('./terminal-prompts.ts')).terminalPrompts(interruption.signal) : undefined;
  const onDetail = detailsTo(flags);
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
      answers: new Map(answers),
      ask,
      ifExists:
        flags.skipIfFileExists === true
          ? 'skip-files'
          : flags.overwriteIfExists === true
            ? 'overwrite'
            : 'refuse',
      // as cookiecutter has it, -s alone speaks of what a hook made in a new folder
      isNewOnly: flags.overwriteIfExists !== true,
      hooks,
      engine,
      replay,
      keepsProjectOnFailure: flags.keepProjectOnFailure === true,
      usesGit: flags.git,
      environment: flags.install
        ? { home: resolveHome(flags.home).root, mayInstallPoetry: flags.installPoetry === true }
        : undefined,
      onLine: note,
      onDetail,
      signal: interruption.signal,
      onRendered: interruption.close,
    });
  } catch (thrown) {
    onDetail?.(`failed: ${messageOf(thrown)}`);
    throw thrown;
  } finally {
    interruption.close();
    ask?.close();
  }
  const registered = existsSync(join(started.folder, declarationFile))
    ? await register(flags, started.folder)
    : 'no-declaration';
  print(flags, { ...started, registered }, (project) => summary(project));
}

function oneOf<T extends string>(flag: string, value: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found === undefined) throw usage(`${flag} takes ${known.join(', ')}; not ${value}.`);
  return found;
}

/** Ctrl-C and the like, as a signal to those who clean up; a second one ends us at once. */
function watchInterruption(): { readonly signal: AbortSignal; readonly close: () => void } {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.no);
    controller.abort();
  };
  for (const name of names) process.on(name, interrupt);
  return {
    signal: controller.signal,
    close: () => {
      for (const name of names) process.off(name, interrupt);
    },
  };
}

/** Where decisions and timings go: to the user with --verbose, into the --debug-file. */
function detailsTo(flags: StartFlags): ((line: string) => void) | undefined {
  const { debugFile } = flags;
  if (debugFile === undefined) return flags.verbose === true ? note : undefined;
  const log = (line: string): void => {
    const sinceStart = `+${performance.now().toFixed(1).padStart(8)} ms`;
    try {
      appendFileSync(debugFile, `${new Date().toISOString()} ${sinceStart}  ${line}\n`);
    } catch (cause) {
      throw new TilthError(
        'DEBUG_FILE_NOT_WRITTEN',
        400,
        `The debug file ${debugFile} can't be written: ${messageOf(cause)}`,
        'Give --debug-file a path in a folder that is there.',
        { cause },
      );
    }
    if (flags.verbose === true) note(line);
  };
  const called = process.argv
    .slice(2)
    .join(' ')
    .replace(/\/\/[^/@\s]*@/g, '//');
  log(`tilth ${version}: ${called}`);
  return log;
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
  } else if (repository?.outcome === 'by-template')
    lines.push(
      'git: the template made the repository; .cruft.json, which remembers the template, was committed to it',
    );
  else if (repository !== undefined)
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
