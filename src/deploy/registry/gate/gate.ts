import type { GateCondition } from '../../../start/project/declaration.ts';
import type { GateFacts, RunMetric } from './gate-facts.ts';
import { hintFor } from './gate-hints.ts';
import { betterOnHoldout, isCardComplete, isFastEnough, worstSliceHolds } from './gate-measured.ts';
import { gainOf, isLowerBetter } from './gate-metric.ts';
import { noChampionYet, percent, short, type Verdict } from './gate-verdict.ts';
import type { Evidence, GateReport, GateResult, Parity } from '../registry-api.ts';
import { hashOf } from '../registry.ts';

/**
 * Holds the facts against each condition of the gate. What is not known does not pass.
 *
 * @param conditions of the model's declaration; null when no tilth.yaml declares the model
 */
export function evaluateConditions(
  conditions: readonly GateCondition[] | null,
  facts: GateFacts,
): GateReport {
  const results = (conditions ?? []).map((condition) => evaluateCondition(condition, facts));
  return {
    model: facts.model,
    version: facts.version,
    passed: results.every((result) => result.passed),
    hash: hashOf(
      results.map(({ id, kind, passed, required, measured }) => ({ id, kind, passed, required, measured })),
    ),
    evaluatedAt: facts.now,
    results,
    note:
      conditions === null
        ? 'No tilth.yaml declares this model, so its gate has no conditions.'
        : conditions.length === 0
          ? 'The gate declares no conditions.'
          : null,
  };
}

function evaluateCondition(condition: GateCondition, facts: GateFacts): GateResult {
  const verdict = verdictOn(condition, facts);
  const { passed, measured } = verdict;
  return {
    id: condition.id,
    kind: condition.kind,
    status: passed ? 'met' : measured === null ? 'unknown' : 'not-met',
    ...verdict,
    hint: passed ? null : hintFor(condition, verdict, facts),
  };
}

function verdictOn(condition: GateCondition, facts: GateFacts): Verdict {
  switch (condition.kind) {
    case 'metric-floor':
      return metricFloor(condition.metric, condition.min, facts);
    case 'better-than-baseline':
      return betterThanBaseline(condition.metric, facts);
    case 'parity':
      return parityHolds(condition, facts);
    case 'contract-passed':
      return contractPassed(facts);
    case 'reproducible':
      return isReproducible(condition, facts);
    case 'worst-slice':
      return worstSliceHolds(condition, facts);
    case 'latency':
      return isFastEnough(condition, facts);
    case 'card-complete':
      return isCardComplete(condition, facts);
    case 'better-than-champion':
      if (condition.on === 'holdout') return betterOnHoldout(condition, facts);
      return againstChampion(condition.metric, facts, {
        required: `${condition.metric} better than the champion's, with ${percent(condition.confidence)} confidence`,
        confidence: condition.confidence,
        holds: (gain) => gain.low > 0,
      });
    case 'not-worse-than-champion':
      return againstChampion(condition.metric, facts, {
        required: `${condition.metric} at most ${condition.tolerance} worse than the champion's`,
        confidence: null,
        holds: (gain) => gain.estimate >= -condition.tolerance,
      });
  }
}

function metricFloor(metric: string, min: number, facts: GateFacts): Verdict {
  const found = facts.metrics.get(metric);
  return {
    required: `${metric} at least ${min}`,
    measured: found?.value ?? null,
    passed: found !== undefined && found.value >= min,
    evidence: evidenceOf(facts, found),
    note: found === undefined ? `The run has no metric ${metric}.` : null,
  };
}

function betterThanBaseline(metric: string, facts: GateFacts): Verdict {
  const found = facts.metrics.get(metric);
  const baseline = facts.baselines.get(metric);
  const isSameData = baseline !== undefined && baseline.dataVersion === facts.dataVersion;
  return {
    required:
      baseline === undefined
        ? `${metric} better than a baseline's`
        : `${metric} better than the baseline's ${short(baseline.value)}`,
    measured: found?.value ?? null,
    passed: found !== undefined && baseline !== undefined && gainOf(metric, found.value, baseline.value) > 0,
    evidence: {
      ...evidenceOf(facts, found),
      ...(baseline === undefined ? {} : { comparedWith: baseline.runId }),
    },
    note:
      found === undefined
        ? `The run has no metric ${metric}.`
        : baseline === undefined
          ? `The experiment has no run named or tagged baseline with the metric ${metric}.`
          : isSameData
            ? null
            : 'The baseline was measured on another data version.',
  };
}

function parityHolds(condition: { labelsEqual: number; maxError: number }, facts: GateFacts): Verdict {
  const { parity } = facts;
  const required = `labels equal in ${percent(condition.labelsEqual)} of rows, probabilities at most ${condition.maxError} apart`;
  if (facts.isServedAsTrained) {
    const note = 'Its own Python answers, so there is no conversion that could differ.';
    return { required, measured: 'the model itself', passed: true, evidence: {}, note };
  }
  if (parity === null) {
    return {
      required,
      measured: null,
      passed: false,
      evidence: {},
      note:
        facts.engine === 'pending'
          ? 'The version was not converted yet.'
          : `The version has no graph to compare: ${facts.engineReason ?? 'it was not converted'}`,
    };
  }
  const areLabelsEqual = parity.labelsEqual === null || parity.labelsEqual >= condition.labelsEqual;
  return {
    required,
    measured: `labels equal in ${parity.labelsEqual === null ? '–' : percent(parity.labelsEqual)}, largest difference ${parity.maxError.toExponential(1)}`,
    passed: parity.rowCount > 0 && areLabelsEqual && parity.maxError <= condition.maxError,
    evidence: { rowCount: parity.rowCount, at: parity.measuredAt },
    note: parity.rowCount === 0 ? 'There were no rows to compare.' : jumpNote(parity),
  };
}

