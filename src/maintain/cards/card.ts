import type { WindowPerformance } from '../../monitor/performance/performance-api.ts';
import type { CardEvidence, CardFact, CardPart } from './card-api.ts';
import type { CardFacts } from './card-facts.ts';
import { notSaid, partTitles, questions, type PartTitle } from './card-words.ts';

export interface ComposedCard {
  readonly parts: readonly CardPart[];
  readonly missing: readonly string[];
  readonly isStale: boolean;
  readonly staleBecause: string | null;
}

/** The nine parts from what is on record; what only a person can say is asked for. */
export function composeCard(facts: CardFacts): ComposedCard {
  const measured: Readonly<Record<PartTitle, readonly CardFact[]>> = {
    'Model details': details(facts),
    'Intended use': intendedUse(facts),
    Factors: factors(facts),
    Metrics: metrics(facts),
    'Evaluation data': evaluationData(facts),
    'Training data': trainingData(facts),
    'Quantitative analyses': analyses(facts),
    'Ethical considerations': ethics(facts),
    'Caveats and recommendations': caveats(facts),
  };
  const parts = partTitles.map((title) => {
    const said = questions.filter((question) => question.part === title).map(({ label, asks }) => spoken(label, facts.words.get(label) ?? `${notSaid}: ${asks}`));
    const known = measured[title];
    return { title, facts: known.length + said.length === 0 ? [stated('Nothing is on record.', null)] : [...said, ...known] };
  });
  const missing = questions.filter(({ label }) => !facts.words.has(label)).map(({ label, asks }) => `${label}: ${asks}`);
  const staleBecause = staleness(facts.windows);
  return { parts, missing, isStale: staleBecause !== null, staleBecause };
}

/** The newest window in which the version answered, when its numbers are not known yet. */
export function staleness(windows: readonly WindowPerformance[]): string | null {
  const newest = windows.at(-1);
  if (newest === undefined) return null;
  const known = windows.findLast((window) => window.state === 'known');
  if (known !== undefined && known.windowStart >= newest.windowStart) return null;
  const since = known === undefined ? 'No window is known yet' : `The numbers end with the window of ${day(known.windowStart)}`;
  return `${since}; the version also answered in the window of ${day(newest.windowStart)}, where ${share(newest.coverage)} of the truth is known`;
}

function details({ version, modelDescription, declared, run, stays, simulated }: CardFacts): CardFact[] {
  const self = { kind: 'model-version', id: `${version.model}/${version.version}`, by: version.createdBy, at: version.createdAt } as const;
  const person = namer(simulated);
  return [
    stated(`${version.model} version ${version.version}, registered by ${person(version.createdBy)} on ${day(version.createdAt)}.`, self),
    ...(version.description === null && modelDescription === null ? [] : [stated(version.description ?? modelDescription ?? '', self)]),
    ...(declared === undefined
      ? [stated('No tilth.yaml declares this model, so it has no owner, gate or endpoint on record.', null)]
      : [stated(`Owner: ${declared.model.owner}. Project: ${declared.project.name}.`, projectFile(declared.project.name, declared.project.syncedAt))]),
    ...(run === undefined ? [] : [stated(`Trained by run ${run.name}${paramsOf(run.params)}.`, runEvidence(run))]),
    ...(version.engine === 'onnx'
      ? [stated(`Served as an ONNX graph of ${bytes(version.onnxByteCount)}, sha256 ${version.onnxDigest ?? ''}.`, self)]
      : [stated(`Served by ${version.engine === 'pending' ? 'nothing yet: its conversion is not done' : `its own Python: ${(version.reason ?? 'it was not converted').replace(/\.$/, '')}`}.`, self)]),
    ...(version.schema === null ? [] : [stated(`Takes ${version.schema.inputs.map((input) => input.columns?.join(', ') ?? input.name).join(', ')}; gives ${version.schema.outputs.map((output) => output.name).join(', ')}.`, self)]),
    ...version.approvals
      .filter((approval) => approval.state === 'granted')
      .map((approval) =>
        stated(
          `Approved as ${approval.alias} by ${person(approval.by ?? '')} on ${moment(approval.at)}, asked for by ${person(approval.requestedBy)}${approval.isSingleEye ? ' (one person alone)' : ''}.`,
          { kind: 'approval', id: approval.id, by: approval.by, at: approval.at },
        ),
      ),
    ...stays.map((stay) =>
      stated(`In production from ${moment(stay.fromAt)}${stay.toAt === null ? '' : ` to ${moment(stay.toAt)}`}${stay.reason === null ? '' : ` (${stay.reason})`}.`, {
        ...self,
        by: stay.by,
        at: stay.fromAt,
      }),
    ),
  ];
}

