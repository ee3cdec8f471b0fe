import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import type { TemplateEngine } from './engine.ts';
import type { Variables } from './engine-options.ts';
import { UndefinedUsed } from './jinja/faults.ts';
import { OrderedDict, equal, fromJson, repr, str, Float, type Value } from './jinja/values.ts';
import { answerRefused, templateInvalid, templateUndefined } from './template-errors.ts';

/** The variables of a template in the order of its cookiecutter.json. */
export type Context = Map<string, Value>;

/** How the user is asked; without one every default is taken. */
export interface Ask {
  text(question: string, otherwise: string): Promise<string>;
  yesNo(question: string, otherwise: boolean): Promise<boolean>;
  /** @returns the position of the chosen one */
  choice(question: string, labels: readonly string[]): Promise<number>;
  json(question: string, otherwise: Value): Promise<Value>;
  /** what is typed is not shown */
  secret?(question: string): Promise<string>;
}

export const contextFile = 'cookiecutter.json';

/** @throws TEMPLATE_INVALID when it isn't a JSON object */
export function readContext(templateFolder: string): Context {
  const file = join(templateFolder, contextFile);
  try {
    const value = parseJson(readFileSync(file, 'utf8'));
    if (!(value instanceof Map)) throw new Error('it is not an object');
    return new Map([...value].map(([key, item]) => [str(key), item]));
  } catch (cause) {
    throw templateInvalid(file, messageOf(cause), cause);
  }
}

/** JSON that tells 1 from 1.0, as Python does. */
export function parseJson(text: string): Value {
  const withSource = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && /[.eE]/.test(context?.source ?? '') ? new FloatMark(value) : value;
  return unmark(JSON.parse(text, withSource));
}

class FloatMark {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

function unmark(json: unknown): Value {
  if (json instanceof FloatMark) return new Float(json.value);
  if (Array.isArray(json)) return json.map(unmark);
  if (typeof json === 'object' && json !== null)
    return new Map(Object.entries(json).map(([key, item]) => [key, unmark(item)]));
  return fromJson(json);
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
    const merged = new Map(known);
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
  const answers: Context = new Map();
  const visible = [...context.keys()].filter((name) => !name.startsWith('_'));
  let asked = 0;
  const next = (name: string): string => {
    asked += 1;
    return `[${asked}/${visible.length}] ${questionOf(prompts, name)}`;
  };
  for (const [name, raw] of context) {
    const variables = variablesOf(answers);
    if (name.startsWith('_') && !name.startsWith('__')) {
      answers.set(name, raw);
      continue;
    }
    try {
      if (name.startsWith('__')) answers.set(name, await renderValue(raw, engine, variables));
      else if (Array.isArray(raw))
        answers.set(name, await chooseOne(name, raw, prompts, next, engine, variables, ask));
      else if (typeof raw === 'boolean') {
        answers.set(name, ask === undefined ? raw : await ask.yesNo(next(name), raw));
      } else if (!(raw instanceof Map)) {
        const value = await renderValue(raw, engine, variables);
        answers.set(
          name,
          ask === undefined ? value : await ask.text(next(name), value === null ? '' : str(value)),
        );
      }
    } catch (thrown) {
      throw named(name, thrown, context);
    }
  }
  for (const [name, raw] of context) {
    if (!(raw instanceof Map) || (name.startsWith('_') && !name.startsWith('__'))) continue;
    try {
      const value = await renderValue(raw, engine, variablesOf(answers));
      answers.set(
        name,
        ask === undefined || name.startsWith('__') ? value : await ask.json(next(name), value),
      );
    } catch (thrown) {
      throw named(name, thrown, context);
    }
  }
  // the order of cookiecutter.json, whatever the order of answering was
  return new Map([...context.keys()].map((name) => [name, answers.get(name) ?? null]));
}

async function chooseOne(
  name: string,
  raw: readonly Value[],
  prompts: Value,
  next: (name: string) => string,
  engine: TemplateEngine,
  variables: Variables,
  ask: Ask | undefined,
): Promise<Value> {
  const options: Value[] = [];
  for (const option of raw) options.push(await renderValue(option, engine, variables));
  const [first] = options;
  if (first === undefined) throw templateInvalid(contextFile, `the list of choices of ${name} is empty`);
  if (ask === undefined) return first;
  const labels = prompts instanceof Map ? prompts.get(name) : undefined;
  const shown = options.map((option) => {
    const label = labels instanceof Map ? labels.get(option) : undefined;
    return plain(label ?? option);
  });
  return options[await ask.choice(next(name), shown)] ?? first;
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
  );
}

/** A template value as plain JSON. */
export function toJson(value: Value): unknown {
  if (value instanceof Float) return value.value;
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, item]) => [str(key), toJson(item)]));
  if (Array.isArray(value)) return Array.from(value, toJson);
  return value;
}
