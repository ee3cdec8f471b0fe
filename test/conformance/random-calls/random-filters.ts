import type { Dice } from './dice.ts';

/** The keys that random calls write and random filters ask for. */
export const metricKeys = ['a', 'b', 'c d', 'e/f', 'ü'] as const;
export const paramKeys = ['x', 'y', 'p q', 'm/n'] as const;
export const tagKeys = ['t', 'u-v', 'note.content', 'ключ'] as const;
export const texts = ['1', '2', '2.5', 'auto', 'Auto', 'a_b', '50%', "it's", 'say "hi"', '', ' ', 'ünï😀', 'line\nbreak', '[x]', 'tree'] as const;
export const numbers = [0, 1, 2, -1, 0.5, 2.5, 0.1, 1e300, -1e-300, 12345678901, 'NaN'] as const;

const signs = ['=', '!=', '<', '<=', '>', '>='];
const patterns = ["'%a%'", "'a_b'", "'A%'", "'%'", "'_'", "'50%'", "'[x]'", "'tree'", "'%1%'", "'model%'", "'ü%'"];

const quotedText = (dice: Dice): string => {
  const text = dice.of(texts);
  return text.includes("'") ? `"${text}"` : `'${text}'`;
};
const listed = (dice: Dice, item: () => string): string => `(${Array.from({ length: dice.whole(1, 3) }, item).join(dice.of([',', ', ']))})`;
const keyed = (family: string, key: string): string => (/^[\w.]+$/.test(key) && !/[^\x20-\x7e]/.test(key) ? `${family}.${key}` : `${family}.\`${key}\``);

type Condition = (dice: Dice) => string;

const textCondition =
  (field: (dice: Dice) => string, value: Condition = quotedText): Condition =>
  (dice) =>
    dice.chance(0.4) ? `${field(dice)} ${dice.of(['LIKE', 'ILIKE', 'like'])} ${dice.of(patterns)}` : `${field(dice)} ${dice.of(['=', '!='])} ${value(dice)}`;
const numberCondition =
  (field: (dice: Dice) => string, values: readonly (string | number)[]): Condition =>
  (dice) =>
    `${field(dice)} ${dice.of(signs)} ${dice.of(values)}`;

const tag: Condition = textCondition((dice) => keyed(dice.of(['tags', 'tag']), dice.of(tagKeys)));
const metric: Condition = numberCondition((dice) => keyed(dice.of(['metrics', 'metric']), dice.of(metricKeys)), [0, 1, 0.5, -1, '2.5', 1e9]);
const param: Condition = textCondition((dice) => keyed(dice.of(['params', 'param', 'parameters']), dice.of(paramKeys)));
const isNull: Condition = (dice) => `${dice.of([keyed('tags', dice.of(tagKeys)), keyed('params', dice.of(paramKeys))])} IS ${dice.of(['NULL', 'NOT NULL'])}`;

