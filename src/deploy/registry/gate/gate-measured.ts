import type { GateCondition } from '../../../start/project/declaration.ts';
import type { GateFacts, Measurement } from './gate-facts.ts';
import { gainOf, isLowerBetter } from './gate-metric.ts';
import { noChampionYet, percent, short, type Verdict } from './gate-verdict.ts';

type Of<Kind extends GateCondition['kind']> = Extract<GateCondition, { kind: Kind }>;

const unknownYet = (required: string, measurement: Measurement | undefined): Verdict => ({
  required,
  measured: null,
  passed: false,
  evidence: {},
  note: measurement?.what === 'nothing' ? measurement.reason : 'It was not measured yet.',
});

/** The whole interval of the difference lies on the better side, both scored on the same held-out rows. */
export function betterOnHoldout(condition: Of<'better-than-champion'>, facts: GateFacts): Verdict {
  const { metric, confidence } = condition;
  const required = `${metric} better than the champion's on the same held-out rows, with ${percent(confidence)} confidence`;
  if (facts.champion === null) return noChampionYet(required);
  const found = facts.measurements.get(condition.id);
  if (found?.what !== 'comparison') return unknownYet(required, found);
  const worstGain = isLowerBetter(metric) ? -found.high : found.low;
  return {
    required,
    measured: found.difference,
    passed: worstGain > 0,
    evidence: {
      ...runOf(facts),
      comparedWith: `version ${found.rival}`,
      rowCount: found.rowCount,
      holdout: found.holdout,
      interval: { low: found.low, high: found.high, confidence },
      method: found.method,
      at: found.at,
    },
    note: `${metric} ${short(found.candidate)} against ${short(found.champion)} of version ${found.rival}, both scored on the same ${found.rowCount} held-out rows.`,
  };
}

export function worstSliceHolds(condition: Of<'worst-slice'>, facts: GateFacts): Verdict {
  const { metric, limit, columns, minCount } = condition;
  const side = isLowerBetter(metric) ? 'at most' : 'at least';
  const required = `${metric} ${side} ${limit} on every slice of ${columns.join(', ')} with ${minCount} rows or more`;
  const found = facts.measurements.get(condition.id);
  if (found?.what !== 'slices') return unknownYet(required, found);
  const evidence = {
    ...runOf(facts),
    rowCount: found.rowCount,
    holdout: found.holdout,
    method: `computed on the held-out rows, scored in the engine that serves; ${found.judgedCount} slices judged, ${found.leftOutCount} left out for their size`,
    at: found.at,
  };
  const { worst } = found;
  if (worst === null)
    return {
      required,
      measured: null,
      passed: false,
      evidence,
      note: `No slice has ${minCount} rows of both classes.`,
    };
  return {
    required,
    measured: worst.metric,
    passed: gainOf(metric, worst.metric, limit) >= 0,
    evidence,
    note: `The worst of ${found.judgedCount} slices is ${worst.column} = ${worst.value}, with ${worst.rowCount} rows.`,
  };
}

export function isFastEnough(condition: Of<'latency'>, facts: GateFacts): Verdict {
  const { p99Ms, batchP99Ms, batchRows } = condition;
  const required = `99 of 100 calls in ${p99Ms} ms with one row${batchP99Ms === undefined ? '' : `, in ${batchP99Ms} ms with ${batchRows} rows`}`;
  const found = facts.measurements.get(condition.id);
  if (found?.what !== 'latency') return unknownYet(required, found);
  const { one, batch } = found;
  const isBatchFast = batchP99Ms === undefined || (batch !== null && batch.p99Ms <= batchP99Ms);
  return {
    required,
    measured: `${short(one.p99Ms)} ms with one row${batch === null ? '' : `, ${short(batch.p99Ms)} ms with ${batch.rowCount} rows`}`,
    passed: one.p99Ms <= p99Ms && isBatchFast,
    evidence: {
      rowCount: one.rowCount + (batch?.rowCount ?? 0),
      method: `p99 of ${one.callCount}${batch === null ? '' : ` and ${batch.callCount}`} calls, one after the other, in the engine that serves, without HTTP; ${found.machine}`,
      at: found.at,
    },
    note: `Measured on ${found.machine}.`,
  };
}

export function isCardComplete(condition: Of<'card-complete'>, facts: GateFacts): Verdict {
  const { parts } = condition;
  const required =
    parts.length === 0
      ? 'the model card says all that only a person can'
      : `the model card says: ${parts.join(', ')}`;
  const { card } = facts;
  if (card === null)
    return {
      required,
      measured: null,
      passed: false,
      evidence: {},
      note: 'The project has no MODEL_CARD.md.',
    };
  const isAsked = (label: string): boolean =>
    parts.length === 0 || parts.some((part) => part.toLowerCase() === label.toLowerCase());
  const missing = card.missing.filter(isAsked);
  const unknownParts = parts.filter(
    (part) => !card.asked.some((label) => label.toLowerCase() === part.toLowerCase()),
  );
  const lacks = [...missing, ...unknownParts];
  return {
    required,
    measured: lacks.length === 0 ? 'complete' : `${lacks.length} missing`,
    passed: lacks.length === 0,
    evidence: { card: card.hash, method: `read from ${card.place}` },
    note: lacks.length === 0 ? null : `Not said yet: ${lacks.join(', ')}.`,
  };
}

const runOf = ({
  runId,
  dataset,
  dataVersion,
}: GateFacts): { runId?: string; dataset?: string; dataVersion?: string } => ({
  ...(runId === null ? {} : { runId }),
  ...(dataset === null ? {} : { dataset }),
  ...(dataVersion === null ? {} : { dataVersion }),
});
