import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { artifactKeyBelow, putArtifact } from '../tracking/artifacts.ts';
import { isOurs } from '../tracking/artifact-keys.ts';
import { getRun, putTags } from '../tracking/run-store.ts';
import type { Run } from '../tracking/tracking.ts';
import { causesOf } from './causes.ts';
import { compareRuns, fits, likenessOf, reproductionFile } from './likeness.ts';
import { noiseOf, type FinalMetrics } from './noise.ts';
import type {
  Failure,
  Ingredient,
  Likeness,
  Noise,
  Output,
  Reproduction,
  ToldReproduction,
  Verdict,
} from './reproduce-api.ts';
import { summaryOf, verdictOf } from './verdict.ts';

interface ReproductionTable {
  id: string;
  run_id: string;
  again_id: string | null;
  verdict: string;
  /** JSON of the whole evidence */
  document: string;
  created_by: string;
  created_at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    reproduction: ReproductionTable;
  }
}

export const reproductionMigrations: Migrations = {
  'reproduce-001-reproductions': {
    async up(db) {
      await db.schema
        .createTable('reproduction')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('run_id', 'text', (column) => column.notNull())
        .addColumn('again_id', 'text')
        .addColumn('verdict', 'text', (column) => column.notNull())
        .addColumn('document', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('reproduction_run').on('reproduction').columns(['run_id', 'id']).execute();
    },
  },
};

const notAReproduction = (message: string): TilthError =>
  new TilthError(
    'REPRODUCTION_REFUSED',
    400,
    message,
    'Only tilth reproduce RUN makes reproductions; the runs that it names have to be its own.',
  );

/**
 * Compares a run with the run that did it again, comes to a verdict, and keeps both: the evidence as a document and as an artifact
 * of the run, the verdict as tags, the act in the audit log. What the runs made and had is read here, whatever the caller says.
 *
 * @throws RUN_NOT_FOUND, REPRODUCTION_REFUSED for a run that is no reproduction of this one, NOT_ALLOWED
 */
export async function recordReproduction(
  world: World,
  actor: Actor,
  runId: string,
  told: ToldReproduction,
): Promise<Reproduction> {
  const run = await getRun(world.database.read, runId);
  if (told.againId === null && told.failure === null)
    throw notAReproduction('A reproduction names the run that did it again, or how it failed.');
  const used = [
    told.againId,
    ...told.experiments.flatMap(({ runIds }) => runIds),
    ...(told.seeds?.runIds ?? []),
  ];
  for (const id of used) if (id !== null) await requireReproductionOf(world, run, id);
  const likeness =
    told.againId === null || told.failure !== null
      ? null
      : withStage(await compareRuns(world, runId, told.againId, told.leftOut), told);
  const noise = likeness === null || likeness.isIdentical ? null : await noiseIn(world, run, told);
  const failure = told.failure ?? (likeness !== null && isEmpty(likeness) ? nothingToCompare : null);
  const verdict = verdictOf(likeness, noise, failure);
  const findings = verdict === 'differs' && likeness !== null ? causesOf(likeness, told.experiments) : [];
  const { againId, experiments, leftOut, notes, place } = told;
  const known: Omit<Reproduction, 'summary'> = {
    id: newUlid(),
    runId,
    againId,
    verdict,
    findings,
    likeness: likeness === null ? null : shortened(likeness),
    experiments,
    noise,
    failure,
    leftOut,
    notes,
    place,
    by: actor.id,
    at: world.clock.now(),
  };
  const made: Reproduction = {
    ...known,
    summary: summaryOf(verdict, { likeness, noise, failure, findings, leftOut }),
  };
  await keep(world, actor, run, made);
  return made;
}

const isEmpty = ({ outputs }: Likeness): boolean => outputs.every(({ state }) => state === 'left out');

const nothingToCompare: Failure = {
  step: 'command',
  message: 'it ran, but logged nothing that could be compared',
  output: '',
  todo: "Log what counts: mlflow.log_metric('auc', auc), mlflow.log_artifact('model.pkl')",
};

/** What it says of itself must hold: only a run that was started to reproduce this one may speak for it. */
async function requireReproductionOf(world: World, run: Run, id: string): Promise<void> {
  const other = await getRun(world.database.read, id);
  const tag = other.tags.find(({ key }) => key === reproducesTag)?.value;
  if (id === run.id || tag !== run.id)
    throw notAReproduction(`The run ${id} was not started to reproduce ${run.id}.`);
}

/** On each run of a reproduction: the run that it repeats. */
export const reproducesTag = 'tilth.reproduces';

/** What a stage read and made lies in files, and the command line has measured them. */
function withStage(likeness: Likeness, { stage, leftOut }: ToldReproduction): Likeness {
  if (stage === null) return likeness;
  const made = stage.outputs.map(({ path, recorded, found }): Output => {
    const asked = leftOut.find((pattern) => fits(pattern, path));
    const state =
      asked !== undefined
        ? 'left out'
        : recorded === null
          ? 'only found'
          : found === null
            ? 'only recorded'
            : recorded === found
              ? 'equal'
              : 'differs';
    return {
      kind: 'stage output',
      name: path,
      state,
      recorded,
      found,
      rule: asked === undefined ? null : `--leave-out ${asked}`,
    };
  });
  const read = stage.inputs.map(({ path, recorded, found, isCode }): Ingredient => {
    const state =
      recorded === null
        ? 'not recorded'
        : found === null
          ? 'not found'
          : recorded === found
            ? 'equal'
            : 'differs';
    return { subject: isCode ? 'code' : 'data', name: path, state, recorded, found };
  });
  return likenessOf([...likeness.outputs, ...made], [...likeness.ingredients, ...read]);
}

async function noiseIn(
  world: World,
  run: Run,
  { againId, seeds, leftOut }: ToldReproduction,
): Promise<Noise | null> {
  if (seeds === null || againId === null) return null;
  const final = ({ metrics }: Run): FinalMetrics =>
    new Map(
      metrics.flatMap(({ key, value }) =>
        key.startsWith('system/') || leftOut.some((pattern) => fits(pattern, key))
          ? []
          : [[key, value] as const],
      ),
    );
  const runs = await Promise.all(seeds.runIds.map((id) => getRun(world.database.read, id)));
  const again = await getRun(world.database.read, againId);
  return noiseOf(final(run), final(again), { ...seeds, runs: runs.map(final) });
}

const mostOutputs = 2_000;

/** Of very many outputs, those that are not equal come first. */
const shortened = (likeness: Likeness): Likeness =>
  likeness.outputs.length <= mostOutputs
    ? likeness
    : {
        ...likeness,
        outputs: [...likeness.outputs]
          .sort((one, other) => Number(one.state === 'equal') - Number(other.state === 'equal'))
          .slice(0, mostOutputs),
      };

async function keep(world: World, actor: Actor, run: Run, made: Reproduction): Promise<void> {
  const document = JSON.stringify(made);
  const causes = made.findings.map(({ cause }) => cause);
  const tags = {
    'tilth.reproduction': made.verdict,
    'tilth.reproduction.at': new Date(made.at).toISOString(),
    'tilth.reproduction.causes': causes.join(', '),
    ...(made.againId === null ? {} : { 'tilth.reproduction.run': made.againId }),
  };
  const data = { verdict: made.verdict, againId: made.againId, causes, reproduction: made.id };
  await perform(world, { actor, verb: 'run.reproduce', kind: 'run', thing: run.id, data }, async (tx) => {
    const { id, runId, againId, verdict, by, at } = made;
    await tx
      .insertInto('reproduction')
      .values({ id, run_id: runId, again_id: againId, verdict, document, created_by: by, created_at: at })
      .execute();
    await putTags(
      tx,
      run.id,
      Object.entries(tags).map(([key, value]) => ({ key, value })),
    );
  });
  const file = Buffer.from(`${JSON.stringify(made, null, 2)}\n`);
  if (isOurs(run.artifactUri))
    await putArtifact(world, artifactKeyBelow(run.artifactUri, reproductionFile), file);
}

/** All of a run, the newest first. */
export async function reproductionsOf(read: Reader, runId: string): Promise<Reproduction[]> {
  const rows = await read
    .selectFrom('reproduction')
    .select('document')
    .where('run_id', '=', runId)
    .orderBy('id', 'desc')
    .limit(100)
    .execute();
  return rows.map(({ document }) => JSON.parse(document) as Reproduction);
}

/** What counts of a run: the newest one that came to an end. */
export async function lastVerdict(read: Reader, runId: string): Promise<Reproduction | undefined> {
  const row = await read
    .selectFrom('reproduction')
    .select('document')
    .where('run_id', '=', runId)
    .where('verdict', '!=', 'failed' satisfies Verdict)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : (JSON.parse(row.document) as Reproduction);
}
