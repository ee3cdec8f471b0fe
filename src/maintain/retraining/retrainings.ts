import { systemActor, type Actor } from '../../platform/actor.ts';
import type { Instant } from '../../platform/clock.ts';
import type { Transaction } from '../../platform/database/database.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { newUlid } from '../../platform/ids.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { perform, recordEvent } from '../../team/command.ts';
import { declarationOf, type DeclaredModel } from '../../start/project/project-store.ts';
import { routeEndpoint } from '../../deploy/endpoints/endpoints.ts';
import { requestApproval } from '../../deploy/registry/approvals/approvals.ts';
import { evaluateGate } from '../../deploy/registry/gate/gate-evidence.ts';
import { championOf, getVersion } from '../../deploy/registry/registry-store.ts';
import { registerVersion } from '../../deploy/registry/versions.ts';
import { planRetraining, retrainingRule, type Cause } from './retraining.ts';
import type { RetrainingView } from './retraining-api.ts';
import { getRetraining, insertRetraining, listRetrainings, recordProgress, type Progress } from './retraining-store.ts';
import { trainCandidate } from './training-run.ts';

export const retrainingJobKind = 'retraining';

interface JobInput {
  readonly id: string;
  readonly phase: 'train' | 'judge';
  /** event time of the judgement */
  readonly asOf?: Instant;
}

/**
 * Starts a retraining; one that is under way for the model is answered instead.
 *
 * @param asOf event time: data before it is known with its ground truth
 * @throws RETRAINING_NOT_DECLARED, NOT_ALLOWED
 */
export async function startRetraining(
  world: World,
  actor: Actor,
  model: string,
  cause: Cause,
  asOf: Instant,
): Promise<RetrainingView> {
  const { read } = world.database;
  const [active] = await listRetrainings(read, { model, isActive: true, limit: 1 });
  if (active !== undefined) return active;
  const { policy } = await declaredPolicy(world, model);
  const plan = planRetraining(policy, asOf);
  const id = newUlid();
  const at = world.clock.now();
  const note = `${cause.kind} ${cause.id}: train on ${plan.from} to ${plan.to}`;
  await perform(
    world,
    { actor, verb: 'retraining.start', kind: 'retraining', thing: id, data: { model, cause, asOf, from: plan.from, to: plan.to } },
    async (tx) => {
      const jobId = await enqueue(world, tx, actor, model, { id, phase: 'train' });
      await insertRetraining(tx, {
        id,
        model,
        state: 'training',
        cause,
        requestedBy: actor.id,
        createdAt: at,
        asOf,
        trainedFrom: plan.from,
        trainedTo: plan.to,
        shadowFrom: plan.shadowFrom,
        shadowUntil: plan.shadowUntil,
        decidedAsOf: null,
        champion: (await championOf(tx, model)) ?? null,
        candidate: null,
        jobId,
        branch: null,
        steps: [{ at, state: 'training', note }],
        gate: null,
      });
    },
  );
  return getRetraining(read, id);
}

const enqueue = (world: World, tx: Transaction, actor: Actor, model: string, input: JobInput): Promise<string> =>
  world.jobs.enqueue(tx, { kind: retrainingJobKind, key: `${retrainingJobKind}:${model}:${input.phase}`, input, requestedBy: actor.id });

/**
 * What follows from a model's newest windows: judge the candidate whose time in the shadow is over, or start a
 * retraining when a rule that the project named fires. Asking twice changes nothing.
 *
 * @param asOf event time up to which everything is known
 */
export async function followEvaluation(world: World, model: string, asOf: Instant, firingRules: readonly string[]): Promise<void> {
  const { read } = world.database;
  const [last] = await listRetrainings(read, { model, limit: 1 });
  if (last?.state === 'shadow') {
    if (asOf < last.shadowUntil) return;
    const note = `watched until ${new Date(asOf).toISOString()}`;
    await world.database.write(async (tx) => {
      const jobId = await enqueue(world, tx, systemActor, model, { id: last.id, phase: 'judge', asOf });
      await progress(world, tx, last, { state: 'judging', note, at: world.clock.now(), jobId });
    });
    return;
  }
  const policy = (await declarationOf(read, model))?.model.retraining;
  if (policy === undefined) return;
  const rule = retrainingRule(policy, { firingRules, last, asOf });
  if (rule !== undefined) await startRetraining(world, systemActor, model, { kind: 'alert', id: rule }, asOf);
}

/** The job: trains and puts the candidate into the shadow, or judges it afterwards. */
export async function workOn(world: World, input: JobInput, job: JobContext): Promise<unknown> {
  const retraining = await getRetraining(world.database.read, input.id);
  try {
    return input.phase === 'train' ? await train(world, retraining, job) : await judge(world, retraining, input.asOf ?? world.clock.now());
  } catch (thrown) {
    // a server that stops takes the job up again; anything else has failed for good
    if (!job.signal.aborted) {
      await advance(world, retraining, { state: 'failed', note: messageOf(thrown), decidedAsOf: input.asOf ?? retraining.asOf });
    }
    throw thrown;
  }
}

