import { shellWord } from '../../platform/shell.ts';
import type { Run } from '../tracking/tracking.ts';
import type { RepeatCheck, RepeatSubject } from './repeatable-api.ts';

/** On every run of one `tilth run -- COMMAND`: the id of the first one, which holds the command's output and files. */
export const commandRunTag = 'tilth.command.run';
/** On the first run until the command's MLflow client starts a run of its own, and gets this one. */
export const waitingTag = 'tilth.command.waiting';

/** Where the first run keeps what the command left. */
export const commandFiles = {
  output: 'logs/output.txt',
  changes: 'tilth/changes.diff',
  untracked: 'tilth/untracked.sha256',
  packages: 'tilth/packages.txt',
} as const;

/** Tags that say how the command went, and not what it ran with: they stay with the first run. */
const outcomeTags: ReadonlySet<string> = new Set([waitingTag, 'tilth.error', 'tilth.exit_code', 'tilth.signal']);

/** Does a later run of the same command have this tag of the first one too? */
export const isSharedFact = (key: string): boolean =>
  (key.startsWith('tilth.') && !outcomeTags.has(key)) || key.startsWith('mlflow.source.git.');

/** What is known of the circumstances of a run; undefined is not known. */
export interface RunFacts {
  readonly runId: string;
  readonly firstRunId: string | undefined;
  readonly experimentName: string | undefined;
  readonly commit: string | undefined;
  readonly repository: string | undefined;
  readonly isDirty: boolean | undefined;
  /** how many changed files are kept with the run, and which are not */
  readonly changes: { readonly keptCount: number; readonly lost: readonly string[] } | undefined;
  readonly command: string | undefined;
  /** the same, word by word; undefined when some of it was not recorded */
  readonly words: readonly string[] | undefined;
  /** words of the command that look like secrets and were not recorded */
  readonly hiddenCount: number;
  /** relative to the repository */
  readonly folder: string | undefined;
  readonly stage: string | undefined;
  readonly script: string | undefined;
  readonly versionedData: readonly { readonly name: string; readonly md5: string }[];
  /** versioned data whose files were not those of its version */
  readonly changedData: readonly string[];
  readonly loggedData: readonly { readonly name: string; readonly digest: string }[];
  readonly python: string | undefined;
  readonly lock: string | undefined;
  /** installed packages that are not as the lock says */
  readonly unlocked: readonly string[];
  readonly packageCount: number | undefined;
  readonly seeds: readonly { readonly name: string; readonly value: string }[];
  readonly hashSeed: string | undefined;
  readonly machine: string | undefined;
}

/** The facts of a run, from its tags, params and datasets. */
export function factsOf(run: Run, experimentName?: string): RunFacts {
  const tags = new Map(run.tags.map(({ key, value }) => [key, value]));
  const list = (key: string): string[] => (tags.get(key) ?? '').split('\n').filter((each) => each !== '');
  const below = (prefix: string): { name: string; value: string }[] =>
    run.tags.flatMap(({ key, value }) => (key.startsWith(prefix) ? [{ name: key.slice(prefix.length), value }] : []));
  const kept = tags.get('tilth.changes.kept');
  const machine = ['tilth.cpu', 'tilth.cores', 'tilth.memory', 'tilth.gpu', 'tilth.os'].flatMap((key) => tags.get(key) ?? []);
  const dirty = tags.get('tilth.dirty');
  return {
    runId: run.id,
    firstRunId: tags.get(commandRunTag),
    experimentName,
    commit: tags.get('mlflow.source.git.commit') ?? tags.get('tilth.commit'),
    repository: tags.get('mlflow.source.git.repoURL'),
    isDirty: dirty === undefined ? undefined : dirty === 'true',
    changes: kept === undefined ? undefined : { keptCount: Number(kept), lost: list('tilth.changes.lost') },
    command: tags.get('tilth.command'),
    words: wordsOf(tags.get('tilth.command.words')),
    hiddenCount: Number(tags.get('tilth.command.hidden') ?? 0),
    folder: tags.get('tilth.folder'),
    stage: tags.get('tilth.stage'),
    script: tags.get('mlflow.source.name'),
    versionedData: [...below('tilth.dataset.'), ...below('tilth.data.')].map(({ name, value }) => ({ name, md5: value })),
    changedData: list('tilth.changed_data'),
    loggedData: run.datasets.map(({ dataset }) => ({ name: dataset.name, digest: dataset.digest })),
    python: tags.get('tilth.python'),
    lock: tags.get('tilth.lock'),
    unlocked: list('tilth.lock.differs'),
    packageCount: tags.has('tilth.packages') ? Number(tags.get('tilth.packages.count') ?? 0) : undefined,
    seeds: [
      ...below('tilth.seed.'),
      ...run.params.filter(({ key, value }) => isSeedName(key) && isSeed(value)).map(({ key, value }) => ({ name: key, value })),
    ],
    hashSeed: tags.get('tilth.hash_seed'),
    machine: machine.length === 0 ? undefined : machine.join(', '),
  };
}