function intendedUse({ declared, endpoints }: CardFacts): CardFact[] {
  if (declared === undefined) return [];
  const { project, model } = declared;
  return [
    stated(`Task: ${model.task.replaceAll('-', ' ')} of "${model.target}".`, projectFile(project.name, project.syncedAt)),
    ...endpoints.map((endpoint) => {
      const how = endpoint.targets.map((target) => `${target.variant} ${target.version}${target.variant === 'shadow' ? '' : ` (${share(target.weight)})`}`).join(', ');
      return stated(`Answers at the endpoint ${endpoint.name}: ${endpoint.isStopped ? 'stopped' : how}.`, { kind: 'endpoint', id: endpoint.name, by: null, at: endpoint.changed_at });
    }),
  ];
}

function factors({ version, windows }: CardFacts): CardFact[] {
  const self = { kind: 'model-version', id: `${version.model}/${version.version}`, by: null, at: version.updatedAt } as const;
  const names = version.schema?.inputs.flatMap((input) => input.columns ?? [input.name]) ?? [];
  return [
    ...(names.length === 0 ? [] : [stated(`Inputs that may matter: ${names.join(', ')}.`, self)]),
    ...(windows.length === 0 ? [] : [stated(`Time is a factor that is measured: see the windows under Quantitative analyses.`, null)]),
  ];
}

function metrics({ version, run, declared }: CardFacts): CardFact[] {
  const asked = new Set(declared?.model.gate.flatMap((condition) => ('metric' in condition ? [condition.metric] : [])) ?? []);
  const shown = run?.metrics.filter((metric) => asked.size === 0 || asked.has(metric.key)) ?? [];
  return [
    ...shown.map((metric) => stated(`${metric.key}: ${short(metric.value)}, as its run logged it.`, { kind: 'run', id: run?.id ?? '', by: whoLogged(run), at: metric.timestamp })),
    ...(version.gate?.results ?? []).map((result) =>
      stated(`Gate "${result.id}": ${result.required}. ${result.measured === null ? (result.note ?? 'Not known.') : `Found ${typeof result.measured === 'number' ? short(result.measured) : result.measured}:`} ${result.passed ? 'passed' : 'not passed'}.`, {
        kind: 'gate',
        id: version.gate?.hash ?? '',
        by: null,
        at: version.gate?.evaluatedAt ?? null,
      }),
    ),
  ];
}

function evaluationData({ run, dataset, windows }: CardFacts): CardFact[] {
  const held = run?.datasets.filter(({ tags }) => !/train/i.test(contextOf(tags))) ?? [];
  return [
    ...held.map(({ dataset: logged, tags }) => stated(`${logged.name} (${contextOf(tags) || 'no context'}), digest ${logged.digest}.`, runEvidence(run))),
    ...(held.length === 0 && run !== undefined
      ? [stated(`The run logged its metrics and names no evaluation data of its own${dataset === undefined ? '' : `; it worked on ${dataset.name} ${dataset.md5}`}.`, runEvidence(run))]
      : []),
    ...productionSpan(windows),
  ];
}

