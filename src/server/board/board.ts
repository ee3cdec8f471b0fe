import { shellWord } from '../../platform/shell.ts';
import type { BoardStation } from './board-api.ts';

/** What a project's stations are told from. */
export interface ProjectFacts {
  readonly root: string;
  readonly template: string | null;
  readonly templateCommit: string | null;
  readonly environment: 'ready' | 'missing' | 'none';
  readonly datasets: readonly DatasetFacts[];
  readonly models: readonly ModelFacts[];
  readonly handoverCount: number;
  readonly eventCount: number;
}

export interface DatasetFacts {
  readonly name: string;
  readonly path: string;
  readonly versionCount: number;
  readonly rowCount: number | null;
  readonly contract: 'passed' | 'broken' | 'none';
}

export interface ModelFacts {
  readonly name: string;
  readonly experiment: string;
  readonly endpoint: string;
  readonly runCount: number;
  readonly best: { readonly runId: string; readonly runName: string; readonly metric: string; readonly value: number } | null;
  readonly newestVersion: { readonly version: number; readonly engine: 'pending' | 'onnx' | 'python'; readonly isGatePassed: boolean | null } | null;
  readonly champion: { readonly version: number; readonly isGatePassed: boolean | null; readonly approvedBy: string | null } | null;
  /** versions that wait for a decision */
  readonly waiting: readonly number[];
  readonly route: RouteFacts | null;
  readonly monitoring: MonitoringFacts;
  /** newest first */
  readonly retrainings: readonly { readonly state: string; readonly candidate: number | null }[];
}

export interface RouteFacts {
  readonly isStopped: boolean;
  readonly targets: readonly { readonly version: number; readonly variant: string; readonly weight: number }[];
  /** null while no data plane answers */
  readonly live: { readonly requestsPerSecond: number; readonly requestCount: number; readonly failedCount: number } | null;
}

export interface MonitoringFacts {
  readonly predictionCount: number;
  readonly metric: string;
  /** the newest window whose numbers are known */
  readonly known: { readonly windowStart: number; readonly version: number; readonly value: number; readonly coverage: number } | null;
  readonly reference: { readonly value: number; readonly kind: string } | null;
  readonly firing: readonly { readonly id: string; readonly summary: string; readonly isAcknowledged: boolean }[];
}

type Fact = BoardStation['facts'][number];

/** The five stations of a project, from what is on record. */
export function stationsOf(project: ProjectFacts): BoardStation[] {
  return [start(project), develop(project), deploy(project), monitor(project), maintain(project)];
}

function start({ root, template, templateCommit, environment }: ProjectFacts): BoardStation {
  const isReady = environment !== 'missing';
  return {
    station: 'start',
    state: isReady ? 'done' : 'active',
    headline: !isReady ? 'Its environment is not installed.' : template === null ? 'Registered; it remembers no template.' : `Begun from ${lastPart(template)}.`,
    facts: [
      ...(template === null ? [] : [{ label: 'template', value: lastPart(template) }]),
      ...(templateCommit === null ? [] : [{ label: 'commit', value: templateCommit.slice(0, 8) }]),
      { label: 'environment', value: { ready: 'installed', missing: 'not installed', none: 'none of its own' }[environment] },
    ],
    next: isReady ? null : `cd ${shellWord(root)} && poetry install`,
  };
}

function develop({ datasets, models }: ProjectFacts): BoardStation {
  const broken = datasets.find((dataset) => dataset.contract === 'broken');
  const unversioned = datasets.find((dataset) => dataset.versionCount === 0);
  const hasVersions = datasets.some((dataset) => dataset.versionCount > 0);
  const runCount = models.reduce((sum, model) => sum + model.runCount, 0);
  const best = models.find((model) => model.best !== null)?.best ?? null;
  const facts: Fact[] = [
    ...datasets.map(({ name, versionCount, rowCount, contract }) => ({
      label: `data ${name}`,
      value: versionCount === 0 ? 'no version' : [counted(versionCount, 'version'), ...(rowCount === null ? [] : [`${grouped(rowCount)} rows`]), { passed: 'contract held', broken: 'contract broken', none: 'no contract' }[contract]].join(', '),
    })),
    ...models.map((model) => ({ label: named(models, model, 'runs'), value: String(model.runCount) })),
    ...models.flatMap((model) => (model.best === null ? [] : [{ label: named(models, model, `best ${model.best.metric}`), value: `${short(model.best.value)} (${model.best.runName})` }])),
  ];
  const at = (state: BoardStation['state'], headline: string, next: string | null): BoardStation => ({ station: 'develop', state, headline, facts, next });
  if (broken !== undefined) return at('attention', `The newest version of ${broken.name} breaks its contract.`, `tilth data contract check ${broken.name}`);
  if (unversioned !== undefined) {
    return at(hasVersions || runCount > 0 ? 'active' : 'todo', `${unversioned.name} has no version yet.`, `tilth data add ${shellWord(unversioned.path)}`);
  }
  if (runCount === 0) return at(hasVersions ? 'active' : 'todo', 'Nothing was trained yet.', 'tilth pipeline run');
  return at('done', best === null ? `${counted(runCount, 'run')}.` : `${counted(runCount, 'run')}; the best ${best.metric} is ${short(best.value)}.`, null);
}