const conditions = {
  runs: [
    metric,
    metric,
    param,
    param,
    tag,
    isNull,
    textCondition((dice) => dice.of(['run_name', 'attributes.run_name', 'attr.`run name`', 'user_id'])),
    (dice) => `${dice.of(['status', 'attributes.status'])} ${dice.of(['=', '!='])} '${dice.of(['RUNNING', 'FINISHED', 'FAILED', 'finished', 'GONE'])}'`,
    numberCondition((dice) => dice.of(['start_time', 'attributes.start_time', 'end_time', 'created']), [1_500_000_000_500, 0, 1_500_000_060_000]),
    textCondition((dice) => dice.of(['dataset.name', 'datasets.digest', 'dataset.context']), (dice) => dice.of(["'jan'", "'feb'", "'d1'", "'training'"])),
    (dice) => `dataset.name ${dice.of(['IN', 'NOT IN'])} ${listed(dice, () => dice.of(["'jan'", "'feb'", "'mar'"]))}`,
    (dice) => `attributes.run_id ${dice.of(['IN', 'NOT IN'])} ${listed(dice, () => `'<run${dice.whole(1, 30)}>'`)}`,
    // wrong ones
    (dice) => dice.of(["metrics.a = 'x'", 'params.x = 1', 'params.x > "1"', "tags.t < '2'", "unknown.x = '1'", "attributes.nothing = '1'", "start_time = 'x'", 'metrics.a', 'metrics. = 1', "params.x LIKE 1"]),
  ],
  experiments: [
    tag,
    tag,
    textCondition((dice) => dice.of(['name', 'attribute.name', '`name`']), (dice) => dice.of(["'exp 3'", "'Default'", "'renamed 2'"])),
    numberCondition((dice) => dice.of(['creation_time', 'last_update_time']), [0, 4_000_000_000_000]),
    (dice) => `experiment_id ${dice.of(['=', '!='])} '${dice.whole(0, 12)}'`,
    (dice) => `experiment_id ${dice.of(['IN', 'NOT IN'])} ${listed(dice, () => `'${dice.whole(0, 12)}'`)}`,
    (dice) => dice.of(['name = 1', 'creation_time LIKE "x"', "params.x = '1'", "name > 'a'", 'name', "tags.t = 5", "nothing = '1'"]),
  ],
  registeredModels: [
    tag,
    textCondition(() => 'name', (dice) => `'model ${dice.whole(1, 8)}'`),
    (dice) => dice.of(["name > 'a'", 'name = 1', "nothing = 'x'", "run_id = 'x'", 'name', "attributes.name = 'model 1'"]),
  ],
  versions: [
    tag,
    textCondition(() => 'name', (dice) => `'model ${dice.whole(1, 8)}'`),
    (dice) => `run_id ${dice.of(['=', '!='])} '<run${dice.whole(1, 30)}>'`,
    (dice) => `run_id IN ${listed(dice, () => `'<run${dice.whole(1, 30)}>'`)}`,
    numberCondition(() => 'version_number', [1, 2, 3]),
    (dice) => `source_path ${dice.of(['LIKE', 'ILIKE', '!='])} ${dice.of(["'mlflow-artifacts:%'", "'s3://%'", "'S3://bucket/model'"])}`,
    (dice) => dice.of(["version_number = 'x'", "name > 'a'", "nothing = 'x'", 'run_id IN ()', "version_number LIKE '1'"]),
  ],
  loggedModels: [
    metric,
    param,
    tag,
    textCondition((dice) => dice.of(['name', 'attributes.name', 'model_type', 'source_run_id']), (dice) => dice.of(["'net'", "'tree'", "'agent'", `'<run${dice.whole(1, 30)}>'`])),
    (dice) => `name IN ${listed(dice, () => dice.of(["'net'", "'tree'", "'none'"]))}`,
    (dice) => `model_id ${dice.of(['=', '!='])} '<model${dice.whole(1, 15)}>'`,
    numberCondition((dice) => dice.of(['creation_timestamp', 'last_updated_timestamp', 'creation_time']), [0, 4_000_000_000_000]),
    (dice) => dice.of(["metrics.a = 'x'", 'params.x = 1', "name > 'a'", "unknown.x = '1'", "creation_timestamp = 'x'"]),
  ],
} as const satisfies Record<string, readonly Condition[]>;

export type Searched = keyof typeof conditions;

/** One to three conditions joined by AND, most of them meant to be understood. */
export const randomFilter = (dice: Dice, of: Searched): string =>
  Array.from({ length: dice.whole(1, dice.of([1, 2, 3])) }, () => (dice.of<Condition>(conditions[of]))(dice)).join(dice.of([' AND ', ' and ', ' AND\n']));

const orders = {
  runs: ['metrics.a', 'metrics.`c d`', 'metric.b', 'params.x', 'tags.t', 'start_time', 'attributes.end_time', 'run_name', 'status', 'metrics.none', 'nothing'],
  experiments: ['name', 'experiment_id', 'creation_time', 'last_update_time', 'nothing', 'tags.t'],
  registeredModels: ['name', 'timestamp', 'last_updated_timestamp', 'nothing'],
  versions: ['name', 'version_number', 'last_updated_timestamp', 'creation_timestamp', 'nothing'],
  loggedModels: ['name', 'creation_timestamp', 'creation_time', 'last_updated_timestamp', 'metrics.a', 'metrics.b', 'model_type', 'params.x'],
} as const satisfies Record<Searched, readonly string[]>;

export const randomFields = (dice: Dice, of: Searched): string[] => [...new Set(Array.from({ length: dice.whole(1, 2) }, () => dice.of<string>(orders[of])))];

/** `metrics.a DESC` and the like, one or two. */
export const randomOrder = (dice: Dice, of: Searched): string[] => randomFields(dice, of).map((field) => `${field}${dice.of(['', ' ASC', ' DESC', ' desc'])}`);