function wordsOf(text: string | undefined): readonly string[] | undefined {
  try {
    const words: unknown = JSON.parse(text ?? 'null');
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : undefined;
  } catch {
    return undefined;
  }
}

/** `seed`, `random_state`, `train.global_seed` */
export const isSeedName = (name: string): boolean => /(?:^|[._/-])(?:\w*[_-])?(?:seed|random[_-]state)$/i.test(name);

/** A generator that got `None` takes a seed of its own. */
export const isSeed = (value: string): boolean => /^-?\d+$/.test(value.trim());

export interface Repeatability {
  readonly verdict: 'repeatable' | 'partly' | 'not';
  readonly summary: string;
  readonly checks: RepeatCheck[];
  readonly steps: string[];
}

const whyOf: Readonly<Record<RepeatSubject, string>> = {
  code: 'Other code gives other results.',
  command: 'The same code does something else with other arguments.',
  data: 'A model is made of its data.',
  environment: 'Another version of a library may split, round or start differently.',
  seed: 'Without a fixed seed, every run draws other random numbers.',
  hardware: 'Another processor or number of threads adds up in another order; it explains small differences.',
};

const runItWith = 'Start it with: tilth run -- python train.py';

/**
 * How well a run can be done again: what is known of all that its result depends on, what is missing, and what to do about it.
 * Hardware explains differences and can't be restored, so that it does not count for the verdict.
 *
 * @param address of the server that keeps the run's files
 */
export function repeatability(facts: RunFacts, address = '$TILTH_URL'): Repeatability {
  const checks = [code(facts), command(facts), data(facts), environment(facts), seed(facts), hardware(facts)];
  const counted = checks.filter(({ subject }) => subject !== 'hardware');
  const open = counted.filter(({ state }) => state !== 'known').map(({ subject }) => subject);
  const canNot = counted.some(({ subject, state }) => state === 'missing' && (subject === 'code' || subject === 'command'));
  const verdict = open.length === 0 ? 'repeatable' : canNot ? 'not' : 'partly';
  const words = {
    repeatable: 'Repeatable: code, command, data, environment and seed are known.',
    partly: `Can be run again, but may give another result: ${listing(open)} not fully known.`,
    not: `Can't be repeated: ${listing(open)} not fully known.`,
  };
  return { verdict, summary: words[verdict], checks, steps: stepsOf(facts, address) };
}

const listing = (subjects: readonly string[]): string =>
  `${subjects.length < 2 ? subjects.join('') : `${subjects.slice(0, -1).join(', ')} and ${subjects.at(-1) ?? ''}`} ${subjects.length === 1 ? 'is' : 'are'}`;

const check = (subject: RepeatSubject, state: RepeatCheck['state'], found: string, todo: string | null = null): RepeatCheck => ({
  subject,
  state,
  found,
  why: whyOf[subject],
  todo: state === 'known' ? null : todo,
});

const files = (count: number): string => `${count} ${count === 1 ? 'file' : 'files'}`;

const firstOf = (names: readonly string[]): string =>
  names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;

function code({ commit, isDirty, changes, firstRunId }: RunFacts): RepeatCheck {
  if (commit === undefined) {
    return firstRunId === undefined
      ? check('code', 'missing', 'No commit was recorded.', runItWith)
      : check('code', 'missing', 'The command ran outside a git repository, or before its first commit.', 'git init && git add -A && git commit');
  }
  const short = commit.slice(0, 10);
  if (isDirty === undefined) return check('code', 'partly', `Commit ${short}; whether files were changed since is not known.`, runItWith);
  if (!isDirty) return check('code', 'known', `Commit ${short}, nothing changed since.`);
  if (changes === undefined) return check('code', 'partly', `Commit ${short} and changes that were not kept.`, 'git commit before the run');
  if (changes.lost.length === 0) return check('code', 'known', `Commit ${short} and changes in ${files(changes.keptCount)}, kept with the run.`);
  return check(
    'code',
    'partly',
    `Commit ${short} and changes, of which ${files(changes.lost.length)} could not be kept: ${firstOf(changes.lost)}.`,
    'Commit them, or put data into version control: tilth data add PATH',
  );
}

function command({ command: line, hiddenCount, stage, script }: RunFacts): RepeatCheck {
  if (stage !== undefined && line === undefined) return check('command', 'known', `Stage ${stage} of dvc.yaml.`);
  if (line === undefined) {
    return script === undefined
      ? check('command', 'missing', 'What was started is not known.', runItWith)
      : check('command', 'missing', `${script}, with arguments that are not known.`, runItWith);
  }
  const shown = line.replaceAll(/\s*\n\s*/g, ' ⏎ ');
  if (hiddenCount === 0) return check('command', 'known', shown);
  return check('command', 'partly', `${shown} (what looks like a secret is not kept)`, 'Give secrets in the environment, not as arguments.');
}

