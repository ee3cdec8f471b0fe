import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { runProgram } from '../../../src/start/project/programs.ts';
import { startProject } from '../../../src/start/start-project.ts';
import { decideHooks } from '../../../src/start/template/hook-trust.ts';
import { readContext, toJson } from '../../../src/start/template/context.ts';
import { fromJson, str, type Value } from '../../../src/start/template/jinja/values.ts';
import { openTemplate } from '../../../src/start/template/template-source.ts';
import { TilthError } from '../../../src/platform/errors.ts';

export type Answers = Readonly<Record<string, unknown>>;

export interface Rendering {
  readonly template: string;
  readonly directory?: string | undefined;
  readonly answers: Answers;
  readonly hooks: boolean;
}

/** What a rendering left behind: every path with its kind, mode and content; or what it said when it failed. */
export interface Outcome {
  readonly tree: ReadonlyMap<string, string>;
  readonly fault: { readonly code: string; readonly words: string } | undefined;
}

export interface Compared {
  readonly differences: readonly string[];
  readonly fileCount: number;
  readonly fault: string | undefined;
  readonly askedPythonFor: string | undefined;
}

const stopped = Date.UTC(2026, 2, 1, 23, 35, 5);

/** Our error for each of cookiecutter's exceptions. */
const codes: Readonly<Record<string, readonly string[]>> = {
  FailedHookException: ['TEMPLATE_HOOK_FAILED'],
  UndefinedError: ['TEMPLATE_HOOK_FAILED'],
  UndefinedVariableInTemplate: ['TEMPLATE_VARIABLE_UNDEFINED'],
  OutputDirExistsException: ['PROJECT_FOLDER_EXISTS', 'TEMPLATE_INVALID'],
  ContextDecodingException: ['TEMPLATE_INVALID'],
  NonTemplatedInputDirException: ['TEMPLATE_INVALID'],
  TemplateSyntaxError: ['TEMPLATE_INVALID', 'TEMPLATE_HOOK_FAILED'],
  TemplateNotFound: ['TEMPLATE_INVALID'],
  TypeError: ['TEMPLATE_INVALID'],
  ValueError: ['TEMPLATE_INVALID', 'TEMPLATE_ANSWER_REFUSED'],
  UnicodeDecodeError: ['TEMPLATE_INVALID'],
  UnknownExtension: ['TEMPLATE_NEEDS_PYTHON'],
  RepositoryNotFound: ['TEMPLATE_NOT_FOUND'],
};

/**
 * Answer sets that between them take every choice once and every yes or no both ways.
 *
 * @param given answers that every set holds
 */
export function answerSets(templateFolder: string, given: Answers = {}): Answers[] {
  let context: ReadonlyMap<string, Value>;
  try {
    context = readContext(templateFolder);
  } catch {
    return [given];
  }
  const open = [...context].filter(
    ([name]) => !name.startsWith('_') && !(name in given) && name !== 'template',
  );
  const yesNo = (value: Value): boolean =>
    typeof value === 'boolean' || (typeof value === 'string' && /^(?:y|n|yes|no)$/i.test(value));
  const optionCount = ([, value]: [string, Value]): number =>
    Array.isArray(value) ? value.length : yesNo(value) ? 2 : 1;
  const setCount = Math.max(1, ...open.map(optionCount));
  return Array.from({ length: setCount }, (_, at) => {
    const varied = open.flatMap(([name, value]): [string, unknown][] => {
      if (at === 0) return [];
      if (Array.isArray(value))
        return value.length > 1 ? [[name, toJson(value[at % value.length] ?? null)]] : [];
      if (!yesNo(value) || at % 2 === 0) return [];
      if (typeof value === 'boolean') return [[name, value ? 'no' : 'yes']];
      const flipped = /^y/i.test(str(value)) ? 'no' : 'yes';
      return [[name, str(value).length === 1 ? flipped.charAt(0) : flipped]];
    });
    return { ...given, ...Object.fromEntries(varied) };
  });
}

/** Renders with cookiecutter and with tilth, in the same place, at the same stopped moment, and compares. */
export class Parity {
  readonly #home = mkdtempSync(join(tmpdir(), 'tilth parity '));
  readonly #python: string;
  readonly #reference;
  readonly #answers: AsyncIterator<string>;

