import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { shellWord } from '../../platform/shell.ts';
import { commandFiles } from './repeatable.ts';
import { copyIndex } from '../../start/project/git-index.ts';

/** What is known before a command starts: tags for its runs, and files for the first one. */
export interface Gathered {
  readonly tags: Readonly<Record<string, string>>;
  readonly files: readonly { readonly path: string; readonly content: string | Buffer }[];
}

/** A changed file that is larger is named, and not kept. */
const largestChange = 5_000_000;
const largestUntracked = 100_000;
const mostUntracked = 200;

/**
 * Commit, branch, remote and all that differs from the commit: what git ignores is left out, what looks like a secret is named
 * but not kept.
 */
export function gatherSource(folder: string): Gathered {
  const top = git(folder, ['rev-parse', '--show-toplevel'])?.trim();
  if (top === undefined) return { tags: {}, files: [] };
  // fails as a whole where there is no commit yet
  const [commit, tree] = git(top, ['rev-parse', '--quiet', 'HEAD^{commit}', 'HEAD^{tree}'])?.trim().split('\n') ?? [];
  const branch = git(top, ['symbolic-ref', '--short', '--quiet', 'HEAD'])?.trim();
  const remote = git(top, ['config', '--get', 'remote.origin.url'])?.trim();
  const inside = git(folder, ['rev-parse', '--show-prefix'])?.trim().replace(/\/$/, '');
  const tags: Record<string, string> = {
    'tilth.folder': inside === undefined || inside === '' ? '.' : inside,
    // so that a path in the command is known again in another folder
    'tilth.top': top,
    ...(branch === undefined || branch === '' ? {} : { 'mlflow.source.git.branch': branch }),
    ...(remote === undefined || remote === '' ? {} : { 'mlflow.source.git.repoURL': withoutPassword(remote) }),
  };
  if (commit === undefined) return { tags, files: [] };
  tags['mlflow.source.git.commit'] = commit;
  // the same files have the same tree, whatever a rewritten history calls its commits
  if (tree !== undefined) tags['tilth.code.tree'] = tree;
  const changed = namesOf(git(top, ['diff', '--name-only', '-z', '--no-renames', 'HEAD']));
  const untracked = namesOf(git(top, ['ls-files', '-z', '--others', '--exclude-standard']));
  const isDirty = changed.length + untracked.length > 0;
  tags['tilth.dirty'] = String(isDirty);
  if (!isDirty) return { tags, files: [] };

  const keptNew = untracked.filter((name) => !isSecret(name) && sizeOf(join(top, name)) <= largestUntracked).slice(0, mostUntracked);
  const lost = new Set([...changed.filter(isSecret), ...untracked.filter((name) => !keptNew.includes(name))]);
  const diff = changesOf(top, changed.filter((name) => !isSecret(name)), keptNew);
  if (diff === undefined) for (const name of [...changed, ...untracked]) lost.add(name);
  tags['tilth.changes.kept'] = String(changed.length + untracked.length - lost.size);
  if (lost.size > 0) tags['tilth.changes.lost'] = fitting([...lost]);
  const files = [
    ...(diff === undefined || diff.length === 0 ? [] : [{ path: commandFiles.changes, content: diff }]),
    ...(untracked.length === 0 ? [] : [{ path: commandFiles.untracked, content: hashes(top, untracked) }]),
  ];
  if (diff !== undefined) tags['tilth.changes.sha256'] = createHash('sha256').update(diff).digest('hex');
  return { tags, files };
}

/** Names, one a line, up to what a tag holds. */
export const fitting = (names: readonly string[]): string => {
  const text = names.join('\n');
  return text.length <= 4_000 ? text : `${text.slice(0, text.lastIndexOf('\n', 3_900))}\n…`;
};

const namesOf = (output: string | undefined): string[] => (output ?? '').split('\0').filter((name) => name !== '');

const sizeOf = (path: string): number => {
  try {
    const stat = lstatSync(path);
    return stat.isFile() || stat.isSymbolicLink() ? stat.size : Infinity;
  } catch {
    return Infinity;
  }
};