function deploy({ models }: ProjectFacts): BoardStation {
  const facts = models.flatMap((model): Fact[] => [
    ...(model.champion === null ? [] : [{ label: named(models, model, 'champion'), value: championText(model.champion) }]),
    ...(model.waiting.length === 0 ? [] : [{ label: named(models, model, 'waiting'), value: `version ${model.waiting.join(', ')}` }]),
    ...(model.route === null ? [] : [{ label: named(models, model, 'route'), value: routeText(model.route) }]),
    ...(model.route === null || model.route.isStopped ? [] : [{ label: named(models, model, 'traffic'), value: trafficText(model.route) }]),
  ]);
  const at = (state: BoardStation['state'], headline: string, next: string | null): BoardStation => ({ station: 'deploy', state, headline, facts, next });
  if (models.length === 0) return at('todo', 'No model is declared in tilth.yaml.', null);
  // what needs a person first, then what is not done yet, in the order of the way
  const steps = models.map((model) => ({ model, step: deployStep(model) }));
  for (const wanted of ['attention', 'active', 'todo'] as const) {
    const found = steps.find(({ step }) => step.state === wanted);
    if (found !== undefined) return at(wanted, found.step.headline, found.step.next);
  }
  return at('done', steps.map(({ step }) => step.headline).join(' '), null);
}

function deployStep(model: ModelFacts): { state: BoardStation['state']; headline: string; next: string | null } {
  const name = shellWord(model.name);
  const [waiting] = model.waiting;
  if (waiting !== undefined) return { state: 'attention', headline: `Version ${waiting} of ${model.name} waits for approval.`, next: `tilth model approve ${name} ${waiting}` };
  const newest = model.newestVersion;
  if (newest === null) {
    const run = model.best === null ? 'RUN_ID' : model.best.runId;
    return { state: 'todo', headline: `${model.name} has no version yet.`, next: `tilth model register ${name} --run ${run}` };
  }
  if (model.champion === null) {
    if (newest.engine === 'pending') return { state: 'active', headline: `Version ${newest.version} of ${model.name} is being converted.`, next: `tilth model show ${name} ${newest.version} --wait` };
    if (newest.isGatePassed !== true) {
      const headline = newest.isGatePassed === false ? `Version ${newest.version} of ${model.name} does not pass its gate.` : `The gate of version ${newest.version} of ${model.name} was not evaluated yet.`;
      return { state: 'active', headline, next: `tilth model gate ${name} ${newest.version}` };
    }
    return { state: 'active', headline: `Version ${newest.version} of ${model.name} passes its gate.`, next: `tilth model request ${name} ${newest.version}` };
  }
  if (model.route === null || model.route.isStopped) {
    return { state: 'active', headline: `Version ${model.champion.version} of ${model.name} is approved and not served.`, next: `tilth endpoint create ${shellWord(model.endpoint)} --model ${name}` };
  }
  if (model.route.live === null) return { state: 'attention', headline: `${model.endpoint} is routed, and no data plane answers.`, next: 'tilth serve' };
  return { state: 'done', headline: `Version ${model.champion.version} of ${model.name} is in production.`, next: null };
}

