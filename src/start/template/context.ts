import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import type { TemplateEngine } from './engine.ts';
import type { Variables } from './engine-options.ts';
import { TemplateFault, UndefinedUsed } from './jinja/faults.ts';
import { OrderedDict, equal, repr, str, Float, type Value } from './jinja/values.ts';
import { parseJson } from './read-json.ts';
import { answerRefused, templateInvalid, templateUndefined } from './template-errors.ts';

/** The variables of a template in the order of its cookiecutter.json. */
export type Context = Map<string, Value>;

/** What a question is about, for who answers by name or wants to correct an earlier answer. */
export interface Asked {
  /** the variable; `templates` for the choice among several templates */
  readonly name: string;
  /** the values behind the labels of a choice */
  readonly options?: readonly Value[];
  /** whether an earlier question can be asked again: throw GoBack for that */
  readonly canGoBack: boolean;
  /** what the user answered before going back; stands in the place of the default */
  readonly before?: Value | undefined;
}

/** How the user is asked; without one every default is taken. */
export interface Ask {
  /** @param otherwise the default; null where there is none, and an answer must be given */
  text(question: string, otherwise: string | null, asked?: Asked): Promise<string>;
  yesNo(question: string, otherwise: boolean, asked?: Asked): Promise<boolean>;
  /** @returns the position of the chosen one */
  choice(question: string, labels: readonly string[], asked?: Asked): Promise<number>;
  json(question: string, otherwise: Value, asked?: Asked): Promise<Value>;
  /** what is typed is not shown */
  secret?(question: string): Promise<string>;
  /** the terminal is wanted by someone else now, such as a hook */
  rest?(): void;
  /**
   * The answers so far break a variable of the template: the last question is asked again, or the variable stands as
   * the template wrote it. Without this it ends the asking.
   */
  broken?(variable: string, reason: string): 'ask-again' | 'leave';
}

/** Thrown by an `Ask` when the user wants to answer the question before this one again. */
export class GoBack extends Error {}

export const contextFile = 'cookiecutter.json';

/** @throws TEMPLATE_INVALID when it isn't a JSON object */
export function readContext(templateFolder: string): Context {
  const file = join(templateFolder, contextFile);
  try {
    const value = parseJson(readFileSync(file, 'utf8'), OrderedDict);
    if (!(value instanceof Map)) throw new Error('it is not an object');
    return new Map([...value].map(([key, item]) => [str(key), item]));
  } catch (cause) {
    throw templateInvalid(`JSON decoding error while loading '${file}'`, messageOf(cause), cause);
  }
}

/**
 * Puts given values in the place of the template's defaults: a choice moves to the front, yes and no become booleans,
 * dictionaries are merged, names the template doesn't have are ignored.
 *
 * @throws TEMPLATE_ANSWER_REFUSED for a value that isn't among the choices or isn't a yes or no
 */
export function overwrite(context: Context, given: ReadonlyMap<string, Value>): void {
  for (const [name, value] of given) {
    const known = context.get(name);
    if (known !== undefined) context.set(name, overwritten(name, known, value, false));
  }
}

/** The user's own defaults: as with cookiecutter, one that doesn't fit is only warned of, and ends them. */
export function overwriteDefaults(
  context: Context,
  defaults: ReadonlyMap<string, Value>,
  onDetail?: (line: string) => void,
): void {
  try {
    overwrite(context, defaults);
  } catch (thrown) {
    onDetail?.(`default_context is left off where it doesn't fit: ${messageOf(thrown)}`);
  }
}

function overwritten(name: string, known: Value, value: Value, isInside: boolean): Value {
  if (Array.isArray(known) && !isInside) {
    if (Array.isArray(value)) {
      if (value.every((each) => known.some((choice) => equal(choice, each)))) return value;
    } else if (known.some((choice) => equal(choice, value))) {
      return [value, ...known.filter((choice) => !equal(choice, value))];
    }
    throw answerRefused(`${name} can't be ${plain(value)}; the choices are ${known.map(plain).join(', ')}.`);
  }
  if (known instanceof Map && value instanceof Map) {
    const merged = known instanceof OrderedDict ? new OrderedDict(known) : new Map(known);
    for (const [key, item] of value) {
      const before = merged.get(key);
      merged.set(key, before === undefined ? item : overwritten(str(key), before, item, true));
    }
    return merged;
  }
  if (typeof known === 'boolean' && typeof value === 'string') {
    const answer = yesOrNo(value);
    if (answer === undefined) throw answerRefused(`${name} is a yes or no, not ${plain(value)}.`);
    return answer;
  }
  return value;
}

const plain = (value: Value): string => (typeof value === 'string' ? value : repr(value));

export function yesOrNo(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (['1', 'true', 't', 'yes', 'y', 'on'].includes(word)) return true;
  return ['0', 'false', 'f', 'no', 'n', 'off'].includes(word) ? false : undefined;
}

/**
 * Every variable's value: asked or its rendered default, dictionaries last, `_private` ones as they stand.
 *
 * @throws TEMPLATE_VARIABLE_UNDEFINED
 */
