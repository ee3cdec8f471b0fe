import { seededRandom } from '../../journeys/processes.ts';

/** Files of a repository with a pipeline that nobody would write, and what changes in it afterwards. */
export interface RandomPipeline {
  readonly files: Readonly<Record<string, string>>;
  readonly change: Readonly<Record<string, string>>;
}

const numbers = [
  '1.0',
  '1',
  '1e-5',
  '1e16',
  '.inf',
  '-.inf',
  '12345678901234567890',
  '0.1',
  '-0.0',
  '1E5',
  '0x1F',
  '0o14',
  '1_000',
  '3.14e-300',
  '100000.0',
];
const words = [
  'plain', "'it''s'", '"say \\"hi\\""', "'a: b #c'", "''", 'yes', 'no', 'null', '~', 'true', "'1.0'", "'0x1F'", 'é 😀', '"two\\nlines"', '"tab\\t"', "' lead'", "'- x'",
  "'{x}'", '"\\u00a0"', '|\n  block\n  of text', '>\n  folded\n  text', `'${'long word '.repeat(20).trim()}'`, `"${'x'.repeat(90)}"`, "'%x'", "'@at'", 'x?', "'...'",
]; // prettier-ignore

/** The same pipeline for the same seed. Commands write what they are told to, so that both tools must get equal bytes. */
export function randomPipeline(seed: number): RandomPipeline {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const chance = (share: number): boolean => random() < share;

  const scalar = (): string =>
    chance(0.5) ? pick(numbers) : pick(words.filter((word) => !/^[|>]/.test(word)));
  const value = (depth: number): string => {
    if (depth > 2 || chance(0.6)) return scalar();
    const items = Array.from({ length: below(4) }, () => value(depth + 1));
    if (chance(0.5)) return `[${items.join(', ')}]`;
    return `{${items.map((item, at) => `k${at}: ${item}`).join(', ')}}`;
  };
  const keys = Array.from({ length: 3 + below(6) }, (_, at) => `p${at}`);
  const params = [
    ...keys.map((key) => `${key}: ${chance(0.3) ? pick(words) : value(0)}`),
    `groups: [${[...new Set(Array.from({ length: 1 + below(3) }, () => pick(['en', 'fr', '3', '1.5', 'true', 'x_y'])))].join(', ')}]`,
    `models: {${['a', 'b', 'c']
      .slice(0, 1 + below(3))
      .map((name) => `${name}: {t: ${pick(numbers)}, w: ${pick(['one', 'two words', "'q'"])}}`)
      .join(', ')}}`,
    'flags: {alpha: 0.5, beta: true, gamma: false, names: [x, "y z"], deep: {n: 1}}',
  ].join('\n');

  const made: string[] = [];
  const stages: string[] = [];
  const count = 3 + below(6);
  for (let at = 0; at < count; at++) {
    const folder = chance(0.25) ? 'work' : '';
    const up = folder === '' ? '' : '../';
    const deps = [
      ...new Set(Array.from({ length: below(3) }, () => pick(['in.txt', 'data', 'odd name é.txt', ...made]))),
    ];
    const out = `${pick(['out', 'o', 'répertoire', 'x y', 'dir'])}${at}`;
    const isFolder = chance(0.25);
    const uses = [...new Set(Array.from({ length: below(4) }, () => pick(keys)))];
    const flags = [
      chance(0.15) ? 'cache: false' : '',
      chance(0.1) ? 'persist: true' : '',
      chance(0.1) ? 'desc: "what: it is"' : '',
      chance(0.1) ? 'push: false' : '',
    ].filter((flag) => flag !== '');
    const write = isFolder
      ? `mkdir -p '${out}' && echo ${at} > '${out}/a' && echo '${out}' > '${out}/é'`
      : `echo ${at} ${deps.length} > '${out}'`;
    const metric = chance(0.3) ? `m${at}.json` : undefined;
    const metricCommand = metric === undefined ? '' : ` && echo '{"a": ${at}.5, "n": {"b": 1}}' > ${metric}`;
    const long = chance(0.2) ? ` && echo ${'--option=some/long/value '.repeat(8)}> /dev/null` : '';
    const templated = chance(0.3) ? ` && echo \${flags} \${models.a.t} \\\${HOME} > /dev/null` : '';
    const command = `${write}${metricCommand}${long}${templated}`;
    const cmd = chance(0.2)
      ? `\n    - ${quoted(command)}\n    - ${quoted("echo 'second: line' > /dev/null")}`
      : chance(0.2)
        ? ` |\n      ${command}\n      echo two > /dev/null`
        : ` ${quoted(command)}`;
    stages.push(
      [
        `  s${at}:`,
        `    cmd:${cmd}`,
        folder === '' ? '' : `    wdir: ${folder}`,
        chance(0.2) ? '    desc: some words' : '',
        deps.length === 0 ? '' : `    deps:\n${deps.map((dep) => `    - ${quoted(up + dep)}`).join('\n')}`,
        uses.length === 0 ? '' : `    params:\n${paramLines(up, uses)}`,
        `    outs:\n    - ${quoted(out)}${flags.length === 0 ? '' : `:\n        ${flags.join('\n        ')}`}`,
        metric === undefined ? '' : `    metrics:\n    - ${metric}${chance(0.5) ? ': {cache: false}' : ''}`,
        chance(0.08) ? '    always_changed: true' : '',
      ]
        .filter((line) => line !== '')
        .join('\n'),
    );
    made.push(folder === '' ? out : `${folder}/${out}`);
  }
  stages.push(
    '  each:\n    foreach: ${groups}\n    do:\n      cmd: echo ${item} > each-${item}\n      outs:\n      - each-${item}',
    "  map:\n    foreach: ${models}\n    do:\n      cmd: echo ${key} ${item.t} > 'map ${key}'\n      outs:\n      - map ${key}",
    '  grid:\n    matrix:\n      g: ${groups}\n      n: [1, 2.0]\n    cmd: echo ${item.g} ${item.n} > grid-${key}\n    outs:\n    - grid-${key}',
  );
  const text = (many: readonly string[]): string =>
    `vars:\n- local: {v: ${pick(numbers)}}\nstages:\n${many.join('\n')}\n`;
  const shuffled = stages
    .map((stage) => ({ stage, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ stage }) => stage);
  return {
    files: {
      'params.yaml': `${params}\n`,
      'dvc.yaml': text(shuffled),
      'in.txt': 'in\n',
      'odd name é.txt': 'odd\n',
      'data/a': 'a',
      'data/b/c': '',
      'work/keep': '',
    },
    change: {
      'params.yaml': `${params.replace(/^p0: .*(?:\n  .*)*/m, `p0: ${pick(numbers)}`)}\n`,
      ...(chance(0.5) ? { 'in.txt': 'changed\n' } : {}),
      ...(chance(0.3) ? { 'data/a': 'other' } : {}),
    },
  };

  function paramLines(up: string, uses: readonly string[]): string {
    if (up === '') return uses.map((key) => `    - ${key}`).join('\n');
    return `    - ${up}params.yaml:\n${uses.map((key) => `      - ${key}`).join('\n')}`;
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