  constructor(python: string) {
    this.#python = python;
    stopClockAndDice();
    this.#setEnvironment();
    this.#reference = spawn(python, [join(import.meta.dirname, 'render.py')], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: process.env,
    });
    this.#answers = createInterface({ input: this.#reference.stdout })[Symbol.asyncIterator]();
  }

  close(): void {
    this.#reference.stdin.end();
    rmSync(this.#home, { recursive: true, force: true });
  }

  async compare(rendering: Rendering): Promise<Compared> {
    const out = join(this.#home, 'out');
    const aside = join(this.#home, 'theirs');
    for (const folder of [out, aside]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(out);
    const theirFault = await this.#theirs(rendering, out);
    renameSync(out, aside);
    mkdirSync(out);
    const ours = await this.#ours(rendering, out);
    const theirs = { tree: await treeOf(aside), fault: theirFault };
    const found = { tree: await treeOf(out), fault: ours.fault };
    return {
      differences: differencesOf(theirs, found),
      fileCount: [...theirs.tree.values()].filter((each) => each.startsWith('file')).length,
      fault: theirFault?.code,
      askedPythonFor: ours.askedPythonFor,
    };
  }

  async #theirs(rendering: Rendering, outputFolder: string): Promise<Outcome['fault']> {
    const config = join(this.#home, 'config.yaml');
    this.#reference.stdin.write(`${JSON.stringify({ ...rendering, outputFolder, config })}\n`);
    const { value } = (await this.#answers.next()) as { value: string };
    const answer = JSON.parse(value) as { fault?: string; words?: string };
    return answer.fault === undefined ? undefined : { code: answer.fault, words: answer.words ?? '' };
  }

  async #ours(
    rendering: Rendering,
    outputFolder: string,
  ): Promise<{ fault: Outcome['fault']; askedPythonFor: string | undefined }> {
    let askedPythonFor: string | undefined;
    // a template that can't be read is compared in how it fails
    await this.#trust(rendering).catch(() => undefined);
    try {
      const made = await startProject({
        source: { template: rendering.template, directory: rendering.directory },
        config: {
          defaults: new Map(),
          abbreviations: {},
          replayFolder: join(this.#home, 'replay'),
          cookiecuttersFolder: join(this.#home, 'cookiecutters'),
        },
        outputFolder,
        answers: new Map(Object.entries(rendering.answers).map(([name, value]) => [name, fromJson(value)])),
        ifExists: 'refuse',
        hooks: rendering.hooks ? 'yes' : 'no',
        // so that what a failing hook has left is compared as well
        keepsProjectOnFailure: true,
        usesGit: false,
        onLine: () => undefined,
        onDetail: (line) => {
          askedPythonFor ??= /^rendered by Python's Jinja2: (.*)/.exec(line)?.[1];
        },
      });
      rmSync(join(made.folder, '.cruft.json'), { force: true });
      return { fault: undefined, askedPythonFor };
    } catch (thrown) {
      if (!(thrown instanceof TilthError))
        return { fault: { code: 'crash', words: String(thrown) }, askedPythonFor };
      return { fault: { code: thrown.code, words: thrown.message }, askedPythonFor };
    }
  }

  /** cookiecutter runs a template's extensions unasked, even without its hooks. */
  async #trust({ template, directory }: Rendering): Promise<void> {
    const source = await openTemplate({
      template,
      directory,
      abbreviations: {},
      cookiecuttersFolder: join(this.#home, 'cookiecutters'),
    });
    try {
      await decideHooks({ source, folder: source.folder, choice: 'yes' });
    } finally {
      source.close();
    }
  }

  /** One home, one git identity, one clock for everything that hooks start. */
  #setEnvironment(): void {
    const home = join(this.#home, 'home');
    mkdirSync(home);
    writeFileSync(
      join(home, '.gitconfig'),
      '[user]\n name = Ada\n email = ada@example.com\n[init]\n defaultBranch = main\n',
    );
    writeFileSync(
      join(this.#home, 'config.yaml'),
      JSON.stringify({ replay_dir: join(home, 'replay'), cookiecutters_dir: join(home, 'cookiecutters') }),
    );
    const moment = new Date(stopped).toISOString();
    Object.assign(process.env, {
      HOME: home,
      TZ: 'UTC',
      TILTH_PYTHON: this.#python,
      PATH: [join(this.#python, '..'), process.env['PATH'] ?? ''].join(delimiter),
      PYTHONPATH: join(import.meta.dirname, 'still'),
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONHASHSEED: '0',
      GIT_AUTHOR_DATE: moment,
      GIT_COMMITTER_DATE: moment,
    });
  }
}

function stopClockAndDice(): void {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given: [] | [number]) {
      if (given.length === 0) super(stopped);
      else super(...given);
    }
    static override now(): number {
      return stopped;
    }
  } as DateConstructor;
  Object.assign(crypto, { randomInt: () => 0 });
  syncBuiltinESMExports();
  globalThis.crypto.randomUUID = () => '00000000-0000-4000-8000-000000000000';
}

/** Every path below a folder; a git repository is what its history and index say. */
async function treeOf(folder: string, at = ''): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  for (const name of readdirSync(join(folder, at)).sort()) {
    const path = join(at, name);
    const file = join(folder, path);
    const { mode } = lstatSync(file);
    const rights = (mode & 0o7777).toString(8);
    if (name === '.git') tree.set(path, await historyOf(join(folder, at)));
    // what Python and tox keep for themselves holds times and process ids
    else if (name === '__pycache__' || name === '.tox') continue;
    else if (lstatSync(file).isSymbolicLink()) tree.set(path, `link to ${readlinkSync(file)}`);
    else if (lstatSync(file).isDirectory()) {
      tree.set(path, `folder ${rights}`);
      for (const [below, what] of await treeOf(folder, path)) tree.set(below, what);
    } else tree.set(path, `file ${rights} ${readFileSync(file, 'latin1')}`);
  }
  return tree;
}

async function historyOf(folder: string): Promise<string> {
  const log = await runProgram('git', ['-C', folder, 'log', '--format=%T %s %an', '--all']);
  const index = await runProgram('git', ['-C', folder, 'ls-files', '--stage']);
  return `git ${log.output} ${index.output}`;
}

function differencesOf(theirs: Outcome, ours: Outcome): string[] {
  const differences: string[] = [];
  if (theirs.fault === undefined || ours.fault === undefined) {
    if (theirs.fault !== ours.fault)
      differences.push(`fault: ${JSON.stringify(theirs.fault)} there, ${JSON.stringify(ours.fault)} here`);
  } else if (
    codes[theirs.fault.code]?.includes(ours.fault.code) !== true ||
    lacksWords(theirs.fault, ours.fault)
  ) {
    differences.push(`fault: ${JSON.stringify(theirs.fault)} there, ${JSON.stringify(ours.fault)} here`);
  }
  for (const path of new Set([...theirs.tree.keys(), ...ours.tree.keys()])) {
    const there = theirs.tree.get(path);
    const here = ours.tree.get(path);
    if (there !== here) differences.push(`${path}: ${firstDifference(there, here)}`);
  }
  return differences;
}

/** What is undefined must be said in Jinja2's own words. */
const lacksWords = (theirs: { code: string; words: string }, ours: { words: string }): boolean =>
  theirs.code === 'UndefinedVariableInTemplate' && !ours.words.includes(theirs.words);

function firstDifference(there: string | undefined, here: string | undefined): string {
  if (there === undefined) return `not there, here ${here?.slice(0, 60) ?? ''}`;
  if (here === undefined) return `not here, there ${there.slice(0, 60)}`;
  let at = 0;
  while (there[at] === here[at]) at += 1;
  const from = Math.max(0, at - 30);
  return `${JSON.stringify(there.slice(from, at + 50))} there, ${JSON.stringify(here.slice(from, at + 50))} here`;
}

/** The folder of a clone in the folder of clones. */
export function cloneOf(clones: string, repository: string): string | undefined {
  const folder = join(clones, repository.replace('/', '+'));
  return existsSync(folder) ? folder : undefined;
}