function productionSpan(windows: readonly WindowPerformance[]): CardFact[] {
  const known = windows.filter((window) => window.state === 'known');
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return [];
  const rows = known.reduce((sum, window) => sum + window.labelledCount, 0);
  return [stated(`Production: ${rows} answers whose truth is known, ${day(first.windowStart)} to ${day(last.windowEnd)}.`, performanceEvidence(last))];
}

function trainingData({ run, dataset }: CardFacts): CardFact[] {
  const logged = run?.datasets.filter(({ tags }) => /train/i.test(contextOf(tags))) ?? [];
  const facts = logged.map(({ dataset: each }) => stated(`${each.name}, digest ${each.digest}.`, runEvidence(run)));
  if (dataset === undefined) return [...facts, stated('No dataset version of the training is on record.', null)];
  const { name, md5, known, version } = dataset;
  const evidence: CardEvidence = { kind: 'dataset-version', id: `${name}@${md5}`, by: version?.createdBy ?? null, at: version?.createdAt ?? null };
  if (version === undefined) return [...facts, stated(`${name}, version ${md5}, which this server has no record of.`, evidence)];
  const failing = version.report?.violations.length ?? 0;
  return [
    ...facts,
    stated(`${name}, version ${md5}: ${version.rowCount ?? 'an unknown number of'} rows, ${version.columns.length} columns, ${version.fileCount} file${version.fileCount === 1 ? '' : 's'}, ${bytes(version.size)}.`, evidence),
    stated(version.contractState === 'none' ? 'No contract was checked.' : `Its contract ${version.contractState === 'passed' ? `held: ${version.report?.rules.length ?? 0} rules` : `was broken in ${failing} places`}.`, evidence),
    ...(known === undefined ? [] : [stated(`Licence ${known.licence ?? 'not stated'}, classification ${known.classification ?? 'not stated'}, owner ${known.owner ?? 'not stated'}.`, evidence)]),
    ...(version.commit === null ? [] : [stated(`Recorded at commit ${version.commit}.`, evidence)]),
  ];
}

const shownWindows = 60;

function analyses({ version, windows, drift }: CardFacts): CardFact[] {
  const { parity } = version;
  const known = windows.filter((window) => window.state === 'known');
  return [
    ...(parity === null
      ? []
      : [
          stated(
            `The served graph against the trained model on ${parity.rowCount} rows: ${parity.labelsEqual === null ? '' : `labels equal in ${share(parity.labelsEqual)}, `}largest difference ${parity.maxError.toExponential(1)}.`,
            { kind: 'parity', id: version.onnxDigest ?? '', by: null, at: parity.measuredAt },
          ),
        ]),
    ...known.slice(-shownWindows).map((window) => stated(windowLine(window), performanceEvidence(window))),
    ...(windows.length > 0 && known.length === 0 ? [stated('It answers in production; no window has enough known truth yet.', null)] : []),
    ...(drift === undefined ? [] : [stated(driftLine(drift.features.filter((feature) => feature.default?.drifted === true).map((feature) => feature.feature), day(drift.windowStart)), { kind: 'drift', id: `${version.model}/${version.version}@${day(drift.windowStart)}`, by: null, at: drift.windowEnd })]),
  ];
}

const windowLine = (window: WindowPerformance): string => {
  const numbers = Object.entries(window.metrics).map(([name, { value, low, high }]) => `${name} ${short(value)}${low === null || high === null ? '' : ` (${short(low)} to ${short(high)})`}`);
  return `${day(window.windowStart)} as ${window.variant}: ${numbers.join(', ')}; ${window.labelledCount} of ${window.rowCount} answers have their truth.`;
};

const driftLine = (moved: readonly string[], window: string): string =>
  moved.length === 0 ? `No input drifted in the window of ${window}.` : `Inputs that drifted in the window of ${window}: ${moved.join(', ')}.`;

