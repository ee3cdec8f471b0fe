import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { join, normalize, sep } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { note } from '../../platform/terminal.ts';
import { installEnvironment } from '../project/environment.ts';
import { answersOf, describeTemplate, type TemplatePrompt } from '../template/describe-template.ts';
import { contextFile } from '../template/context.ts';
import { codeOf } from '../template/hooks.ts';
import { linkRefused } from '../template/template-errors.ts';
import { openTemplate, type TemplateSource } from '../template/template-source.ts';
import { readUserConfig, type UserConfig } from '../template/user-config.ts';
import { startProject } from '../start-project.ts';
import { commitUpdate } from '../update/apply-update.ts';
import { planUpdate, prepareUpdate, type UpdateRequest } from '../update/plan-update.ts';
import type { Question } from './new-project-api.ts';
import { templateChanged } from './new-project-errors.ts';
import type { WorkerMessage } from './template-worker.ts';
import type { OpenedSource, WorkerAnswers, WorkerRequests } from './worker-requests.ts';

type Work<A extends keyof WorkerRequests> = (request: WorkerRequests[A]) => Promise<WorkerAnswers[A]>;

/** Fetches a template; what was fetched stays for the next worker. */
export const open: Work<'open'> = async (request) => {
  const config = await readUserConfig({ defaultConfig: true });
  const source = await openTemplate({
    template: request.template,
    checkout: request.checkout,
    directory: request.directory,
    abbreviations: config.abbreviations,
    cookiecuttersFolder: request.cloneFolder,
    onLine: note,
  }).catch((thrown: unknown) => {
    throw withTemplatesInside(thrown, request);
  });
  const { folder, name, template, commit, repository } = source;
  return { folder, name, template, commit, repository };
};

/** A repository may hold templates in its folders without a list of them: the error names them, to choose from. */
function withTemplatesInside(
  thrown: unknown,
  { template, directory, cloneFolder }: WorkerRequests['open'],
): unknown {
  if (!(thrown instanceof TilthError) || thrown.code !== 'TEMPLATE_NOT_FOUND' || directory !== undefined)
    return thrown;
  const roots =
    cloneFolder === undefined ? [template] : foldersIn(cloneFolder).map((name) => join(cloneFolder, name));
  const templates = roots.flatMap((root) =>
    foldersIn(root)
      .flatMap((name) => [name, ...foldersIn(join(root, name)).map((inner) => join(name, inner))])
      .filter((folder) => existsSync(join(root, folder, contextFile))),
  );
  if (templates.length === 0) return thrown;
  const { code, status, message } = thrown;
  return new TilthError(
    code,
    status,
    message,
    `There are templates in folders of it: ${templates.join(', ')}`,
    {
      details: { templates },
    },
  );
}

const foldersIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
        .map((entry) => entry.name)
        .sort()
    : [];

/**
 * Refuses a template whose own files are links to elsewhere on this machine: it would show what they point to.
 * The renderer looks after the files of the project.
 *
 * @throws TEMPLATE_PATH_REFUSED
 */
function requireInside({ folder, repository, template }: OpenedSource): void {
  if (template.startsWith('tilth:')) return;
  const root = realpathSync(repository ?? folder);
  const check = (file: string): void => {
    const target = realpathSync(join(folder, file));
    if (target !== root && !target.startsWith(root + sep)) throw linkRefused(file, target);
  };
  check(contextFile);
  for (const file of codeFiles(folder)) check(file);
}

/** The questions with the answers so far; runs nothing of the template's own code that was not trusted before. */
export const describe: Work<'describe'> = async ({ source, directory, answers, usesSettings }) => {
  requireInside(source);
  const files = codeFiles(source.folder);
  const description = await describeTemplate({
    source: { template: source.template },
    opened: asSource(source),
    config: await settings(usesSettings),
    answers,
  });
  return {
    templates: description.templates.map(({ path, title, description: words }) => ({
      directory: normalize(join(directory ?? '', path)).replace(/\/$/, ''),
      title,
      description: words === title ? null : words,
    })),
    questions: description.prompts.map((prompt) => questionOf(prompt, answers)),
    problems: [...description.problems],
    code: [
      ...description.code.map(({ path, kind, text }) => ({ file: path, kind, text })),
      ...files
        .filter((file) => !description.code.some(({ path }) => path === file))
        .map((file) => ({ file, kind: 'beside' as const, text: textOf(join(source.folder, file)) })),
    ],
    isTrusted: description.isTrusted,
    digest: digestOf(source, files),
  };
};