function data({ versionedData, changedData, loggedData }: RunFacts): RepeatCheck {
  const logged = loggedData.map(({ name, digest }) => `${name} (${digest})`);
  if (versionedData.length === 0) {
    return logged.length === 0
      ? check('data', 'missing', 'No dataset was recorded.', 'tilth data add PATH, and start it with: tilth run -- COMMAND')
      : check('data', 'partly', `Logged, but not versioned: ${firstOf(logged)}.`, 'So that it can be brought back: tilth data add PATH');
  }
  const named = firstOf([...versionedData.map(({ name, md5 }) => `${name} ${md5.slice(0, 8)}`), ...logged]);
  if (changedData.length === 0) return check('data', 'known', `Versioned: ${named}.`);
  return check('data', 'partly', `${firstOf(changedData)} was not as its version says; ${named}.`, `tilth data add ${changedData[0] ?? 'PATH'}`);
}

function environment({ python, lock, unlocked, packageCount, firstRunId }: RunFacts): RepeatCheck {
  const parts = [
    ...(python === undefined ? [] : [`Python ${python}`]),
    ...(packageCount === undefined ? [] : [`${packageCount} packages`]),
    ...(lock === undefined ? [] : [lock.replace(/ sha256:([0-9a-f]{8})[0-9a-f]*/, ' $1')]),
  ].join(', ');
  if (packageCount === undefined && lock === undefined) {
    return check('environment', 'missing', firstRunId === undefined ? 'No packages were recorded.' : 'No Python and no lock file were found.', runItWith);
  }
  if (lock === undefined) return check('environment', 'partly', `${parts}; no lock file.`, 'Lock it: poetry lock, or uv lock');
  if (packageCount === undefined) return check('environment', 'partly', `${parts}; what was installed is not known.`, runItWith);
  if (unlocked.length === 0) return check('environment', 'known', `${parts}.`);
  return check('environment', 'partly', `${parts}, but installed is ${firstOf(unlocked)}.`, 'Bring it in step: poetry install, or uv sync');
}

function seed({ seeds, hashSeed }: RunFacts): RepeatCheck {
  if (seeds.length > 0) return check('seed', 'known', `${firstOf(seeds.map(({ name, value }) => `${name} = ${value}`))}.`);
  const todo = "Fix it, and log it: mlflow.log_param('seed', 42)";
  return hashSeed === undefined || hashSeed === 'random'
    ? check('seed', 'missing', 'No seed was found among params and arguments.', todo)
    : check('seed', 'partly', `Only Python's hashes are fixed (PYTHONHASHSEED = ${hashSeed}).`, todo);
}

const hardware = ({ machine }: RunFacts): RepeatCheck =>
  machine === undefined ? check('hardware', 'missing', 'Not recorded.', runItWith) : check('hardware', 'known', machine);

/** Shell lines that do the run again in a folder of its own. */
function stepsOf(facts: RunFacts, address: string): string[] {
  const { commit, firstRunId, lock, folder, hashSeed, stage, command: line, experimentName } = facts;
  if (commit === undefined && line === undefined) return [];
  const get = (path: string): string => `curl -sf '${address}/api/v1/runs/${firstRunId ?? facts.runId}/artifact?path=${path}'`;
  const place = `../repeat-${facts.runId.slice(0, 8)}`;
  const install = lock === undefined ? undefined : installers.find(([file]) => lock.startsWith(file))?.[1];
  return [
    ...(commit === undefined ? [] : [`git worktree add --detach ${place} ${commit}`, `cd ${place}`]),
    ...(facts.changes === undefined || facts.changes.keptCount === 0 ? [] : [`${get(commandFiles.changes)} | git apply`]),
    ...(facts.versionedData.length === 0 ? [] : ['ln -s "$OLDPWD/.dvc/cache" .dvc/cache', 'tilth data checkout']),
    ...(install !== undefined ? [install] : facts.packageCount === undefined ? [] : [`${get(commandFiles.packages)} | pip install -r /dev/stdin`]),
    ...(folder === undefined || folder === '.' ? [] : [`cd ${shellWord(folder)}`]),
    ...(line === undefined
      ? stage === undefined
        ? []
        : [`tilth pipeline run ${shellWord(stage)}`]
      : [
          `${hashSeed === undefined ? '' : `PYTHONHASHSEED=${shellWord(hashSeed)} `}tilth run${experimentName === undefined ? '' : ` --experiment ${shellWord(experimentName)}`} -- ${line}`,
        ]),
  ];
}

const installers: readonly (readonly [string, string])[] = [
  ['poetry.lock', 'poetry install'],
  ['uv.lock', 'uv sync --locked'],
  ['pdm.lock', 'pdm sync'],
  ['Pipfile.lock', 'pipenv sync'],
  ['requirements', 'pip install -r requirements.txt'],
];
