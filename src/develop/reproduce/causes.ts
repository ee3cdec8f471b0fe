import { differingSubjects } from './ingredients.ts';
import type { Experiment, Finding, Ingredient, IngredientSubject, Likeness } from './reproduce-api.ts';

/**
 * Why a run and its reproduction differ. An experiment shows it; without one, the only ingredient that differs is likely, one of
 * several is possible, and where none differs it is something that was not recorded.
 */
export function causesOf(likeness: Likeness, experiments: readonly Experiment[]): Finding[] {
  const { ingredients } = likeness;
  const differing = differingSubjects(ingredients);
  const unstable = randomness(ingredients, experiments);
  const shown = experiments.filter(
    ({ kind, outcome }) => kind === 'swap' && (outcome === 'as recorded' || outcome === 'as neither'),
  );
  // a number of threads is asked of the libraries only: not all of the machine is put back by it
  const ruledOut = new Set<IngredientSubject>(
    experiments
      .filter(({ kind, outcome }) => kind === 'swap' && outcome === 'as reproduced')
      .flatMap(({ subject }) => (subject === null || subject === 'hardware' ? [] : [subject])),
  );
  // put back alone, it gave the recorded result: nothing else that differs has a part in it
  const alone = shown.find(({ outcome }) => outcome === 'as recorded')?.subject;
  const left = differing.filter((subject) =>
    alone === undefined ? !ruledOut.has(subject) : subject === alone,
  );
  const isRepeated = experiments.some(({ kind, outcome }) => kind === 'repeat' && outcome === 'equal');
  const named = left.map((subject): Finding => {
    const swap = shown.find((each) => each.subject === subject);
    const isOnly = left.length === 1 && unstable.length === 0;
    const certainty = swap !== undefined ? 'shown' : isOnly && isRepeated ? 'likely' : 'possible';
    const rest =
      swap?.said ??
      (isOnly
        ? `It is the only ingredient that differs${isRepeated ? ', and the reproduction repeats itself' : ''}.`
        : '');
    return {
      cause: subject,
      certainty,
      because: `${told(ingredients, subject)} ${rest}`.trim(),
      todo: todos[subject],
    };
  });
  const found = [...unstable, ...named].sort((one, other) => rank[one.certainty] - rank[other.certainty]);
  return found.length > 0 ? found : [unknown(ingredients, isRepeated)];
}

const rank = { shown: 0, likely: 1, possible: 2 } as const;

/** Two runs with everything equal differ: by generators without a seed when fixing those ends it, else by something else. */
function randomness(ingredients: readonly Ingredient[], experiments: readonly Experiment[]): Finding[] {
  const repeat = experiments.find(({ kind, outcome }) => kind === 'repeat' && outcome === 'differs');
  if (repeat === undefined) return [];
  const fixed = experiments.find(({ kind }) => kind === 'fixed generators');
  const single = experiments.find(({ kind, outcome }) => kind === 'one thread' && outcome === 'equal');
  const known = ingredients.some(({ subject, name }) => subject === 'seed' && name !== 'PYTHONHASHSEED');
  if (fixed?.outcome === 'equal') {
    const which = known ? 'A seed is recorded, but does not reach all generators.' : 'No seed is recorded.';
    return [
      {
        cause: 'seed',
        certainty: 'shown',
        because: `${repeat.said} ${fixed.said} ${which}`,
        todo: todos.seed,
      },
    ];
  }
  const because = [repeat.said, fixed?.said, single?.said].filter((said) => said !== undefined).join(' ');
  return [
    {
      cause: 'nondeterminism',
      certainty: fixed === undefined ? 'likely' : 'shown',
      because,
      todo: single === undefined ? todos.nondeterminism : todos.threads,
    },
  ];
}

function told(ingredients: readonly Ingredient[], subject: IngredientSubject): string {
  const all = ingredients.filter(
    (each) => each.subject === subject && (each.state === 'differs' || each.state === 'not found'),
  );
  const first = all
    .slice(0, 5)
    .map(
      ({ name, recorded, found }) =>
        `${name}: ${short(recorded)} was recorded, ${found === null ? 'nothing' : short(found)} was found`,
    );
  return `${first.join('; ')}${all.length > 5 ? `; and ${all.length - 5} more` : ''}.`;
}

const short = (value: string | null): string => {
  const hash = /^([0-9a-f]{8})[0-9a-f]{20,}(\.dir)?$/.exec(value ?? '');
  if (hash !== null) return `${hash[1] ?? ''}${hash[2] ?? ''}`;
  const text = value ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

const todos = {
  data: 'Bring the recorded version back: tilth data pull, or compare the two: tilth data diff',
  code: 'Commit before a run, and keep what is pushed: git log --all',
  environment:
    'Lock the environment and run in it: poetry install, or uv sync; a reproduction then builds it from the lock',
  seed: "Set a seed for every generator and log it: numpy.random.default_rng(42), mlflow.log_param('seed', 42)",
  hardware: 'Run it on a machine of the same kind, or ask for the noise: tilth reproduce RUN --seeds 10',
  nondeterminism:
    'Look for os.urandom, the time, the order of threads, files or sets, and network; or ask for the noise: tilth reproduce RUN --seeds 10',
  threads: 'Run with one thread, or ask the library for deterministic sums: OMP_NUM_THREADS=1',
} as const;

function unknown(ingredients: readonly Ingredient[], isRepeated: boolean): Finding {
  const open = [
    ...new Set(ingredients.filter(({ state }) => state === 'not recorded').map(({ name }) => name)),
  ];
  const such =
    open.length === 0
      ? 'data that is not versioned, variables of the environment, or the network'
      : open.slice(0, 5).join(', ');
  const because = isRepeated
    ? `Everything that was recorded is as it was, and the reproduction repeats itself: what was not recorded must differ, such as ${such}.`
    : `Everything that was recorded is as it was. It was not run twice here, so that it may be chance; or what was not recorded differs, such as ${such}.`;
  return {
    cause: 'unknown',
    certainty: 'possible',
    because,
    todo: isRepeated
      ? 'See what the run lacks: tilth run show RUN'
      : 'Let it be run twice: tilth reproduce RUN',
  };
}