/** The code that would run, and what it may use. */
function codeFiles(folder: string): string[] {
  const { hooks, extensions, files } = codeOf(folder);
  return [...new Set([...hooks, ...extensions, ...files])];
}

const longestText = 100_000;

function textOf(file: string): string {
  const content = readFileSync(file);
  if (content.includes(0)) return `(${content.length} bytes that are not text)`;
  const text = content.toString('utf8');
  return text.length <= longestText ? text : `${text.slice(0, longestText)}\n(and more)`;
}

/** The commit and the code: what a person saw when allowing it. */
function digestOf(source: OpenedSource, files: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([source.template, source.commit]));
  for (const file of files) {
    const content = createHash('sha256').update(readFileSync(join(source.folder, file)));
    hash.update(JSON.stringify([file, content.digest('hex')]));
  }
  return hash.digest('hex');
}

const questionOf = (prompt: TemplatePrompt, given: Readonly<Record<string, unknown>>): Question => ({
  name: prompt.name,
  question: prompt.question,
  kind: prompt.kind,
  value: prompt.answer,
  isGiven: given[prompt.name] !== undefined,
  choices: prompt.kind === 'choice' ? [...prompt.choices] : [],
});

export const start: Work<'start'> = async (request) => {
  const { source } = request;
  requireInside(source);
  const files = codeFiles(source.folder);
  if (request.digest !== undefined && request.digest !== digestOf(source, files))
    throw templateChanged(source.template);
  const leftOut = request.runsCode ? [] : files;
  if (leftOut.length > 0) note(`not run, because it was not allowed: ${leftOut.join(', ')}`);
  const stopping = new AbortController();
  // the server waits a moment for what leaves nothing behind; a template that never gives way is killed then
  process.once('SIGTERM', () => stopping.abort());
  const started = await startProject({
    source: { template: source.template, checkout: request.checkout, directory: request.directory },
    opened: asSource(source),
    config: await settings(request.usesSettings),
    outputFolder: request.outputFolder,
    answers: new Map(),
    ask: answersOf(request.answers),
    ifExists: 'refuse',
    hooks: request.runsCode ? 'yes' : 'no',
    keepsProjectOnFailure: false,
    usesGit: request.usesGit,
    onLine: note,
    signal: stopping.signal,
    onFolder: (folder) => process.send?.({ folder } satisfies WorkerMessage),
  });
  const { folder, fileCount, repository } = started;
  return { folder, fileCount, commit: repository?.commit ?? null, leftOut };
};

export const install: Work<'install'> = async ({ folder, home }) => {
  const environment = await installEnvironment({ folder, home, mayInstallPoetry: true, onLine: note });
  return {
    outcome: environment.outcome,
    packageCount: environment.outcome === 'no-lock' ? 0 : environment.packageCount,
  };
};

/** Nothing of the template's own code runs for a look or a branch: who wants that has the command line. */
const updateOf = async (request: {
  readonly folder: string;
  readonly usesSettings: boolean;
}): Promise<UpdateRequest> => ({
  folder: request.folder,
  config: { ...(await settings(request.usesSettings)), cookiecuttersFolder: join(tmpdir(), 'clone') },
  hooks: 'no',
  target: 'branch',
  onLine: note,
});

export const plan: Work<'plan'> = async (request) => planUpdate(await updateOf(request));

export const update: Work<'update'> = async (request) => {
  const prepared = await prepareUpdate(await updateOf(request));
  try {
    return await commitUpdate(prepared, request.branch, request.withConflicts);
  } finally {
    prepared.close();
  }
};

/** Answers of others are not kept among those of the server's owner. */
async function settings(usesSettings: boolean): Promise<UserConfig> {
  const config = await readUserConfig({ defaultConfig: !usesSettings });
  return usesSettings ? config : { ...config, replayFolder: join(tmpdir(), 'replay') };
}

const asSource = (source: OpenedSource): TemplateSource => ({ ...source, close: () => undefined });
