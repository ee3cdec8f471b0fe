import { addressRefused, configRefused } from './source-errors.ts';

/** A repository as its address tells it. */
export interface RepositoryAddress {
  readonly kind: 'git' | 'hg';
  /** what git or hg is given */
  readonly address: string;
  /** name of the clone's folder */
  readonly name: string;
}

const repository = /^(?:(?:(?:git|hg)\+)?(?:git|ssh|file|https?):(?:\/\/)?|[\p{L}\p{N}_]+@[\p{L}\p{N}_.]+)/u;

/** Is this what cookiecutter takes for the address of a repository, and not for a folder? */
export const isRepositoryAddress = (template: string): boolean => repository.test(template);

export const isZipName = (template: string): boolean => template.toLowerCase().endsWith('.zip');

/**
 * `gh:owner/name` and the like in full; the user's own abbreviations go first.
 *
 * @throws TEMPLATE_CONFIG_INVALID for an abbreviation that asks for more than the one rest there is
 */
export function expandAbbreviation(
  template: string,
  abbreviations: Readonly<Record<string, string>>,
): string {
  if (Object.hasOwn(abbreviations, template)) return abbreviations[template] ?? template;
  const colon = template.indexOf(':');
  const prefix = colon < 0 ? template : template.slice(0, colon);
  const pattern = Object.hasOwn(abbreviations, prefix) ? abbreviations[prefix] : undefined;
  if (pattern === undefined) return template;
  // Python's format with one argument
  return pattern.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (part, field: string | undefined) => {
    if (part === '{{' || part === '}}') return part.slice(1);
    if (field === '' || field === '0') return template.slice(colon + 1);
    throw configRefused(
      `The abbreviation ${prefix} stands for ${pattern}, in which ${part} means nothing.`,
      'Write {0} where the rest of the address belongs.',
    );
  });
}

/**
 * Git or Mercurial: by a `git+` or `hg+` before the address, else by the words in it.
 *
 * @throws TEMPLATE_ADDRESS_REFUSED
 */
export function repositoryOf(template: string): RepositoryAddress {
  const [, prefix, bare = template] = /^(git|hg)\+(.*)$/s.exec(template) ?? [];
  const address = bare.replace(/\/+$/, '');
  const kind = prefix === 'git' || prefix === 'hg' ? prefix : kindOf(address);
  const path = kind === 'git' ? address.replace(/(?<=[^/])\/+\.git$/, '') : address;
  const last = path.slice(path.lastIndexOf('/') + 1);
  const name = kind === 'git' ? (last.split(':').at(-1) ?? '').replace(/\.git$/, '') : last;
  if (['', '.', '..'].includes(name) || name.startsWith('-') || name.includes('\0'))
    throw addressRefused(withoutSecret(template), 'it names no repository');
  return { kind, address, name };
}

function kindOf(address: string): 'git' | 'hg' {
  // cookiecutter takes bitbucket for Mercurial, which bitbucket.org has not served since 2020
  const isOfBitbucket = /^(?:https?:\/\/|ssh:\/\/)?(?:[^/@]*@)?bitbucket\.org[/:]/.test(address);
  // where cookiecutter gives up, nothing speaks against git
  return !isOfBitbucket && !address.includes('git') && address.includes('bitbucket') ? 'hg' : 'git';
}

/** The address without the user and password in it, to be shown and written down. */
export const withoutSecret = (address: string): string =>
  address.replace(/^((?:(?:git|hg)\+)?https?:\/\/)[^/@]*@/, '$1');
