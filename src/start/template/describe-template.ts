import { readFileSync, rmSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import {
  answerAll,
  overwriteDefaults,
  readContext,
  toJson,
  yesOrNo,
  type Ask,
  type Asked,
} from './context.ts';
import { parseJson } from './read-json.ts';
import { createEngine, type TemplateEngine } from './engine.ts';
import type { EngineOptions } from './engine-options.ts';
import { isTrusted } from './hook-trust.ts';
import { codeOf, runPrePrompt } from './hooks.ts';
import { equal, fromJson, str, type Value } from './jinja/values.ts';
import { nestedTemplates, type NestedTemplate } from './nested-templates.ts';
import { answerRefused } from './template-errors.ts';
import { openTemplate, type SourceRequest, type TemplateSource } from './template-source.ts';
import type { UserConfig } from './user-config.ts';

export interface DescribeRequest {
  readonly source: Omit<SourceRequest, 'abbreviations'>;
  /** the template when it was opened already; it stays open */
  readonly opened?: TemplateSource | undefined;
  readonly config: UserConfig;
  /** answers so far by variable, as plain JSON; defaults that depend on them are rendered with them */
  readonly answers?: Readonly<Record<string, unknown>>;
}

/** A question of a template. `default` is what an untouched field means; `answer` is the given one, else the default. */
export type TemplatePrompt = {
  readonly name: string;
  /** what the template asks; the name where it says nothing */
  readonly question: string;
} & (
  | {
      readonly kind: 'text';
      /** null: an answer must be given */
      readonly default: string | null;
      readonly answer: string | null;
    }
  | { readonly kind: 'yes-no'; readonly default: boolean; readonly answer: boolean }
  | { readonly kind: 'json'; readonly default: unknown; readonly answer: unknown }
  | {
      readonly kind: 'choice';
      readonly default: string;
      readonly answer: string;
      readonly choices: readonly { readonly value: string; readonly label: string }[];
    }
);

/** A template as data, for a form. */
export interface TemplateDescription {
  readonly template: string;
  readonly commit: string | null;
  /** the templates to choose from; empty when this is one itself, and then `prompts` are its questions */
  readonly templates: readonly NestedTemplate[];
  readonly prompts: readonly TemplatePrompt[];
  /** answers that the template does not take, which the prompts leave out */
  readonly problems: readonly TemplateProblem[];
  /** what would run of the template's own code */
  readonly code: readonly {
    readonly kind: 'hook' | 'extension';
    readonly path: string;
    readonly text: string;
  }[];
  /** the user let this code run before, or there is none */
  readonly isTrusted: boolean;
}

export interface TemplateProblem {
  /** the question, or the last one that was answered before a variable broke */
  readonly name: string;
  readonly message: string;
  readonly hint?: string;
}

/**
 * Describes a template: its questions with the answers so far, and its code to read before it is trusted.
 * Nothing of a template that isn't trusted runs: then the questions of a `pre_prompt` hook are missing, and a default
 * that only Python's Jinja2 can render stands as the template wrote it.
 *
 * @throws TEMPLATE_NOT_FOUND, TEMPLATE_NOT_FETCHED, TEMPLATE_INVALID, TEMPLATE_VARIABLE_UNDEFINED, TEMPLATE_HOOK_FAILED
 */
export async function describeTemplate(request: DescribeRequest): Promise<TemplateDescription> {
  const source =
    request.opened ??
    (await openTemplate({
      ...request.source,
      abbreviations: request.config.abbreviations,
      cookiecuttersFolder: request.config.cookiecuttersFolder,
    }));
  const { folder } = source;
  let copy = folder;
  try {
    const code = codeOf(folder);
    const hasCode = code.hooks.length > 0 || code.extensions.length > 0;
    const trusts = isTrusted(source, folder, code);
    if (trusts) copy = await runPrePrompt(folder);
    const templates = nestedTemplates(copy).map((each) => ({ ...each, path: normalize(each.path) }));
    const asked: Recorded = { prompts: [], problems: [] };
    if (templates.length === 0) await ask(copy, request, trusts, asked);
    return {
      template: source.template,
      commit: source.commit,
      templates,
      ...asked,
      code: [
        ...code.hooks.map((path) => ({ kind: 'hook' as const, path })),
        ...code.extensions.map((path) => ({ kind: 'extension' as const, path })),
      ].map((each) => ({ ...each, text: readFileSync(join(folder, each.path), 'utf8') })),
      isTrusted: trusts || !hasCode,
    };
  } finally {
    if (copy !== folder) rmSync(dirname(copy), { recursive: true, force: true });
    if (request.opened === undefined) source.close();
  }
}

interface Recorded {
  readonly prompts: TemplatePrompt[];
  readonly problems: TemplateProblem[];
}

async function ask(
  folder: string,
  request: DescribeRequest,
  trusts: boolean,
  recorded: Recorded,
): Promise<void> {
  const context = readContext(folder);
  overwriteDefaults(context, request.config.defaults);
  const extensions = context.get('_extensions');
  const environment = context.get('_jinja2_env_vars');
  const engine = (trusts ? createEngine : harmlessEngine)({
    templateFolder: folder,
    extensions: Array.isArray(extensions) ? extensions.map(str) : [],
    environment: new Map(
      environment instanceof Map ? [...environment].map(([name, value]) => [str(name), value]) : [],
    ),
    mayRunCode: trusts,
  });
  try {
    await answerAll(context, engine, recorder(recorded, request.answers ?? {}));
  } finally {
    engine.close();
  }
}

/** Our own engine alone: what only Python could render stays as the template wrote it. */
function harmlessEngine(options: EngineOptions): TemplateEngine {
  const extensions = options.extensions.filter((name) => /^(jinja2|jinja2_time|cookiecutter)\./.test(name));
  // a new one each time: once it has asked for Python, an engine asks for it always
  const ownEngine = (): TemplateEngine => createEngine({ ...options, extensions, python: '/dev/null' });
  return {
    syntax: ownEngine().syntax,
    askedPythonFor: undefined,
    render: (template, variables) =>
      ownEngine()
        .render(template, variables)
        .catch((thrown: unknown) => {
          if (thrown instanceof TilthError) return template;
          throw thrown;
        }),
    renderInside: (root, template, variables) => ownEngine().renderInside(root, template, variables),
    close: () => undefined,
  };
}

/** Answers each question from what is given, else with its default, and writes the question down. */
function recorder({ prompts, problems }: Recorded, given: Readonly<Record<string, unknown>>): Ask {
  const answers = answersOf(given);
  const orElse = <T>(answer: Promise<T>, otherwise: T, asked: Asked | undefined): Promise<T> =>
    answer.catch((thrown: unknown) => {
      if (!(thrown instanceof TilthError)) throw thrown;
      const { message, hint } = thrown;
      problems.push({ name: asked?.name ?? '', message, ...(hint === undefined ? {} : { hint }) });
      return otherwise;
    });
  const head = (question: string, asked: Asked | undefined): { name: string; question: string } => ({
    name: asked?.name ?? '',
    question: question.replace(/^\[\d+\/\d+\] /, ''),
  });
  return {
    broken: (variable, reason) => {
      const answered = prompts.findLast((prompt) => Object.hasOwn(given, prompt.name)) ?? prompts.at(-1);
      problems.push({
        name: answered?.name ?? variable,
        message: `The template does not take these answers: unable to render '${variable}': ${reason}.`,
      });
      return 'leave';
    },
    async text(question, otherwise, asked) {
      const answer = await orElse<string | null>(answers.text(question, otherwise, asked), otherwise, asked);
      prompts.push({ ...head(question, asked), kind: 'text', default: otherwise, answer });
      return answer ?? '';
    },
    async yesNo(question, otherwise, asked) {
      const answer = await orElse(answers.yesNo(question, otherwise, asked), otherwise, asked);
      prompts.push({ ...head(question, asked), kind: 'yes-no', default: otherwise, answer });
      return answer;
    },
    async choice(question, labels, asked) {
      const position = await orElse(answers.choice(question, labels, asked), 0, asked);
      const choices = labels.map((label, index) => ({ value: str(asked?.options?.[index] ?? label), label }));
      const [first] = choices;
      prompts.push({
        ...head(question, asked),
        kind: 'choice',
        default: first?.value ?? '',
        answer: choices[position]?.value ?? '',
        choices,
      });
      return position;
    },
    async json(question, otherwise, asked) {
      const answer = await orElse(answers.json(question, otherwise, asked), otherwise, asked);
      prompts.push({
        ...head(question, asked),
        kind: 'json',
        default: toJson(otherwise),
        answer: toJson(answer),
      });
      return answer;
    },
  };
}

/**
 * Answers given beforehand as plain JSON, as a form sends them: each stands for what a user would type at the prompt,
 * and what is not given takes its default. A choice is given by its value.
 *
 * @throws TEMPLATE_ANSWER_REFUSED from the question that the answer doesn't fit
 */
export function answersOf(given: Readonly<Record<string, unknown>>): Ask {
  const of = <T>(
    asked: Asked | undefined,
    otherwise: T,
    read: (value: unknown) => T | undefined,
  ): Promise<T> => {
    const name = asked?.name ?? '';
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined) return Promise.resolve(otherwise);
    const answer = read(value);
    if (answer !== undefined) return Promise.resolve(answer);
    return Promise.reject(answerRefused(`${name} can't be ${JSON.stringify(value)}.`));
  };
  return {
    text: (_question, otherwise, asked) =>
      of<string | null>(asked, otherwise, (value) =>
        typeof value === 'string' || typeof value === 'number' ? String(value) : undefined,
      ).then((answer) => {
        if (answer === null) throw answerRefused(`${asked?.name ?? ''} has no default: it needs an answer.`);
        return answer;
      }),
    yesNo: (_question, otherwise, asked) =>
      of(asked, otherwise, (value) =>
        typeof value === 'boolean' ? value : typeof value === 'string' ? yesOrNo(value) : undefined,
      ),
    choice: (_question, labels, asked) =>
      of(asked, 0, (value) => {
        const options: readonly Value[] = asked?.options ?? labels;
        const position = options.findIndex(
          (option) => equal(option, fromJson(value)) || str(option) === value,
        );
        return position < 0 ? undefined : position;
      }),
    json: (_question, otherwise, asked) =>
      of<Value>(asked, otherwise, (value) => {
        const answer = typeof value === 'string' ? jsonOf(value) : fromJson(value);
        return answer instanceof Map ? answer : undefined;
      }),
  };
}

function jsonOf(text: string): Value | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