async function train(world: World, retraining: RetrainingView, job: JobContext): Promise<unknown> {
  const { id, model } = retraining;
  const { declared, policy } = await declaredPolicy(world, model);
  const plan = planRetraining(policy, retraining.asOf);
  const trained = await trainCandidate(world, { id, model, declared, plan }, job);
  await job.progress(`registering the candidate of run ${trained.runId}`);
  const source = trained.loggedModelId === null ? `runs:/${trained.runId}/model` : `models:/${trained.loggedModelId}`;
  const registered = await registerVersion(world, systemActor, {
    model,
    source,
    runId: trained.runId,
    createsModel: true,
    description: `Retrained on ${plan.from} to ${plan.to}`,
    tags: { 'tilth.retraining': id },
  });
  const { version } = registered;
  if (registered.conversionJob !== null) await job.waitFor(registered.conversionJob);
  const converted = await getVersion(world.database.read, model, version);
  if (converted.onnxDigest === null && converted.bundleDigest === null) {
    throw new TilthError('CANDIDATE_NOT_SERVABLE', 422, `${model} ${version} can't be served: ${converted.reason ?? 'it was not converted'}`);
  }
  const note = `version ${version} answers in the shadow until ${new Date(plan.shadowUntil).toISOString()}`;
  await setShadows(world, declared, [version], `retraining ${id}: candidate in the shadow`);
  await advance(world, retraining, { state: 'shadow', note, candidate: version, branch: trained.branch });
  return { version, runId: trained.runId, branch: trained.branch };
}

async function judge(world: World, retraining: RetrainingView, asOf: Instant): Promise<unknown> {
  const { id, model, candidate } = retraining;
  if (candidate === null) throw new Error(`retraining ${id} is judged without a candidate`);
  const { declared } = await declaredPolicy(world, model);
  const gate = await evaluateGate(world, systemActor, model, candidate);
  if (gate.passed) {
    await requestApproval(world, systemActor, { model, version: candidate });
    const note = `the gate passed; ${declared.model.approval.role} must approve: tilth model approve ${model} ${candidate}`;
    await advance(world, retraining, { state: 'awaiting-approval', note, gate });
  } else {
    await setShadows(world, declared, [], `retraining ${id}: the gate refused the candidate`);
    const failing = gate.results.filter((result) => !result.passed).map((result) => result.id);
    await advance(world, retraining, { state: 'refused', note: `the gate refused it: ${failing.join(', ')}`, gate, decidedAsOf: asOf });
  }
  return { passed: gate.passed };
}

/** A person has decided about a candidate that waited for it. */
export async function followDecision(world: World, thing: string, isGranted: boolean, by: string): Promise<void> {
  const waiting = await listRetrainings(world.database.read, { isActive: true });
  const retraining = waiting.find((each) => each.state === 'awaiting-approval' && `${each.model}/${each.candidate}` === thing);
  if (retraining === undefined) return;
  const { declared } = await declaredPolicy(world, retraining.model);
  await setShadows(world, declared, [], `retraining ${retraining.id}: decided`);
  const decidedAsOf = retraining.shadowUntil;
  if (isGranted) await advance(world, retraining, { state: 'promoted', note: `approved by ${by}`, decidedAsOf });
  else await advance(world, retraining, { state: 'refused', note: `refused by ${by}`, decidedAsOf });
}

async function setShadows(world: World, declared: DeclaredModel, shadows: number[], reason: string): Promise<void> {
  await routeEndpoint(world, systemActor, declared.model.endpoint, { shadows, reason });
}

const advance = (world: World, retraining: RetrainingView, step: Omit<Progress, 'at'>): Promise<void> =>
  world.database.write((tx) => progress(world, tx, retraining, { ...step, at: world.clock.now() }));

async function progress(world: World, tx: Transaction, retraining: RetrainingView, step: Progress): Promise<void> {
  await recordProgress(tx, retraining.id, step);
  await recordEvent(world, tx, {
    actor: systemActor,
    verb: 'retraining.advance',
    kind: 'retraining',
    thing: retraining.id,
    data: { model: retraining.model, state: step.state, note: step.note, candidate: step.candidate ?? retraining.candidate, decidedAsOf: step.decidedAsOf ?? null },
  });
}

async function declaredPolicy(
  world: World,
  model: string,
): Promise<{ declared: DeclaredModel; policy: NonNullable<DeclaredModel['model']['retraining']> }> {
  const declared = await declarationOf(world.database.read, model);
  const policy = declared?.model.retraining;
  if (declared !== undefined && policy !== undefined) return { declared, policy };
  throw new TilthError(
    'RETRAINING_NOT_DECLARED',
    409,
    declared === undefined ? `No project declares the model ${model}.` : `${declared.project.name} does not say how ${model} is retrained.`,
    `Add models.${model}.retraining to its tilth.yaml, then: tilth project sync`,
  );
}