/** Does a file of this name usually hold a secret? */
export const isSecret = (path: string): boolean => {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  return (
    /^\.env(?:$|[._-])/.test(name) ||
    /\.(?:env|pem|key|p12|pfx|keystore|jks)$/.test(name) ||
    /^(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.pgpass|\.pypirc|\.npmrc|\.htpasswd|kubeconfig)$/.test(name) ||
    /^(?:credentials?|secrets?)(?:$|[._-])/.test(name)
  );
};

/** One patch that `git apply` takes, new files included; undefined when it would be too large. */
function changesOf(top: string, changed: readonly string[], added: readonly string[]): Buffer | undefined {
  const names = [...changed, ...added];
  if (names.length === 0) return Buffer.alloc(0);
  const place = mkdtempSync(join(tmpdir(), 'tilth-run-'));
  try {
    // an index of our own: the person's stays as it is
    const index = join(place, 'index');
    const own = git(top, ['rev-parse', '--git-path', 'index'])?.trim();
    if (own !== undefined && existsSync(resolve(top, own))) copyIndex(resolve(top, own), index);
    const environment = { ...process.env, GIT_INDEX_FILE: index };
    const wanted = Buffer.from(`${names.join('\0')}\0`);
    const literal = ['--literal-pathspecs'];
    if (added.length > 0) {
      run(top, [...literal, 'add', '--intent-to-add', '--pathspec-from-file=-', '--pathspec-file-nul'], environment, Buffer.from(`${added.join('\0')}\0`));
    }
    // the person's own programs for showing differences have no say in what is kept
    const options = ['--binary', '--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', '--src-prefix=a/', '--dst-prefix=b/'];
    if (wanted.length > 100_000) return undefined;
    return run(top, [...literal, 'diff', ...options, 'HEAD', '--', ...names], environment);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function run(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv, input?: Buffer): Buffer | undefined {
  const done = spawnSync('git', ['-C', folder, ...args], { env: environment, maxBuffer: largestChange, ...(input === undefined ? {} : { input }) });
  return done.status === 0 ? done.stdout : undefined;
}

function git(folder: string, args: readonly string[]): string | undefined {
  const environment = { ...process.env, GIT_OPTIONAL_LOCKS: '0' };
  const { status, stdout } = spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8', env: environment, maxBuffer: 1 << 26 });
  return status === 0 ? stdout : undefined;
}

/** As `sha256sum` writes them, so that `sha256sum -c` checks them; files of more than 1 GB are named without. */
const hashes = (top: string, names: readonly string[]): string =>
  names
    .slice(0, 10_000)
    .map((name) => `${hashOf(join(top, name))}  ${name}\n`)
    .join('');

function hashOf(path: string): string {
  try {
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) return createHash('sha256').update(readlinkSync(path)).digest('hex');
    return stat.size > 1_000_000_000 ? '# too large' : createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch {
    return '# unreadable';
  }
}

/** The address of a remote without what signs in there. */
export const withoutPassword = (address: string): string =>
  address.replace(/^(https?:\/\/)[^/@]*@/i, '$1').replace(/^(\w+:\/\/[^/:@]+):[^/@]*@/, '$1@');

const secretName = /(?:^|[-_.])(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|credentials?)$/i;

/** The command as a shell takes it, without what looks like a secret. */
export function commandLine(words: readonly string[]): { line: string; hiddenCount: number } {
  let hiddenCount = 0;
  const shown = words.map((word, at) => {
    const before = words[at - 1] ?? '';
    const pair = /^(-{0,2}[\w.-]+)=(.+)$/s.exec(word);
    if (pair !== null && secretName.test(pair[1] ?? '')) {
      hiddenCount += 1;
      return `${pair[1] ?? ''}=…`;
    }
    if (at > 0 && before.startsWith('--') && !before.includes('=') && secretName.test(before) && !word.startsWith('-')) {
      hiddenCount += 1;
      return '…';
    }
    const clean = word.replace(/(\w+:\/\/[^/\s:@]*):[^/\s@]+@/g, '$1:…@');
    if (clean !== word) hiddenCount += 1;
    return clean;
  });
  return { line: shown.map(shellWord).join(' '), hiddenCount };
}
