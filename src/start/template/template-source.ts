import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve, sep } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import { packagePath, version } from '../../platform/package-root.ts';
import { runProgram } from '../project/programs.ts';
import { contextFile } from './context.ts';
import { templateNotFetched, templateNotFound } from './template-errors.ts';
import { unzip } from './zip-archive.ts';

/** A template on this machine, wherever it came from. */
export interface TemplateSource {
  /** folder that holds cookiecutter.json */
  readonly folder: string;
  /** name for replay files */
  readonly name: string;
  /** what to write down as its origin, so that it can be fetched again */
  readonly template: string;
  readonly commit: string | null;
  /** git work tree on this machine with the template's whole history */
  readonly repository: string | undefined;
  /** removes what was fetched */
  close(): void;
}

export interface SourceRequest {
  readonly template: string;
  readonly abbreviations: Readonly<Record<string, string>>;
  readonly checkout?: string | undefined;
  /** folder inside the repository */
  readonly directory?: string | undefined;
}

export const ownTemplate = 'tilth:ml-project';

/**
 * Finds or fetches a template: `tilth:NAME` (ours), a folder, a git address or abbreviation, a local .zip.
 *
 * @throws TEMPLATE_NOT_FOUND, TEMPLATE_NOT_FETCHED
 */
export async function openTemplate(request: SourceRequest): Promise<TemplateSource> {
  const address = expand(request.template, request.abbreviations);
  if (address.startsWith('tilth:')) {
    const folder = packagePath('templates', basename(address.slice('tilth:'.length)));
    // our templates change with the package, so its version is what a project remembers
    return found(request, folder, address, `v${version}`, undefined, () => undefined);
  }
  if (address.toLowerCase().endsWith('.zip') && !isRepository(address)) return fromZip(request, address);
  if (isRepository(address)) return fromGit(request, address);
  const folder = resolve(address);
  const head = existsSync(folder)
    ? await runProgram('git', ['-C', folder, 'rev-parse', '--show-toplevel', 'HEAD'])
    : undefined;
  const [top, commit] = head?.status === 0 ? head.output.split('\n') : [];
  return found(request, folder, folder, commit ?? null, top, () => undefined);
}

function expand(template: string, abbreviations: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(abbreviations, template)) return abbreviations[template] ?? template;
  const [prefix = '', ...rest] = template.split(':');
  const pattern = rest.length > 0 && Object.hasOwn(abbreviations, prefix) ? abbreviations[prefix] : undefined;
  return pattern === undefined ? template : pattern.replace('{0}', () => rest.join(':'));
}

/** The addresses that cookiecutter takes for repositories. */
const isRepository = (address: string): boolean =>
  /^(?:(?:git\+)?(?:git|ssh|file|https?):(?:\/\/)?|[\w.-]+@[\w.-]+)/.test(address);

async function fromGit(request: SourceRequest, address: string): Promise<TemplateSource> {
  const { checkout } = request;
  if (checkout?.startsWith('-') === true)
    throw templateNotFetched(address, `${checkout} is not a branch, tag or commit`);
  const url = address.replace(/^git\+/, '').replace(/\/$/, '');
  const folder = mkdtempSync(join(tmpdir(), 'tilth-template-'));
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  const name =
    basename(url)
      .split(':')
      .at(-1)
      ?.replace(/\.git$/, '') ?? 'template';
  const into = join(folder, name);
  const environment = {
    ...process.env,
    GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file',
    GIT_TERMINAL_PROMPT: process.stdin.isTTY ? '1' : '0',
  };
  const git = async (...args: string[]): Promise<string> => {
    const result = await runProgram('git', args, { environment });
    if (result.status === 0) return result.output.trim();
    close();
    throw templateNotFetched(address, result.errorOutput.trim());
  };
  await git('clone', '--quiet', '--', url, into);
  if (checkout !== undefined) await git('-C', into, 'checkout', '--quiet', checkout, '--');
  const commit = await git('-C', into, 'rev-parse', 'HEAD');
  return found(request, into, url, commit, into, close);
}

function fromZip(request: SourceRequest, address: string): TemplateSource {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-template-'));
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const [first] = unzip(resolve(address), folder);
    if (first?.endsWith('/') !== true) throw new Error('its first entry is not a folder');
    return found(request, join(folder, first), resolve(address), null, undefined, close);
  } catch (cause) {
    close();
    throw templateNotFetched(address, messageOf(cause));
  }
}

function found(
  request: SourceRequest,
  root: string,
  template: string,
  commit: string | null,
  repository: string | undefined,
  close: () => void,
): TemplateSource {
  const folder = resolve(root, request.directory ?? '.');
  const isInside = folder === resolve(root) || folder.startsWith(resolve(root) + sep);
  if (!isInside || !existsSync(join(folder, contextFile))) {
    close();
    throw templateNotFound(request.template, [folder]);
  }
  return { folder, name: basename(folder), template, commit, repository, close };
}
