import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import { userHome } from '../../platform/home.ts';
import type { Ask } from './context.ts';
import { codeOf, type TemplateCode } from './hooks.ts';
import { hooksNotTrusted } from './template-errors.ts';
import type { TemplateSource } from './template-source.ts';

export interface HookQuestion {
  readonly source: Pick<TemplateSource, 'template' | 'commit'>;
  /** folder that holds cookiecutter.json */
  readonly folder: string;
  readonly choice: 'yes' | 'ask' | 'no';
  /** without anyone to ask, what was never trusted is refused */
  readonly ask?: Ask | undefined;
  /** what is shown to the user */
  readonly onLine?: ((line: string) => void) | undefined;
}

interface Trusted {
  readonly template: string;
  /** name of the template's folder: a repository may hold several */
  readonly folder: string;
  readonly commit: string | null;
  /** each file of the template's own code with its SHA-256 */
  readonly code: Readonly<Record<string, string>>;
  readonly trustedAt: string;
}

// by hand: loading zod takes longer than all the rest of a start
const isTrust = (each: unknown): each is Trusted =>
  typeof each === 'object' &&
  each !== null &&
  'template' in each &&
  typeof each.template === 'string' &&
  'folder' in each &&
  'commit' in each &&
  'code' in each &&
  typeof each.code === 'object' &&
  each.code !== null;

/**
 * Whether a template's hooks may run. Trust is given once for a repository at a commit; without a commit, for the
 * address and the contents of the code. Python that `_extensions` brings along counts like a hook, except that the
 * template can't be rendered without it: where it isn't trusted the template is refused.
 *
 * @returns false when there are none or they shall not run
 * @throws TEMPLATE_HOOKS_NOT_TRUSTED when nobody can be asked, or the template needs code that was declined
 */
export async function decideHooks(question: HookQuestion): Promise<boolean> {
  const code = codeOf(question.folder);
  const runsHooks = code.hooks.length > 0 && question.choice !== 'no';
  if (!runsHooks && code.extensions.length === 0) return false;
  if (isTrusted(question.source, question.folder, code)) return runsHooks;
  if (question.choice === 'yes') {
    remember(question, code);
    return runsHooks;
  }
  const { ask } = question;
  if (ask === undefined) throw hooksNotTrusted(namesOf(code), code.extensions, false);
  if (await agrees(question, ask, code)) {
    // a yes to the extensions alone says nothing of hooks that nobody was asked about
    if (question.choice === 'ask') remember(question, code);
    return runsHooks;
  }
  if (code.extensions.length > 0) throw hooksNotTrusted(namesOf(code), code.extensions, true);
  return false;
}

/** Whether the user agreed to run this code before. What ships with tilth is trusted. */
export function isTrusted(source: HookQuestion['source'], folder: string, code = codeOf(folder)): boolean {
  if (source.template.startsWith('tilth:')) return true;
  const now = entryOf(source, folder, code);
  return trusted().some(
    (each) => each.template === now.template && each.commit === now.commit && sameCode(each.code, now.code),
  );
}

async function agrees(question: HookQuestion, ask: Ask, code: TemplateCode): Promise<boolean> {
  const say = question.onLine ?? ((): void => undefined);
  const files = question.choice === 'no' ? code.extensions : namesOf(code);
  say(`This template brings code of its own, which would run as you: ${files.join(', ')}`);
  const changes = changesSince(question, code);
  if (changes !== undefined) say(`You trusted another version of it. ${changes}`);
  for (;;) {
    const answer = await ask.text('Run it? y = yes and remember, n = no, s = show it', 'n');
    const word = answer.trim().toLowerCase();
    if (['y', 'yes'].includes(word)) return true;
    if (['n', 'no'].includes(word)) return false;
    if (['s', 'show'].includes(word)) {
      for (const file of files)
        say(`── ${file}\n${visible(readFileSync(join(question.folder, file), 'utf8').trimEnd())}`);
    }
  }
}

/** Code can't hide from its reader behind signs that move the cursor or turn the direction of a line. */
const visible = (text: string): string =>
  text.replace(/[^\P{C}\n\t]/gu, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);

/** What is different from the version trusted last, as a sentence; undefined when none was. */
function changesSince(question: HookQuestion, code: TemplateCode): string | undefined {
  const now = entryOf(question.source, question.folder, code);
  const last = trusted().findLast((each) => each.template === now.template && each.folder === now.folder);
  if (last === undefined) return undefined;
  const names = (isSo: (file: string) => boolean, of: Pick<Trusted, 'code'>): string[] =>
    Object.keys(of.code).filter(isSo);
  const groups = [
    ['changed', names((file) => file in last.code && last.code[file] !== now.code[file], now)],
    ['new', names((file) => !(file in last.code), now)],
    ['gone', names((file) => !(file in now.code), last)],
  ] as const;
  const told = groups
    .filter(([, files]) => files.length > 0)
    .map(([word, files]) => `${word}: ${files.join(', ')}`);
  if (told.length > 0) return `Since then ${told.join('; ')}.`;
  return `This code is the same, the template's commit is not (${shortOf(last.commit)}, now ${shortOf(now.commit)}).`;
}

const shortOf = (commit: string | null): string => commit?.slice(0, 9) ?? 'none';
const namesOf = (code: TemplateCode): string[] => [...code.hooks, ...code.extensions];

function entryOf(
  source: HookQuestion['source'],
  folder: string,
  code: TemplateCode,
): Omit<Trusted, 'trustedAt'> {
  return {
    // an address is remembered without the password in it
    template: source.template.replace(/^(\w[\w+.-]*:\/\/)[^/@]*:[^/@]*@/, '$1'),
    folder: basename(folder),
    commit: source.commit,
    code: Object.fromEntries(
      code.files.map((file) => [
        file,
        createHash('sha256')
          .update(readFileSync(join(folder, file)))
          .digest('hex'),
      ]),
    ),
  };
}

const sameCode = (one: Trusted['code'], other: Trusted['code']): boolean =>
  Object.keys(one).length === Object.keys(other).length &&
  Object.entries(one).every(([file, digest]) => other[file] === digest);

const trustPath = (): string => join(userHome(), 'trusted-templates.json');

function trusted(): Trusted[] {
  try {
    const { templates } = JSON.parse(readFileSync(trustPath(), 'utf8')) as { templates: unknown[] };
    return templates.filter(isTrust);
  } catch {
    // none yet, or a file that can't be read: then nothing is trusted and the user is asked again
    return [];
  }
}

function remember(question: HookQuestion, code: TemplateCode): void {
  const entry = {
    ...entryOf(question.source, question.folder, code),
    trustedAt: new Date().toISOString(),
  };
  const file = trustPath();
  const beside = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(beside, `${JSON.stringify({ templates: [...trusted(), entry] }, null, 2)}\n`, {
      mode: 0o600,
    });
    renameSync(beside, file);
  } catch (thrown) {
    question.onLine?.(`This trust can't be remembered, so you will be asked again: ${messageOf(thrown)}`);
  }
}