function monitor({ models }: ProjectFacts): BoardStation {
  const facts = models.flatMap((model): Fact[] => {
    const { predictionCount, metric, known, reference, firing } = model.monitoring;
    if (predictionCount === 0 && known === null) return [];
    return [
      { label: named(models, model, 'predictions'), value: grouped(predictionCount) },
      ...(known === null
        ? []
        : [
            { label: named(models, model, `${metric}, ${day(known.windowStart)}`), value: `${short(known.value)}${reference === null ? '' : `, reference ${short(reference.value)} (${reference.kind.replaceAll('-', ' ')})`}` },
            { label: named(models, model, 'truth known'), value: percent(known.coverage) },
          ]),
      { label: named(models, model, 'alerts firing'), value: String(firing.length) },
    ];
  });
  const at = (state: BoardStation['state'], headline: string, next: string | null): BoardStation => ({ station: 'monitor', state, headline, facts, next });
  const firing = models.flatMap((model) => model.monitoring.firing);
  const unseen = firing.find((alert) => !alert.isAcknowledged);
  if (unseen !== undefined) return at('attention', unseen.summary, `tilth alert ack ${unseen.id}`);
  const logged = models.filter((model) => model.monitoring.predictionCount > 0);
  if (logged.length === 0) {
    const served = models.find((model) => model.route !== null && !model.route.isStopped);
    return at('todo', 'Nothing was predicted yet.', served === undefined ? null : `tilth predict ${shellWord(served.endpoint)} --row '{"COLUMN": VALUE}'`);
  }
  const unknown = logged.find((model) => model.monitoring.known === null);
  if (unknown !== undefined) return at('active', `No window of ${unknown.name} has enough known truth yet.`, `tilth monitor history ${shellWord(unknown.name)}`);
  if (firing.length > 0) return at('active', `${counted(firing.length, 'alert')} firing, looked after.`, 'tilth alert list');
  const shown = logged[0]?.monitoring;
  return at('done', shown?.known === null || shown === undefined ? 'Watched.' : `${shown.metric} was ${short(shown.known.value)} in the window of ${day(shown.known.windowStart)}.`, null);
}

const working = new Set(['training', 'shadow', 'judging']);

function maintain({ models, handoverCount, eventCount }: ProjectFacts): BoardStation {
  const states = Map.groupBy(models.flatMap((model) => model.retrainings), (retraining) => retraining.state);
  const facts: Fact[] = [
    ...(states.size === 0 ? [] : [{ label: 'retrainings', value: [...states].map(([state, all]) => `${all.length} ${state.replaceAll('-', ' ')}`).join(', ') }]),
    { label: 'handovers', value: String(handoverCount) },
    { label: 'audit events', value: grouped(eventCount) },
  ];
  const at = (state: BoardStation['state'], headline: string, next: string | null): BoardStation => ({ station: 'maintain', state, headline, facts, next });
  const newest = models.flatMap((model) => (model.retrainings[0] === undefined ? [] : [{ model, retraining: model.retrainings[0] }]));
  const waiting = newest.find(({ retraining }) => retraining.state === 'awaiting-approval');
  if (waiting !== undefined) {
    const { model, retraining } = waiting;
    return at('attention', `The retrained version ${retraining.candidate ?? ''} of ${model.name} waits for approval.`, `tilth model approve ${shellWord(model.name)} ${retraining.candidate ?? 'VERSION'}`);
  }
  const failed = newest.find(({ retraining }) => retraining.state === 'failed');
  if (failed !== undefined) return at('attention', `The last retraining of ${failed.model.name} failed.`, `tilth retrain ${shellWord(failed.model.name)}`);
  const active = newest.find(({ retraining }) => working.has(retraining.state));
  if (active !== undefined) return at('active', `${active.model.name} is retraining: ${active.retraining.state}.`, null);
  const [last] = newest;
  if (last !== undefined) {
    const said = last.retraining.state === 'promoted' ? `promoted version ${last.retraining.candidate ?? ''}` : 'left the champion as it is';
    return at('done', `The last retraining of ${last.model.name} ${said}.`, null);
  }
  const served = models.find((model) => model.champion !== null);
  if (handoverCount > 0) return at('done', `${counted(handoverCount, 'handover')}; nothing was retrained yet.`, null);
  return at('todo', 'Nothing was retrained or handed over yet.', served === undefined ? null : `tilth retrain ${shellWord(served.name)}`);
}

/** With the model's name where a project has several. */
const named = (models: readonly ModelFacts[], model: ModelFacts, label: string): string => (models.length > 1 ? `${model.name}: ${label}` : label);

const championText = ({ version, isGatePassed, approvedBy }: NonNullable<ModelFacts['champion']>): string =>
  [`version ${version}`, ...(isGatePassed === null ? [] : [isGatePassed ? 'gate passed' : 'gate not passed']), ...(approvedBy === null ? [] : [`approved by ${approvedBy}`])].join(', ');

const routeText = ({ isStopped, targets }: RouteFacts): string =>
  isStopped ? 'stopped' : targets.length === 0 ? 'nobody answers yet' : targets.map(({ variant, version, weight }) => `${variant} ${version}${variant === 'canary' ? ` (${percent(weight)})` : ''}`).join(', ');

const trafficText = ({ live }: RouteFacts): string =>
  live === null ? 'no data plane answers' : `${short(live.requestsPerSecond)} requests/s; ${grouped(live.requestCount)} answered, ${grouped(live.failedCount)} failed`;

const lastPart = (path: string): string => path.replace(/\/+$/, '').split('/').at(-1) ?? path;
const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
const grouped = (count: number): string => count.toLocaleString('en-US');
const short = (value: number): string => String(Number(value.toPrecision(3)));
const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