function jumpNote(parity: Parity): string | null {
  const flippedCount = parity.parts.reduce((sum, part) => sum + part.flippedCount, 0);
  if (flippedCount === 0) return null;
  return `${flippedCount} rows one float32 step from a jump of the model got the answer of its other side.`;
}

function contractPassed(facts: GateFacts): Verdict {
  const { contract, dataVersion, dataset } = facts;
  return {
    required: `the contract of ${dataset ?? 'the dataset'} holds for the data version that the run used`,
    measured: contract === null ? null : contract.isPassed ? 'passed' : 'failed',
    passed: contract?.isPassed === true,
    evidence: {
      ...evidenceOf(facts, undefined),
      ...(contract?.at === null || contract === null ? {} : { at: contract.at }),
    },
    note:
      dataVersion === null
        ? `The run names no version of ${dataset ?? 'its dataset'}: it lacks the tag tilth.dataset.${dataset ?? 'NAME'}.`
        : contract === null
          ? `No check of data version ${dataVersion.slice(0, 8)} is known.`
          : contract.isPassed
            ? null
            : contract.summary,
  };
}

const dayMs = 86_400_000;

/** A younger verdict counts more than a better one: what differs now is no longer reproducible. */
function isReproducible(
  condition: { level: 'bit-identical' | 'within-noise'; maxAgeDays: number; leaveOut: readonly string[] },
  { reproduction, now, runId }: GateFacts,
): Verdict {
  const { level, maxAgeDays, leaveOut } = condition;
  const words = level === 'bit-identical' ? 'bit-identical' : 'equal at least within the noise of its seeds';
  const required = `its run done again, ${words}, in the last ${maxAgeDays} days`;
  if (reproduction === null) {
    const note =
      runId === null ? 'The version names no run.' : `It was not done again yet: tilth reproduce ${runId}`;
    return { required, measured: null, passed: false, evidence: {}, note };
  }
  const { verdict, at, againId, leftOut, summary } = reproduction;
  const isGood = verdict === 'bit-identical' || (verdict === 'within-noise' && level === 'within-noise');
  const isOld = now - at > maxAgeDays * dayMs;
  const unallowed = leftOut.filter((pattern) => !leaveOut.includes(pattern));
  return {
    required,
    measured: verdict,
    passed: isGood && !isOld && unallowed.length === 0,
    evidence: {
      ...(runId === null ? {} : { runId }),
      ...(againId === null ? {} : { comparedWith: againId }),
      at,
    },
    note: isOld
      ? `The verdict is ${Math.floor((now - at) / dayMs)} days old: tilth reproduce ${runId ?? 'RUN'}`
      : unallowed.length > 0
        ? `It left out ${unallowed.join(', ')}, which the gate does not allow.`
        : summary,
  };
}

function againstChampion(
  metric: string,
  facts: GateFacts,
  rule: {
    required: string;
    confidence: number | null;
    holds: (gain: { estimate: number; low: number }) => boolean;
  },
): Verdict {
  const { required } = rule;
  if (facts.champion === null) return noChampionYet(required);
  const atConfidence =
    rule.confidence === null ? [...facts.comparisons.values()][0] : facts.comparisons.get(rule.confidence);
  const found = atConfidence?.[metric];
  if (found === undefined) {
    return {
      required,
      measured: null,
      passed: false,
      evidence: { comparedWith: `version ${facts.champion}` },
      note: `Not yet known: no ${metric} of both on the same labelled traffic. Route the version as a shadow and wait for ground truth.`,
    };
  }
  const isLess = isLowerBetter(metric);
  const gain = {
    estimate: gainOf(metric, found.candidate, found.champion),
    low: isLess ? -found.ciHigh : found.ciLow,
  };
  return {
    required,
    measured: found.difference,
    passed: rule.holds(gain),
    evidence: {
      comparedWith: `version ${facts.champion}`,
      rowCount: found.rowCount,
      window: { from: found.from, to: found.to },
      ...(rule.confidence === null
        ? {}
        : { interval: { low: found.ciLow, high: found.ciHigh, confidence: rule.confidence } }),
    },
    note: `${metric} ${short(found.candidate)} against ${short(found.champion)} on the same ${found.rowCount} labelled rows.`,
  };
}

function evidenceOf(facts: GateFacts, metric: RunMetric | undefined): Evidence {
  return {
    ...(facts.runId === null ? {} : { runId: facts.runId }),
    ...(facts.dataset === null ? {} : { dataset: facts.dataset }),
    ...(facts.dataVersion === null ? {} : { dataVersion: facts.dataVersion }),
    ...(metric === undefined ? {} : { at: metric.at }),
  };
}

/** A failing condition in one line. */
export const failureLine = (result: GateResult): string =>
  `${result.id}: asks ${result.required}; ${result.measured === null ? (result.note ?? 'not yet known').replace(/\.$/, '') : `found ${typeof result.measured === 'number' ? short(result.measured) : result.measured}`}`;
