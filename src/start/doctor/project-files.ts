import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** What one file was and what it would be; undefined: not there. */
export interface FileChange {
  readonly path: string;
  readonly before: Buffer | undefined;
  readonly after: Buffer | undefined;
}

/** What the fixes so far made of each file they touched. */
export type Changes = ReadonlyMap<string, Buffer | undefined>;

const notOurs = new Set([
  '.git',
  '.hg',
  '.venv',
  'venv',
  'node_modules',
  '.tox',
  '.nox',
  '__pycache__',
  '.tilth',
]);
const largestText = 2_000_000;

/**
 * The files of a project as they would be after the fixes so far; nothing is written here.
 * Paths are relative, with `/`. Text is seen with `\n`; a file of `\r\n` lines gets its own line ends back.
 */
export class ProjectFiles {
  readonly root: string;
  readonly isRepository: boolean;
  /** paths that git has in its index; empty outside git */
  readonly tracked: ReadonlySet<string>;
  readonly #listed: readonly string[];
  #changed = new Map<string, Buffer | undefined>();

  constructor(root: string) {
    this.root = root;
    const tracked = listedByGit(root, '--cached');
    this.isRepository = tracked !== undefined;
    this.tracked = new Set(tracked);
    const others = tracked && listedByGit(root, '--others', '--exclude-standard');
    const listed = tracked === undefined ? walk(root) : [...tracked, ...(others ?? [])];
    this.#listed = listed.filter((path) => kindOf(join(root, path)) === 'file');
  }

  /** Files that git has or would take, sorted. */
  get paths(): string[] {
    const paths = new Set(this.#listed);
    for (const [path, bytes] of this.#changed) {
      if (bytes === undefined) paths.delete(path);
      else paths.add(path);
    }
    return [...paths].toSorted();
  }

  /** Whether a file or folder is there, ignored by git or not. */
  has(path: string): boolean {
    const at = tidy(path);
    if (at === '.') return true;
    if (this.#changed.has(at)) return this.#changed.get(at) !== undefined;
    const kind = kindOf(join(this.root, at));
    if (kind === 'file') return true;
    const below = `${at}/`;
    const changedBelow = [...this.#changed].filter(([changed]) => changed.startsWith(below));
    if (changedBelow.some(([, bytes]) => bytes !== undefined)) return true;
    if (kind !== 'folder') return false;
    // git keeps no empty folder: one whose last file a fix takes away is gone for everybody else
    return (
      changedBelow.length === 0 ||
      readdirSync(join(this.root, at)).some((name) => !this.#changed.has(below + name))
    );
  }

  bytes(path: string): Buffer | undefined {
    const at = tidy(path);
    return this.#changed.has(at) ? this.#changed.get(at) : onDisk(join(this.root, at));
  }

  /** Its text; undefined when it isn't there, is binary or very large. */
  text(path: string): string | undefined {
    const bytes = this.bytes(path);
    if (bytes === undefined || bytes.length > largestText || bytes.subarray(0, 8000).includes(0))
      return undefined;
    return bytes.toString('utf8').replaceAll('\r\n', '\n');
  }

  /** Whether git would leave it out, by the rules on disk. */
  isIgnored(path: string): boolean {
    if (!this.isRepository) return false;
    return [tidy(path), `${tidy(path)}/`].some(
      (each) => asksGit(this.root, 'check-ignore', '--quiet', '--', each) !== undefined,
    );
  }

  write(path: string, text: string): void {
    const isWindows = this.bytes(path)?.includes('\r\n') === true;
    this.#changed.set(tidy(path), Buffer.from(isWindows ? text.replaceAll('\n', '\r\n') : text));
  }

  remove(path: string): void {
    this.#changed.set(tidy(path), undefined);
  }

  rename(from: string, to: string): void {
    this.#changed.set(tidy(to), this.bytes(from));
    this.remove(from);
  }

  /** What was changed so far; `restore` comes back to it. */
  changes(): Changes {
    return new Map(this.#changed);
  }

  restore(changes: Changes): void {
    this.#changed = new Map(changes);
  }

  /** The files that are not now as they were at `since`, or on disk. */
  changedFiles(since: Changes = new Map()): FileChange[] {
    return [...this.#changed]
      .map(([path, after]) => ({
        path,
        before: since.has(path) ? since.get(path) : onDisk(join(this.root, path)),
        after,
      }))
      .filter(({ before, after }) =>
        before === undefined || after === undefined ? before !== after : !before.equals(after),
      )
      .toSorted((one, other) => (one.path < other.path ? -1 : 1));
  }
}

/** `./a//b/` as `a/b`. */
const tidy = (path: string): string => posix.normalize(path).replace(/\/$/, '');

function kindOf(path: string): 'file' | 'folder' | 'other' | 'absent' {
  try {
    const found = lstatSync(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  } catch {
    return 'absent';
  }
}

const onDisk = (path: string): Buffer | undefined =>
  kindOf(path) === 'file' ? readFileSync(path) : undefined;

const listedByGit = (root: string, ...which: string[]): string[] | undefined =>
  asksGit(root, 'ls-files', '-z', ...which)
    ?.split('\0')
    .filter((path) => path !== '');

/** What git answers; undefined when it says no. */
function asksGit(root: string, ...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

function walk(root: string, below = ''): string[] {
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : walk(root, path);
    return entry.isFile() ? [path] : [];
  });
}
