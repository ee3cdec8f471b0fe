import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const python = process.env['TILTH_TEST_DVC_PYTHON'];

/** What a command left behind. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Tool = 'tilth' | 'dvc';

/** A folder in which two copies of one repository lie, one for each tool. */
export class TwoTools {
  readonly #folder = mkdtempSync(join(tmpdir(), 'two-tools-'));
  readonly #environment: NodeJS.ProcessEnv;

  constructor() {
    assert.ok(python !== undefined, 'TILTH_TEST_DVC_PYTHON must name a Python with dvc');
    const home = join(this.#folder, 'home');
    mkdirSync(home);
    this.#environment = {
      PATH: process.env['PATH'],
      HOME: home,
      DVC_SITE_CACHE_DIR: join(this.#folder, 'site'),
      DVC_NO_ANALYTICS: '1',
      NO_COLOR: '1',
      ...Object.fromEntries(
        ['AUTHOR', 'COMMITTER'].flatMap((who) => [
          [`GIT_${who}_NAME`, 'a'],
          [`GIT_${who}_EMAIL`, 'a@example.org'],
          [`GIT_${who}_DATE`, '2026-01-01T00:00:00Z'],
        ]),
      ),
    };
    mkdirSync(this.root('dvc'));
    this.shell('dvc', 'git init -q -b main .');
    this.run('dvc', ['init', '-q']);
  }

  root(tool: Tool): string {
    return join(this.#folder, tool);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Commands of a shell that prepare the repository; afterwards both tools have the same. */
  prepare(script: string): this {
    this.shell('dvc', script);
    rmSync(this.root('tilth'), { recursive: true, force: true });
    cpSync(this.root('dvc'), this.root('tilth'), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
    return this;
  }

  /** The same in both copies, between commands. */
  both(script: string): this {
    this.shell('tilth', script);
    this.shell('dvc', script);
    return this;
  }

  shell(tool: Tool, script: string): Outcome {
    const path = `${dirname(python ?? '')}:${process.env['PATH'] ?? ''}`;
    const done = spawnSync('bash', ['-e', '-c', script], {
      cwd: this.root(tool),
      env: { ...this.#environment, PATH: path },
      encoding: 'utf8',
    });
    assert.equal(done.status, 0, `${script}\n${done.stdout}${done.stderr}`);
    return { status: done.status ?? 1, stdout: done.stdout, stderr: done.stderr };
  }

  /** @param at folder inside the repository in which the command is given */
  run(tool: Tool, args: readonly string[], at = '.'): Outcome {
    const [program, first] =
      tool === 'dvc' ? [python ?? '', ['-m', 'dvc']] : [process.execPath, [main, 'dvc']];
    const done = spawnSync(program, [...first, ...args], {
      cwd: join(this.root(tool), at),
      env: this.#environment,
      encoding: 'utf8',
      input: '',
    });
    return { status: done.status ?? 1, stdout: done.stdout, stderr: done.stderr };
  }

  /** Gives one command to both: the same exit code, the same files, the same cache, the same index of git. */
  agree(
    args: readonly string[],
    options: { readonly at?: string; readonly output?: 'json' | 'lines' | 'none' } = {},
  ): Outcome {
    const theirs = this.run('dvc', args, options.at);
    const ours = this.run('tilth', args, options.at);
    const told = `dvc ${args.join(' ')}\ndvc says: ${theirs.stdout}${theirs.stderr}\ntilth says: ${ours.stdout}${ours.stderr}`;
    assert.equal(ours.status, theirs.status, told);
    if (options.output === 'json')
      assert.deepEqual(sorted(JSON.parse(ours.stdout)), sorted(JSON.parse(theirs.stdout)), told);
    if (options.output === 'lines') assert.deepEqual(linesOf(ours.stdout), linesOf(theirs.stdout), told);
    assert.deepEqual(filesOf(this.root('tilth')), filesOf(this.root('dvc')), told);
    const staged = 'git status --porcelain --no-renames --untracked-files=all | grep -v dvcignore | sort';
    assert.equal(this.shell('tilth', staged).stdout, this.shell('dvc', staged).stdout, told);
    return ours;
  }
}

const main = join(import.meta.dirname, '../../cli/main.ts');

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .sort();

/** The order of lists says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(sorted).sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, one]) => [key, sorted(one)])
      .sort(([left], [right]) => (String(left) < String(right) ? -1 : 1)),
  );
}

/** Every file with its bytes and whether it may be written or is a link; not git's own, nor what a tool remembers. */
function filesOf(root: string, folder = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(root, folder)).sort()) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (path === '.git' || path === '.dvc/tmp' || path === '.dvc/cache/tilth-drafts' || path.endsWith('.dvcignore') || path.endsWith('.tmp'))
      continue;
    const stat = lstatSync(join(root, path));
    if (stat.isDirectory()) Object.assign(found, filesOf(root, path));
    else
      found[path] = stat.isSymbolicLink()
        ? 'link'
        : `${(stat.mode & 0o777).toString(8)} ${existsSync(join(root, path)) ? readFileSync(join(root, path), 'latin1') : ''}`;
  }
  return found;
}