export async function answerAll(
  context: Context,
  engine: TemplateEngine,
  ask: Ask | undefined,
): Promise<Context> {
  const prompts = context.get('__prompts__') ?? null;
  context.delete('__prompts__');
  const entries = [...context];
  const isRaw = (name: string): boolean => name.startsWith('_') && !name.startsWith('__');
  const steps = [
    ...entries.filter(([name, raw]) => name.startsWith('_') || !(raw instanceof Map)),
    ...entries.filter(([name, raw]) => raw instanceof Map && !isRaw(name)),
  ];
  const questions = steps.filter(([name]) => !name.startsWith('_')).map(([name]) => name);
  const done: [string, Value][] = [];
  const askedAt: number[] = [];
  const before = new Map<string, Value>();
  const isLeft = new Set<string>();
  while (done.length < steps.length) {
    const [name, raw] = steps[done.length] as [string, Value];
    if (isRaw(name)) {
      done.push([name, raw]);
      continue;
    }
    try {
      const variables = variablesOf(new Map(done));
      const rendered = (value: Value): Promise<Value> =>
        isLeft.has(name) ? Promise.resolve(value) : renderValue(value, engine, variables);
      if (ask === undefined || name.startsWith('__')) {
        done.push([name, await defaultOf(name, raw, rendered)]);
        continue;
      }
      const question = `[${questions.indexOf(name) + 1}/${questions.length}] ${questionOf(prompts, name)}`;
      const about = { name, canGoBack: askedAt.length > 0, before: before.get(name) };
      const { answer, isDefault } = await askOne(ask, question, raw, prompts, about, rendered);
      if (isDefault) before.delete(name);
      else before.set(name, answer);
      askedAt.push(done.length);
      done.push([name, answer]);
    } catch (thrown) {
      const isBroken = thrown instanceof UndefinedUsed || thrown instanceof TemplateFault;
      const next = isBroken ? ask?.broken?.(name, thrown.message) : undefined;
      if (next === 'leave') isLeft.add(name);
      else if (thrown instanceof GoBack || (next === 'ask-again' && askedAt.length > 0))
        done.length = askedAt.pop() ?? done.length;
      else throw named(name, thrown, context);
    }
  }
  const answers = new Map(done);
  // the order of cookiecutter.json, whatever the order of answering was
  return new Map(entries.map(([name]) => [name, answers.get(name) ?? null]));
}

async function defaultOf(name: string, raw: Value, rendered: (raw: Value) => Promise<Value>): Promise<Value> {
  const value = await rendered(raw);
  return Array.isArray(value) && !name.startsWith('__') ? firstChoice(name, value) : value;
}

function firstChoice(name: string, options: readonly Value[]): Value {
  const [first] = options;
  if (first === undefined) throw templateInvalid(contextFile, `the list of choices of ${name} is empty`);
  return first;
}

async function askOne(
  ask: Ask,
  question: string,
  raw: Value,
  prompts: Value,
  about: Asked,
  rendered: (raw: Value) => Promise<Value>,
): Promise<{ answer: Value; isDefault: boolean }> {
  if (typeof raw === 'boolean') {
    const answer = await ask.yesNo(question, raw, about);
    return { answer, isDefault: answer === raw };
  }
  const value = await rendered(raw);
  if (Array.isArray(value)) {
    const first = firstChoice(about.name, value);
    const labels = prompts instanceof Map ? prompts.get(about.name) : undefined;
    const shown = value.map((option) => {
      const label = labels instanceof Map ? labels.get(option) : undefined;
      return plain(label ?? option);
    });
    const position = await ask.choice(question, shown, { ...about, options: value });
    return { answer: value[position] ?? first, isDefault: position === 0 };
  }
  if (value instanceof Map) {
    const answer = await ask.json(question, value, about);
    return { answer, isDefault: answer === value };
  }
  const answer = await ask.text(question, value === null ? null : str(value), about);
  return { answer, isDefault: answer === value };
}

function questionOf(prompts: Value, name: string): string {
  const prompt = prompts instanceof Map ? prompts.get(name) : undefined;
  const question = prompt instanceof Map ? prompt.get('__prompt__') : prompt;
  return typeof question === 'string' && question !== '' ? question : name;
}

async function renderValue(raw: Value, engine: TemplateEngine, variables: Variables): Promise<Value> {
  if (raw === null || typeof raw === 'boolean') return raw;
  if (raw instanceof Map) {
    const rendered = new Map<Value, Value>();
    for (const [key, item] of raw) {
      rendered.set(await renderValue(key, engine, variables), await renderValue(item, engine, variables));
    }
    return rendered;
  }
  if (Array.isArray(raw)) {
    const rendered: Value[] = [];
    for (const item of raw) rendered.push(await renderValue(item, engine, variables));
    return rendered;
  }
  return engine.render(str(raw), variables);
}

/** What a template sees: `cookiecutter.…`, and the untouched defaults under `_cookiecutter`. */
export function variablesOf(answers: Context, defaults?: Context): Variables {
  const variables = new Map<string, Value>([['cookiecutter', new OrderedDict(answers)]]);
  if (defaults !== undefined) variables.set('_cookiecutter', new Map<Value, Value>(defaults));
  return variables;
}

function named(name: string, thrown: unknown, context: Context): unknown {
  if (!(thrown instanceof UndefinedUsed)) return thrown;
  return templateUndefined(
    `render variable '${name}'`,
    thrown.message,
    toJson(new Map<Value, Value>(context)),
    thrown,
    refusedAnswer(thrown.message, context),
  );
}

/** Templates without hooks refuse an answer by a name that nobody defined: `port_must_be_a_number`. */
function refusedAnswer(message: string, context: Context): string | undefined {
  const [, name, wish] = /'(\w+?)_(must_\w+)'$/.exec(message) ?? [];
  if (name === undefined || wish === undefined || !context.has(name)) return undefined;
  return `The template refuses this answer: ${name} ${wish.replaceAll('_', ' ')}.`;
}

/** A template value as plain JSON. */
export function toJson(value: Value): unknown {
  if (value instanceof Float) return value.value;
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, item]) => [str(key), toJson(item)]));
  if (Array.isArray(value)) return Array.from(value, toJson);
  return value;
}
