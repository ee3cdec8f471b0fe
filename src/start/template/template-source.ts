import { basename, isAbsolute, join, resolve, sep } from 'node:path';
import { homedir } from 'node:os';
import { packagePath } from '../../platform/package-root.ts';
import { runProgram } from '../project/programs.ts';
import { contextFile, type Ask } from './context.ts';
import { gitEnvironment } from './fetch-program.ts';
import { isFile } from './file-kind.ts';
import { readHead } from './git-head.ts';
import { openOwnTemplate } from './own-template.ts';
import {
  expandAbbreviation,
  isRepositoryAddress,
  isZipName,
  repositoryOf,
  withoutSecret,
} from './repository-address.ts';
import { templateNotFound } from './source-errors.ts';

/** A template on this machine, wherever it came from. */
export interface TemplateSource {
  /** folder that holds cookiecutter.json */
  readonly folder: string;
  /** the same folder in the user's words, which may be relative: what templates see as `_repo_dir` */
  readonly path?: string | undefined;
  /** name for replay files */
  readonly name: string;
  /** what to write down as its origin, so that it can be fetched again */
  readonly template: string;
  readonly commit: string | null;
  /** git repository on this machine with the template's whole history; ours may not be written yet (`openOwnTemplate`) */
  readonly repository: string | undefined;
  /** removes what was fetched for this use alone; a clone in the user's folder stays */
  close(): void;
}

export interface SourceRequest {
  readonly template: string;
  readonly abbreviations: Readonly<Record<string, string>>;
  readonly checkout?: string | undefined;
  /** folder inside the repository */
  readonly directory?: string | undefined;
  /** where clones and archives are kept; ~/.cookiecutters unless the user's settings name another */
  readonly cookiecuttersFolder?: string | undefined;
  /** of a protected archive; COOKIECUTTER_REPO_PASSWORD unless given */
  readonly password?: string | undefined;
  /** without it, what was fetched before is brought up to date unasked */
  readonly ask?: Pick<Ask, 'yesNo' | 'secret' | 'rest'> | undefined;
  /** how far a long fetch is */
  readonly onLine?: ((line: string) => void) | undefined;
  /** ends a fetch with STOPPED; what was fetched before stays */
  readonly signal?: AbortSignal | undefined;
}

export const ownTemplate = 'tilth:ml-project';

/**
 * Finds or fetches a template: `tilth:NAME` (ours), a folder, a git or Mercurial address or abbreviation, a .zip here or at an
 * address, the name of one that was fetched before.
 *
 * @throws TEMPLATE_NOT_FOUND, TEMPLATE_REPOSITORY_NOT_FOUND, TEMPLATE_CHECKOUT_NOT_FOUND, TEMPLATE_NOT_FETCHED,
 *   TEMPLATE_ARCHIVE_REFUSED, TEMPLATE_ADDRESS_REFUSED
 */
export async function openTemplate(request: SourceRequest): Promise<TemplateSource> {
  const template = expandAbbreviation(request.template, request.abbreviations);
  const { checkout = '', directory = '' } = request;
  if (`${template}${checkout}${directory}`.includes('\0')) throw templateNotFound(template, [template]);
  if (template.startsWith('tilth:')) return openOwn(request, template);
  if (isZipName(template)) return openZipped(request, template);
  if (isRepositoryAddress(template)) return openCloned(request, template);
  return openFolder(request, template);
}

const noClose = (): void => undefined;

function openOwn(request: SourceRequest, template: string): TemplateSource {
  const name = basename(template.slice('tilth:'.length));
  const { found } = search(request, template, [packagePath('templates', name)], true);
  const own = openOwnTemplate(name);
  const close = (): void => {
    try {
      own.keep();
    } catch {
      // a later update can do without: the project's own first commit is the same render
    }
  };
  return { ...named(found), template, commit: own.commit, repository: own.repository, close };
}

async function openZipped(request: SourceRequest, template: string): Promise<TemplateSource> {
  const { openZip } = await import('./zip-template.ts');
  const unpacked = await openZip({
    ...request,
    template,
    cookiecuttersFolder: keptIn(request),
    password: request.password ?? process.env['COOKIECUTTER_REPO_PASSWORD'],
  });
  const { found } = search(request, template, [unpacked.folder], true, unpacked.close);
  return {
    ...named(found),
    template: unpacked.template,
    commit: null,
    repository: undefined,
    close: unpacked.close,
  };
}

async function openCloned(request: SourceRequest, template: string): Promise<TemplateSource> {
  const { openClone } = await import('./clone-template.ts');
  const repository = repositoryOf(template);
  const clone = await openClone({ ...request, repository, cookiecuttersFolder: keptIn(request) });
  const { found } = search(request, template, [clone.folder], true, clone.close);
  const isGit = repository.kind === 'git';
  return {
    ...named(found),
    template: `${isGit ? '' : 'hg+'}${withoutSecret(repository.address)}`,
    commit: clone.commit,
    repository: isGit ? clone.folder : undefined,
    close: clone.close,
  };
}

async function openFolder(request: SourceRequest, template: string): Promise<TemplateSource> {
  const kept = joined(keptIn(request), template);
  const { found, root, path } = search(request, template, [template, kept], false);
  const head = await readHead(found);
  // a folder that was named as such is itself the origin, whatever it was cloned from
  const isNamed = isAbsolute(template) || resolve(template) === resolve(root);
  const isKept = !isNamed && resolve(root) === resolve(kept) && head?.workTree === resolve(kept);
  return {
    ...named(found),
    path,
    template: (isKept ? await originOf(kept) : undefined) ?? resolve(root),
    commit: head?.commit ?? null,
    repository: head?.workTree,
    close: noClose,
  };
}

/** Others don't have this machine's clone, but they have the address it was made from. */
async function originOf(clone: string): Promise<string | undefined> {
  const origin = await runProgram('git', ['-C', clone, 'config', '--get', 'remote.origin.url'], {
    environment: gitEnvironment(),
  });
  return origin.status === 0 && origin.output !== '' ? withoutSecret(origin.output) : undefined;
}

/**
 * The first of `roots` that has a template, below `directory` if that is given.
 *
 * @param staysInside refuses a `directory` that leads out of what was fetched
 * @throws TEMPLATE_NOT_FOUND, after `close`
 */
function search(
  { directory }: SourceRequest,
  template: string,
  roots: readonly string[],
  staysInside: boolean,
  close: () => void = noClose,
): { found: string; root: string; path: string } {
  const looked: string[] = [];
  for (const root of roots) {
    const folder = directory === undefined || directory === '' ? root : joined(root, directory);
    looked.push(folder);
    const isInside = `${resolve(folder)}${sep}`.startsWith(`${resolve(root)}${sep}`);
    if (isFile(join(folder, contextFile)) && (isInside || !staysInside))
      return { found: resolve(folder), root, path: folder };
  }
  close();
  throw templateNotFound(withoutSecret(template), looked);
}

const named = (folder: string): { folder: string; name: string } => ({ folder, name: basename(folder) });

const keptIn = ({ cookiecuttersFolder }: SourceRequest): string =>
  cookiecuttersFolder ?? join(homedir(), '.cookiecutters/');

/** As Python joins paths: a second one that is absolute replaces the first. */
function joined(first: string, second: string): string {
  if (isAbsolute(second)) return second;
  return first === '' || first.endsWith('/') ? first + second : `${first}/${second}`;
}