function ethics({ dataset }: CardFacts): CardFact[] {
  const classification = dataset?.known?.classification;
  if (classification === undefined || classification === null || dataset === undefined) return [];
  const isPersonal = classification === 'pii' || classification === 'special-category';
  return [
    stated(isPersonal ? `It learned from personal data (${classification}).` : `Its training data is classified ${classification}, not as personal.`, {
      kind: 'dataset-version',
      id: `${dataset.name}@${dataset.md5}`,
      by: dataset.known?.owner ?? null,
      at: dataset.version?.createdAt ?? null,
    }),
  ];
}

function caveats({ version, windows, alerts }: CardFacts): CardFact[] {
  const unknown = windows.filter((window) => window.state !== 'known').length;
  return [
    ...(version.gate?.note === null || version.gate === null ? [] : [stated(version.gate.note, gateEvidence(version.gate.hash, version.gate.evaluatedAt))]),
    ...(version.gate?.results ?? []).flatMap((result) => (result.note === null || (result.measured === null && !result.passed) ? [] : [stated(`${result.id}: ${result.note}`, gateEvidence(version.gate?.hash ?? '', version.gate?.evaluatedAt ?? null))])),
    ...(version.parity?.skipped ?? []).map((skipped) => stated(`Not compared (${skipped.kind}, ${skipped.column}): ${skipped.reason}`, { kind: 'parity' as const, id: version.onnxDigest ?? '', by: null, at: version.parity?.measuredAt ?? null })),
    ...alerts.map((alert) => stated(`Alert ${alert.rule}: ${alert.summary}`, { kind: 'alert', id: alert.id, by: alert.acknowledgedBy, at: alert.raisedAt })),
    ...(unknown === 0 ? [] : [stated(`${unknown} of ${windows.length} windows have too little known truth to be judged.`, null)]),
    stated('Numbers of production hold for the windows they are from; a season or a policy may change them.', null),
  ];
}

const stated = (text: string, evidence: CardEvidence | null): CardFact => ({ label: null, text, evidence });
const spoken = (label: string, text: string): CardFact => ({ label, text, evidence: null });

const runEvidence = (run: CardFacts['run']): CardEvidence | null =>
  run === undefined ? null : { kind: 'run', id: run.id, by: whoLogged(run), at: run.endedAt ?? (run.startedAt > 0 ? run.startedAt : null) };
/** MLflow's clients need not say who logs. */
const whoLogged = (run: CardFacts['run']): string | null => (run === undefined || run.userId === '' ? null : run.userId);
const projectFile = (project: string, at: number): CardEvidence => ({ kind: 'project-file', id: project, by: null, at });
const gateEvidence = (hash: string, at: number | null): CardEvidence => ({ kind: 'gate', id: hash, by: null, at });
const performanceEvidence = (window: WindowPerformance): CardEvidence => ({
  kind: 'performance',
  id: `version ${window.version} ${window.variant} ${day(window.windowStart)}`,
  by: null,
  at: window.computedAt,
});

const contextOf = (tags: readonly { readonly key: string; readonly value: string }[]): string => tags.find((tag) => tag.key === 'mlflow.data.context')?.value ?? '';

const namer = (simulated: ReadonlySet<string>) => (id: string): string => (simulated.has(id) ? `${id} (simulated)` : id);

const paramsOf = (params: readonly { readonly key: string; readonly value: string }[]): string =>
  params.length === 0 ? '' : ` with ${params.slice(0, 12).map(({ key, value }) => `${key}=${value}`).join(', ')}${params.length > 12 ? ', …' : ''}`;

export const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
const moment = (at: number | null): string => (at === null ? 'an unknown day' : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`);
export const short = (value: number): string => String(Number(value.toPrecision(4)));
const share = (value: number): string => `${Number((value * 100).toFixed(2))} %`;
const bytes = (count: number | null): string => (count === null ? 'unknown size' : count < 1e6 ? `${short(count / 1e3)} kB` : `${short(count / 1e6)} MB`);
