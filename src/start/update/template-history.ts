import { createHash } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { userHome } from '../../platform/home.ts';
import type { Origin } from '../project/cruft-file.ts';
import { contextFile } from '../template/context.ts';
import { openTemplate, type TemplateSource } from '../template/template-source.ts';
import { openOwnTemplate } from '../template/own-template.ts';
import { checkoutNotFound } from '../template/source-errors.ts';
import { git, gitText, tryGit } from './git.ts';
import { copierTemplate } from './update-errors.ts';
import type { TemplateCommit } from './update-api.ts';

/** A template with all its commits. */
export interface TemplateHistory {
  readonly source: TemplateSource;
  /** the template's folder inside the repository */
  readonly inside: string;
  /** what an update goes to; null for a template without history */
  readonly newest: string | null;
  /** the branch, tag or commit of that name it was found by; null for the default branch */
  readonly checkout: string | null;
  /** the whole name of a commit, branch or tag; undefined when there is none of that name */
  find(name: string): Promise<string | undefined>;
  /** the template's folder as it was at that commit; the same path each time, so only one at a time */
  at(commit: string | null): Promise<string>;
  /** newest first, at most 50 */
  between(from: string, to: string): Promise<TemplateCommit[]>;
  close(): void;
}

export interface HistoryRequest {
  readonly origin: Pick<Origin, 'template' | 'directory' | 'checkout'>;
  /** asked for now; else the recorded branch, else the default one: a tag or commit is where a project began, not where it goes */
  readonly checkout?: string | undefined;
  readonly abbreviations: Readonly<Record<string, string>>;
  /** where its files may be laid out */
  readonly workspace: string;
  readonly onLine?: (line: string) => void;
}

/** @throws TEMPLATE_NOT_FOUND, TEMPLATE_NOT_FETCHED */
export async function openHistory(request: HistoryRequest): Promise<TemplateHistory> {
  const { origin, workspace } = request;
  const source = await open(request, request.checkout ?? origin.checkout ?? undefined);
  const { repository } = source;
  if (repository === undefined) {
    return {
      source,
      inside: '',
      newest: source.commit,
      checkout: null,
      find: async () => undefined,
      at: async () => source.folder,
      between: async () => [],
      close: () => source.close(),
    };
  }
  if (source.template.startsWith('tilth:'))
    openOwnTemplate(basename(source.template.slice('tilth:'.length))).keep();
  const top = realpathSync(repository);
  const inside =
    source.commit !== null && isBare(top)
      ? (origin.directory ?? '')
      : relative(top, realpathSync(source.folder));
  const place = join(workspace, 'template', basename(source.folder) || 'template');
  const clone = join(workspace, 'template', inside === '' ? basename(place) : 'repository');
  let isCloned = false;
  const find = async (name: string): Promise<string | undefined> => {
    if (name.startsWith('-')) return undefined;
    for (const each of [`origin/${name}`, name]) {
      const found = await tryGit(top, ['rev-parse', '--verify', '--quiet', `${each}^{commit}`]);
      if (found.status === 0) return found.output.toString().trim();
    }
    return undefined;
  };
  const branchOf = async (name: string): Promise<string | undefined> => {
    for (const ref of [`refs/remotes/origin/${name}`, `refs/heads/${name}`]) {
      const found = await tryGit(top, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`]);
      if (found.status === 0) return found.output.toString().trim();
    }
    return undefined;
  };
  // a folder stands as it is: which of its commits is wanted, only git can tell
  const asked = request.checkout === undefined ? undefined : await find(request.checkout);
  if (request.checkout !== undefined && asked === undefined)
    throw checkoutNotFound(origin.template, request.checkout);
  const recorded =
    asked !== undefined || origin.checkout === null ? undefined : await branchOf(origin.checkout);
  const newest = asked ?? recorded ?? (await branchOf('HEAD')) ?? source.commit;
  const checkout =
    asked !== undefined ? (request.checkout ?? null) : recorded !== undefined ? origin.checkout : null;
  return {
    source,
    inside,
    newest,
    checkout,
    find,
    async at(commit) {
      if (commit === null) return source.folder;
      if (!isCloned) {
        await git(workspace, ['clone', '--quiet', '--no-checkout', '--', top, clone]);
        isCloned = true;
      }
      await git(clone, [
        '-c',
        'advice.detachedHead=false',
        'checkout',
        '--quiet',
        '--force',
        '--detach',
        commit,
      ]);
      await git(clone, ['clean', '--quiet', '-xdff']);
      return join(clone, inside);
    },
    async between(from, to) {
      const listed = await gitText(top, [
        'log',
        '-z',
        '-n',
        '50',
        '--format=%H%n%ct%n%s',
        `${from}..${to}`,
        '--',
      ]);
      return listed
        .split('\0')
        .filter((entry) => entry !== '')
        .map((entry) => {
          const [commit = '', seconds = '', subject = ''] = entry.split('\n');
          return { commit, at: Number(seconds) * 1000, subject };
        });
    },
    close: () => source.close(),
  };
}

/**
 * As `openHistory`, for a project that may have been made by copier.
 *
 * @throws TEMPLATE_IS_COPIER where the template is not cookiecutter's
 */
export async function openOrigin(isCopier: boolean, request: HistoryRequest): Promise<TemplateHistory> {
  try {
    return await openHistory(request);
  } catch (thrown) {
    const isOther = isCopier && thrown instanceof TilthError && thrown.code === 'TEMPLATE_NOT_FOUND';
    throw isOther ? copierTemplate(request.origin.template) : thrown;
  }
}

/** A recorded branch may be gone by now. */
async function open(request: HistoryRequest, checkout: string | undefined): Promise<TemplateSource> {
  const { origin } = request;
  const wanted = {
    template: addressOf(origin.template),
    abbreviations: request.abbreviations,
    directory: origin.directory ?? undefined,
    // not among the user's own clones, which nobody asked to bring up to date
    cookiecuttersFolder: join(
      userHome(),
      'templates',
      'fetched',
      createHash('sha256').update(origin.template).digest('hex').slice(0, 16),
    ),
    onLine: request.onLine,
  };
  try {
    return await openTemplate({ ...wanted, checkout });
  } catch (thrown) {
    if (checkout === undefined || request.checkout !== undefined) throw thrown;
    return openTemplate(wanted);
  }
}

const isBare = (folder: string): boolean =>
  existsSync(join(folder, 'HEAD')) && !existsSync(join(folder, '.git'));

/** cruft takes the path of a repository without a work tree, cookiecutter only its address. */
function addressOf(template: string): string {
  const folder = resolve(template);
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder && !existsSync(join(folder, contextFile)) && isBare(folder) ? `file://${folder}` : template;
}
