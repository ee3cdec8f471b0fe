import { spawn } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, rmSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { gitFailed, notARepository, nothingCommitted } from './update-errors.ts';

export interface GitResult {
  readonly status: number;
  readonly output: Buffer;
  readonly said: string;
}

export interface GitOptions {
  readonly input?: string | Buffer | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** What a parent git (a hook, an alias) would tell its children about itself must not reach ours. */
const surroundings = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX|NAMESPACE|LITERAL_PATHSPECS)$/.test(
          name,
        ),
    ),
  ),
  LC_ALL: 'C',
  // looking must not write: status would refresh the index
  GIT_OPTIONAL_LOCKS: '0',
  GIT_LITERAL_PATHSPECS: '1',
});

/** Runs git; its status is an answer. */
export function tryGit(
  folder: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<GitResult> {
  return new Promise((done) => {
    const child = spawn('git', args, {
      cwd: folder,
      env: { ...surroundings(), ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output: Buffer[] = [];
    const said: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => output.push(part));
    child.stderr.on('data', (part: Buffer) => said.push(part));
    // git may end before it has read all
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => done({ status: 127, output: Buffer.alloc(0), said: error.message }));
    child.on('close', (status) =>
      done({
        status: status ?? 1,
        output: Buffer.concat(output),
        said: Buffer.concat(said).toString().trim(),
      }),
    );
    child.stdin.end(options.input ?? '');
  });
}

/** @throws GIT_FAILED with git's words */
export async function git(
  folder: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<Buffer> {
  const result = await tryGit(folder, args, options);
  if (result.status === 0) return result.output;
  const command = args.find(
    (word, at) => !word.startsWith('-') && args[at - 1] !== '-c' && args[at - 1] !== '-C',
  );
  throw gitFailed(command ?? '', folder, result.said || `status ${result.status}`);
}

export const gitText = async (
  folder: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> => (await git(folder, args, options)).toString().replace(/\n$/, '');

/** A file in a tree of git: `100644`, `100755`, `120000` (a link) or `160000` (a submodule), and its object. */
export interface Entry {
  readonly mode: string;
  readonly oid: string;
}

/** Path, with slashes, to file. */
export type Tree = ReadonlyMap<string, Entry>;

export const isSame = (one: Entry | undefined, other: Entry | undefined): boolean =>
  one?.oid === other?.oid && one?.mode === other?.mode;

/**
 * The git repository of a project, with a place of its own for new objects: nothing is written to the project until
 * `keepObjects` moves them there.
 */
export interface ProjectRepository {
  readonly folder: string;
  /** the repository's work tree; the project may be a folder of it */
  readonly top: string;
  /** the project's folder inside the repository, `''` or ending in a slash */
  readonly prefix: string;
  /** of this work tree */
  readonly gitFolder: string;
  readonly objectFolder: string;
  /** newest commit */
  readonly head: string;
  /** for whatever is needed until `close` */
  readonly workspace: string;
  /** environment for git, so that new objects go to the place of their own */
  readonly quarantine: Readonly<Record<string, string>>;
  close(): void;
}

/** @throws TEMPLATE_UPDATE_NEEDS_GIT, TEMPLATE_UPDATE_NEEDS_COMMIT */
export async function openProject(folder: string): Promise<ProjectRepository> {
  const asked = await tryGit(folder, [
    'rev-parse',
    '--show-toplevel',
    '--show-prefix',
    '--absolute-git-dir',
    '--git-path',
    'objects',
  ]);
  if (asked.status !== 0)
    throw notARepository(folder, asked.said.split('\n')[0]?.replace(/^fatal: /, '') ?? '');
  const [top = '', prefix = '', gitFolder = '', objects = ''] = asked.output.toString().split('\n');
  const head = await tryGit(folder, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  if (head.status !== 0) throw nothingCommitted(folder);
  const objectFolder = isAbsolute(objects) ? objects : resolve(folder, objects);
  const workspace = mkdtempSync(join(tmpdir(), 'tilth-update-'));
  const newObjects = join(workspace, 'objects');
  mkdirSync(newObjects);
  return {
    folder,
    top,
    prefix,
    gitFolder,
    objectFolder,
    head: head.output.toString().trim(),
    workspace,
    quarantine: {
      GIT_OBJECT_DIRECTORY: newObjects,
      GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted(objectFolder),
    },
    close: () => rmSync(workspace, { recursive: true, force: true }),
  };
}

/** As `openProject`, for looking only: a folder that is no repository, or has no commit yet, will do. */
export async function openFolder(folder: string): Promise<ProjectRepository> {
  try {
    return await openProject(folder);
  } catch (thrown) {
    if (
      !(thrown instanceof TilthError) ||
      !['TEMPLATE_UPDATE_NEEDS_GIT', 'TEMPLATE_UPDATE_NEEDS_COMMIT'].includes(thrown.code)
    )
      throw thrown;
  }
  const workspace = mkdtempSync(join(tmpdir(), 'tilth-update-'));
  const gitFolder = join(workspace, 'git');
  await git(workspace, ['init', '--quiet', '--bare', gitFolder]);
  return {
    folder,
    top: folder,
    prefix: '',
    gitFolder,
    objectFolder: join(gitFolder, 'objects'),
    head: '',
    workspace,
    quarantine: { GIT_DIR: gitFolder, GIT_WORK_TREE: folder },
    close: () => rmSync(workspace, { recursive: true, force: true }),
  };
}

/** Files as they lie in the work tree, as git would keep them; those that aren't there are left out. */
export async function readWorkTree(
  project: ProjectRepository,
  paths: Iterable<string>,
): Promise<Map<string, Entry>> {
  const there = [...paths].filter((path) => {
    const stat = lookAt(join(project.folder, path));
    return stat?.isFile() === true || stat?.isSymbolicLink() === true;
  });
  const environment = ownIndex(project);
  await git(project.top, ['update-index', '--add', '-z', '--stdin'], {
    environment,
    input: there.map((path) => `${project.prefix}${path}\0`).join(''),
  });
  const listed = await git(project.top, ['ls-files', '--stage', '-z', '--full-name'], { environment });
  return new Map([...parseStages(listed)].map(([path, entry]) => [path.slice(project.prefix.length), entry]));
}

/** What `ls-files --stage -z` lists. */
export function parseStages(listed: Buffer): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const line of listed.toString().split('\0')) {
    const match = /^(\d+) ([\da-f]+) 0\t([^]*)$/.exec(line);
    if (match !== null) entries.set(match[3] ?? '', { mode: match[1] ?? '', oid: match[2] ?? '' });
  }
  return entries;
}

/** In this list of folders a name with a colon must be in quotes. */
const quoted = (path: string): string => (/[:"\\]/.test(path) ? JSON.stringify(path) : path);

/** What is at a path, links not followed; undefined where nothing is, or a file is in place of one of its folders. */
export function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw thrown;
  }
}

let indexCount = 0;

/** Environment with an index of its own. */
export function ownIndex(project: ProjectRepository): Record<string, string> {
  indexCount += 1;
  return { ...project.quarantine, GIT_INDEX_FILE: join(project.workspace, `index-${indexCount}`) };
}

/** Files under a commit or tree, from the folder of the project. */
export async function readTree(project: ProjectRepository, tree: string): Promise<Map<string, Entry>> {
  const listed = await git(project.top, ['ls-tree', '-r', '-z', '--full-tree', tree], {
    environment: project.quarantine,
  });
  const entries = new Map<string, Entry>();
  for (const line of listed.toString().split('\0')) {
    const match = /^(\d+) \w+ ([\da-f]+)\t([^]*)$/.exec(line);
    if (match !== null) entries.set(match[3] ?? '', { mode: match[1] ?? '', oid: match[2] ?? '' });
  }
  return entries;
}

/** @returns the name of the tree */
export async function writeTree(project: ProjectRepository, tree: Tree): Promise<string> {
  const environment = ownIndex(project);
  const lines = [...tree].map(([path, { mode, oid }]) => `${mode} ${oid} 0\t${path}\0`);
  await git(project.top, ['update-index', '-z', '--index-info'], { environment, input: lines.join('') });
  return gitText(project.top, ['write-tree', '--missing-ok'], { environment });
}

/** A commit for git's own eyes: always the same name for the same content. */
export function writeCommit(
  project: ProjectRepository,
  tree: string,
  parents: readonly string[],
): Promise<string> {
  return gitText(
    project.top,
    ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-m', 'template'],
    {
      environment: {
        ...project.quarantine,
        GIT_AUTHOR_NAME: 'tilth',
        GIT_AUTHOR_EMAIL: 'tilth@localhost',
        GIT_AUTHOR_DATE: '1000000000 +0000',
        GIT_COMMITTER_NAME: 'tilth',
        GIT_COMMITTER_EMAIL: 'tilth@localhost',
        GIT_COMMITTER_DATE: '1000000000 +0000',
      },
    },
  );
}

export const writeBlob = (project: ProjectRepository, content: Buffer | string): Promise<string> =>
  gitText(project.top, ['hash-object', '-w', '--stdin'], { environment: project.quarantine, input: content });

export const readBlob = (project: ProjectRepository, oid: string): Promise<Buffer> =>
  git(project.top, ['cat-file', 'blob', oid], { environment: project.quarantine });

/** @throws TEMPLATE_UPDATE_NEEDS_GIT */
export async function gitFolderOf(folder: string): Promise<string> {
  const asked = await tryGit(folder, ['rev-parse', '--absolute-git-dir']);
  if (asked.status !== 0)
    throw notARepository(folder, asked.said.split('\n')[0]?.replace(/^fatal: /, '') ?? '');
  return asked.output.toString().trim();
}
