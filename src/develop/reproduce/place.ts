import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { StepFailed } from './reproduce-errors.ts';

/** A clean checkout of a commit in a folder of its own. */
export interface Place {
  /** top of the checkout */
  readonly folder: string;
  /** top of the person's repository, which is only read; undefined when it came from the remote */
  readonly here: string | undefined;
  /** the commit that it stands on: another name for the same files where history was rewritten */
  readonly commit: string;
  /** what is worth saying of where the code came from */
  readonly notes: readonly string[];
  remove(): void;
}

export interface WantedCode {
  readonly commit: string;
  /** hash of the commit's files; undefined where it was not recorded */
  readonly tree: string | undefined;
  /** address of the remote that the repository had */
  readonly remote: string | undefined;
  /** a revision that was asked for instead; undefined: the recorded commit */
  readonly instead: string | undefined;
}

/**
 * Brings the commit's files into a new folder. The objects are those of the repository here, which is only read: no worktree is
 * registered there, no ref and no index is touched, and a repository of another user of the machine will do. What is not here is
 * fetched from the remote into the new folder only.
 *
 * @throws StepFailed when the commit can't be had
 */
export function makePlace(wanted: WantedCode, from = process.cwd()): Place {
  const here = findUp('.git', from);
  const root = mkdtempSync(join(tmpdir(), 'tilth-reproduce-'));
  // a project without a tilth.yaml is called what its folder is called
  const folder = join(root, basename(here ?? 'worktree'));
  const remove = (): void => rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  try {
    mkdirSync(folder);
    must(
      git(folder, ['init', '--quiet', '--initial-branch=reproduction']),
      'an empty repository can not be made',
    );
    if (here !== undefined) borrowObjects(folder, here);
    // what we put into the checkout is none of its changes
    writeFileSync(
      join(folder, '.git', 'info', 'exclude'),
      '.venv\n/.dvc/cache\n/.dvc/tmp\n/.dvc/config.local\n',
    );
    const remote =
      wanted.remote ??
      (here === undefined ? undefined : git(here, ['config', '--get', 'remote.origin.url']).out.trim());
    if (remote !== undefined && remote !== '') git(folder, ['remote', 'add', 'origin', remote]);
    const { commit, notes } = findCode(folder, here, wanted);
    must(
      git(folder, ['checkout', '--quiet', '--detach', commit]),
      `the commit ${commit} can not be checked out`,
    );
    const modules = existsSync(join(folder, '.gitmodules')) ? ['Submodules of git are not filled.'] : [];
    return { folder, here, commit, notes: [...notes, ...modules], remove };
  } catch (thrown) {
    remove();
    throw thrown;
  }
}

function borrowObjects(folder: string, here: string): void {
  const common = git(here, ['rev-parse', '--git-common-dir']).out.trim();
  const objects = join(resolve(here, common === '' ? '.git' : common), 'objects');
  const lines = [objects];
  const further = join(objects, 'info', 'alternates');
  if (existsSync(further))
    for (const line of readFileSync(further, 'utf8').split('\n'))
      if (line !== '') lines.push(resolve(objects, line));
  writeFileSync(join(folder, '.git', 'objects', 'info', 'alternates'), `${lines.join('\n')}\n`);
}

function findCode(
  folder: string,
  here: string | undefined,
  wanted: WantedCode,
): { commit: string; notes: string[] } {
  const { commit, tree, instead } = wanted;
  const isHere = (name: string): boolean => git(folder, ['cat-file', '-e', `${name}^{tree}`]).status === 0;
  if (instead !== undefined) {
    const found =
      here === undefined
        ? undefined
        : git(here, ['rev-parse', '--verify', '--quiet', `${instead}^{commit}`]).out.trim();
    if (found === undefined || found === '')
      throw new StepFailed('code', `There is no commit ${instead} here.`, 'git log --oneline --all');
    return {
      commit: found,
      notes:
        found === commit
          ? []
          : [`The commit ${found.slice(0, 10)} was asked for instead of ${commit.slice(0, 10)}.`],
    };
  }
  if (isHere(commit)) return { commit, notes: [] };
  const fetched = git(folder, ['fetch', '--quiet', '--no-tags', '--depth=1', 'origin', commit]);
  if (fetched.status === 0 && isHere(commit))
    return { commit, notes: [`The commit ${commit.slice(0, 10)} came from the remote.`] };
  const same = tree === undefined || here === undefined ? undefined : commitOfTree(here, tree);
  if (same !== undefined)
    return {
      commit: same,
      notes: [`History was rewritten: ${same.slice(0, 10)} has the files of ${commit.slice(0, 10)}.`],
    };
  throw new StepFailed(
    'code',
    here === undefined
      ? `This folder is in no git repository, and the commit ${commit} can't be fetched.`
      : `The commit ${commit} is not in this repository, nor on its remote, and no other commit has its files.`,
    here === undefined
      ? `git clone ${wanted.remote ?? 'REPOSITORY'}, and again in there`
      : 'Compare with what there is: tilth reproduce RUN --commit HEAD',
    fetched.err,
  );
}

/** After a rebase or a changed message the files may be in another commit. */
function commitOfTree(here: string, tree: string): string | undefined {
  const line = git(here, ['log', '--all', '--reflog', '--format=%T %H'])
    .out.split('\n')
    .find((each) => each.startsWith(tree));
  return line?.split(' ')[1];
}

/** Applies the patch that was kept with the run. @throws StepFailed */
export function applyChanges(place: Place, patch: Buffer): void {
  if (patch.length === 0) return;
  const done = git(place.folder, ['apply', '--whitespace=nowarn'], patch);
  if (done.status !== 0)
    throw new StepFailed(
      'code',
      'The changes that were kept with the run do not fit its commit.',
      'Look at tilth/changes.diff of the run: tilth run show RUN',
      done.err,
    );
}

interface Done {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export function git(folder: string, args: readonly string[], input?: Buffer): Done {
  // a repository of another user is read, nothing in it is run; hooks and prompts have no say
  const safe = [
    '-c',
    'safe.directory=*',
    '-c',
    'core.hooksPath=/dev/null',
    '-c',
    'advice.detachedHead=false',
  ];
  const done = spawnSync('git', [...safe, '-C', folder, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 600_000,
    env: { ...withoutGit(process.env), GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0' },
    ...(input === undefined ? {} : { input }),
  });
  return {
    status: done.status ?? 1,
    out: done.stdout ?? '',
    err: (done.error?.message ?? done.stderr ?? '').trim(),
  };
}

/** A hook of git that calls us says which repository it means; we mean another. */
const withoutGit = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^GIT_(?:DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|PREFIX)$/.test(name),
    ),
  );

function must(done: Done, what: string): void {
  if (done.status !== 0)
    throw new StepFailed(
      'code',
      `${what}: ${done.err.split('\n').at(-1) ?? ''}`,
      'Is there room, and may this user write there? TMPDIR says where',
      done.err,
    );
}
