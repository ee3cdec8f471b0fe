import { existsSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { runProgram, type ProgramResult } from '../project/programs.ts';
import type { Ask } from './context.ts';
import { makeBeside, makeFolder, mayReplace } from './cookiecutters-folder.ts';
import { gitEnvironment, runFetching, type FetchOptions } from './fetch-program.ts';
import { isFolder } from './file-kind.ts';
import { readHead } from './git-head.ts';
import { withoutSecret, type RepositoryAddress } from './repository-address.ts';
import { checkoutNotFound, repositoryNotFound, templateNotFetched } from './source-errors.ts';

export interface CloneRequest {
  readonly repository: RepositoryAddress;
  readonly checkout?: string | undefined;
  /** where clones are kept, under their names */
  readonly cookiecuttersFolder: string;
  /** without it an existing clone is brought up to date unasked */
  readonly ask?: Pick<Ask, 'yesNo' | 'rest'> | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
  readonly silenceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Clone {
  readonly folder: string;
  readonly commit: string | null;
  readonly close: () => void;
}

/** How often each clone is in use in this process: nothing is changed under a rendering. */
const inUse = new Map<string, number>();

/**
 * A clone in `cookiecuttersFolder` that is what a fresh clone would be. A clone from before stays until the new one is
 * complete, and gives it the objects that both have.
 *
 * @throws TEMPLATE_REPOSITORY_NOT_FOUND, TEMPLATE_CHECKOUT_NOT_FOUND, TEMPLATE_NOT_FETCHED, STOPPED
 */
export async function openClone(request: CloneRequest): Promise<Clone> {
  const { repository, checkout } = request;
  const cookiecuttersFolder = resolve(request.cookiecuttersFolder);
  const kept = join(cookiecuttersFolder, repository.name);
  if (checkout === '' || (repository.kind === 'git' && checkout?.startsWith('-') === true))
    throw checkoutNotFound(shown(repository), checkout);
  makeFolder(cookiecuttersFolder);
  if (isFolder(kept)) {
    if (!(await mayReplace(kept, request))) return clonedTo(kept, await commitIn(kept, repository));
    // git may ask for a password
    request.ask?.rest?.();
    const commit = await commitIfFresh(kept, request);
    if (commit !== undefined) return clonedTo(kept, commit);
  } else if (existsSync(kept)) {
    throw templateNotFetched(
      shown(repository),
      `${kept} is in the way: it is no folder`,
      `Remove it: rm ${kept}`,
    );
  }
  const beside = makeBeside(cookiecuttersFolder);
  try {
    const fresh = join(beside, repository.name);
    await clone(request, kept, fresh);
    if (checkout !== undefined) await checkOut(request, checkout, fresh);
    const commit = await commitIn(fresh, repository);
    if (inUse.has(kept)) return clonedTo(fresh, commit, beside);
    replace(kept, fresh, beside);
    rmSync(beside, { recursive: true, force: true });
    return clonedTo(kept, commit);
  } catch (thrown) {
    rmSync(beside, { recursive: true, force: true });
    throw thrown instanceof TilthError ? thrown : templateNotFetched(shown(repository), messageOf(thrown));
  }
}

async function clone(request: CloneRequest, kept: string, fresh: string): Promise<void> {
  const { repository } = request;
  const run = (...args: string[]): Promise<ProgramResult> =>
    runFetching(repository.kind, args, fetching(request));
  const target = ['--', repository.address, fresh];
  if (repository.kind === 'hg') {
    const cloned = await run('clone', ...target);
    if (cloned.status !== 0) throw notCloned(request, kept, cloned.errorOutput);
    return;
  }
  const borrows = existsSync(join(kept, '.git'));
  let cloned = borrows
    ? await run('clone', '--progress', '--reference-if-able', kept, '--dissociate', ...target)
    : undefined;
  // a broken clone must not keep its successor from coming
  if (cloned === undefined || (cloned.status !== 0 && !isUnreachable(cloned.errorOutput))) {
    rmSync(fresh, { recursive: true, force: true });
    cloned = await run('clone', '--progress', ...target);
  }
  if (cloned.status !== 0) throw notCloned(request, kept, cloned.errorOutput);
}

const isUnreachable = (output: string): boolean =>
  /not found|no answer for|unable to access|could not (?:read|resolve)|does not appear to be a git/i.test(
    output,
  );

async function checkOut(request: CloneRequest, checkout: string, fresh: string): Promise<void> {
  const { repository } = request;
  const args =
    repository.kind === 'git' ? ['checkout', '--quiet', checkout, '--'] : ['checkout', '--', checkout];
  const done = await runFetching(repository.kind, args, { ...fetching(request), folder: fresh });
  if (done.status === 0) return;
  if (
    /error: pathspec|unknown revision|invalid reference|reference is not a tree|hg: parse error/.test(
      done.errorOutput,
    )
  )
    throw checkoutNotFound(shown(repository), checkout);
  throw templateNotFetched(shown(repository), done.errorOutput);
}

function notCloned(request: CloneRequest, kept: string, output: string): TilthError {
  const { repository } = request;
  const said = output.replaceAll(repository.address, shown(repository));
  const mayBeMercurial = repository.kind === 'git' && !repository.address.includes('git');
  const hint = isFolder(kept)
    ? `The clone from before is as it was, at ${kept}. Use it: tilth start ${repository.name}`
    : mayBeMercurial
      ? `If it is a Mercurial repository, say so: hg+${shown(repository)}`
      : undefined;
  return said.toLowerCase().includes('not found')
    ? repositoryNotFound(shown(repository), hint)
    : templateNotFetched(shown(repository), said, hint);
}

const shown = (repository: RepositoryAddress): string => withoutSecret(repository.address);

const fetching = ({ repository, ask, onLine, silenceMs, signal }: CloneRequest): FetchOptions => ({
  onLine,
  signal,
  // whoever sits at a terminal may be typing a passphrase; Mercurial says nothing while it works
  silenceMs: silenceMs ?? (ask === undefined && repository.kind === 'git' ? 300_000 : 1_800_000),
});

/** The commit of a clone in which a fresh one would differ in nothing; undefined where it would, or might. */
async function commitIfFresh(kept: string, request: CloneRequest): Promise<string | undefined> {
  const { repository, checkout } = request;
  const gitFolder = join(kept, '.git');
  if (repository.kind !== 'git' || !isFolder(gitFolder) || existsSync(join(gitFolder, 'shallow')))
    return undefined;
  const ask = (...args: string[]): Promise<ProgramResult> =>
    runProgram('git', ['-C', kept, '--no-optional-locks', ...args], { environment: gitEnvironment() });
  const [head, config, status, references] = await Promise.all([
    readHead(kept),
    ask('config', '--local', '--list', '-z'),
    ask('status', '--porcelain', '--ignored', '--untracked-files=all'),
    ask('for-each-ref', '--format=%(objectname) %(refname) %(symref)', 'refs/remotes/origin', 'refs/tags'),
  ]);
  if (head?.commit === undefined || !isPlainConfig(config.output, repository.address)) return undefined;
  if (status.status !== 0 || status.output !== '') return undefined;
  const listed = await runFetching(
    'git',
    ['ls-remote', '--symref', '--', repository.address],
    fetching(request),
  );
  if (listed.status !== 0) throw notCloned(request, kept, listed.errorOutput);
  const remote = parseListing(listed.output);
  const here = new Set(references.output.split('\n'));
  const there = referencesOfClone(remote);
  const isSame = there.length > 0 && there.length === here.size && there.every((line) => here.has(line));
  return isSame && wantedCommit(remote, checkout) === head.commit ? head.commit : undefined;
}

/** The references that `git clone` makes, as `for-each-ref` lists them; none where it has to guess the default branch. */
function referencesOfClone({ defaultBranch, hashes }: RemoteReferences): string[] {
  if (defaultBranch === undefined) return [];
  const own = [...hashes].filter(([name]) => /^refs\/(?:heads|tags)\/.*(?<!\^\{\})$/.test(name));
  const lines = own.map(
    ([name, hash]) => `${hash} ${name.replace(/^refs\/heads\//, 'refs/remotes/origin/')} `,
  );
  const hash = hashes.get(`refs/heads/${defaultBranch}`) ?? '';
  return [...lines, `${hash} refs/remotes/origin/HEAD refs/remotes/origin/${defaultBranch}`];
}

/** Is this what `git clone` writes, so that nothing of the user's own decides how files are checked out? */
function isPlainConfig(listed: string, address: string): boolean {
  const settings = listed.split('\0').filter((entry) => entry !== '');
  const usual =
    /^(?:core\.(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode)\n|branch\.)/;
  const origin = new Set([
    `remote.origin.url\n${address}`,
    'remote.origin.fetch\n+refs/heads/*:refs/remotes/origin/*',
  ]);
  return (
    settings.every((entry) => usual.test(entry) || origin.has(entry)) &&
    settings.filter((entry) => origin.has(entry)).length === origin.size
  );
}

interface RemoteReferences {
  readonly defaultBranch: string | undefined;
  /** by full name; that of a tag with ^{} is its commit */
  readonly hashes: ReadonlyMap<string, string>;
}

function parseListing(output: string): RemoteReferences {
  const hashes = new Map<string, string>();
  let defaultBranch: string | undefined;
  for (const line of output.split('\n')) {
    const [what = '', name = ''] = line.split('\t');
    if (what.startsWith('ref: ')) {
      if (name === 'HEAD') defaultBranch = what.slice('ref: refs/heads/'.length);
    } else if (name !== '') hashes.set(name, what);
  }
  return { defaultBranch, hashes };
}

/** What `git checkout` in a fresh clone comes to, for the plain cases. */
function wantedCommit(
  { defaultBranch, hashes }: RemoteReferences,
  checkout: string | undefined,
): string | undefined {
  if (checkout === undefined) return hashes.get('HEAD');
  const branch = hashes.get(`refs/heads/${checkout}`);
  if (checkout === defaultBranch) return branch;
  const tag = hashes.get(`refs/tags/${checkout}^{}`) ?? hashes.get(`refs/tags/${checkout}`);
  return tag ?? branch ?? (/^[0-9a-f]{40}$/.test(checkout) ? checkout : undefined);
}

/** Puts the new clone in the place of the old one, which comes back when that fails. */
function replace(kept: string, fresh: string, beside: string): void {
  for (let attempt = 0; ; attempt += 1) {
    const old = join(beside, `old-${attempt}`);
    const hadOne = movedAway(kept, old);
    try {
      renameSync(fresh, kept);
      return;
    } catch (thrown) {
      // another process was quicker, and its clone is as good to replace
      if (attempt < 3 && existsSync(kept)) continue;
      if (hadOne && !existsSync(kept)) renameSync(old, kept);
      throw thrown;
    }
  }
}

function movedAway(from: string, to: string): boolean {
  if (!existsSync(from)) return false;
  try {
    renameSync(from, to);
    return true;
  } catch (thrown) {
    if (existsSync(from)) throw thrown;
    return false;
  }
}

async function commitIn(folder: string, repository: RepositoryAddress): Promise<string | null> {
  if (repository.kind === 'hg') return null;
  const head = await readHead(folder);
  return head?.commit ?? null;
}

function clonedTo(folder: string, commit: string | null, temporary?: string): Clone {
  inUse.set(folder, (inUse.get(folder) ?? 0) + 1);
  let isOpen = true;
  return {
    folder,
    commit,
    close() {
      if (!isOpen) return;
      isOpen = false;
      const count = (inUse.get(folder) ?? 1) - 1;
      if (count === 0) inUse.delete(folder);
      else inUse.set(folder, count);
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    },
  };
}
