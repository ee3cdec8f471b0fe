import type { GateCondition } from '../../../start/project/declaration.ts';
import type { GateFacts } from './gate-facts.ts';
import type { Verdict } from './gate-verdict.ts';

/** How to meet a condition that is not met; a command where there is one. */
export function hintFor(condition: GateCondition, { measured }: Verdict, facts: GateFacts): string {
  const { model, version, runId, dataset } = facts;
  const run = runId ?? 'RUN';
  const newVersion = `register a better candidate: tilth model register ${model} --run RUN`;
  switch (condition.kind) {
    case 'metric-floor':
      return measured === null
        ? `Log it in the run: mlflow.log_metric("${condition.metric}", …); a run that is finished can be resumed.`
        : `See what other runs reach: tilth run list; then ${newVersion}`;
    case 'better-than-baseline':
      return measured === null || facts.baselines.get(condition.metric) === undefined
        ? `Log a baseline in the same experiment, a run named baseline with the metric ${condition.metric}.`
        : `See what other runs reach: tilth run list; then ${newVersion}`;
    case 'parity':
      return facts.engine === 'pending'
        ? `Wait for the conversion: tilth model show ${model} ${version} --wait`
        : `See where graph and model differ: tilth model show ${model} ${version}; convert again: tilth model convert ${model} ${version}`;
    case 'contract-passed':
      return facts.dataVersion === null
        ? `Track the data with the run: tilth run -- COMMAND, or give the run the tag tilth.dataset.${dataset ?? 'NAME'}`
        : `Check exactly this data: tilth data check ${dataset ?? ''}`.trimEnd();
    case 'reproducible':
      return `Do it again: tilth reproduce ${run}`;
    case 'better-than-champion':
    case 'not-worse-than-champion':
      if (measured !== null) return `The champion stays; ${newVersion}`;
      return condition.kind === 'better-than-champion' && condition.on === 'holdout'
        ? `Log the held-out rows with the run, features and truth, as its artifact holdout.parquet; then: tilth model gate ${model} ${version}`
        : `Let it answer beside the champion, and wait for the truth: tilth endpoint route ENDPOINT --shadow ${version}`;
    case 'worst-slice':
      return measured === null
        ? `Log the held-out rows with the run, features, truth and ${condition.columns.join(', ')}, as its artifact holdout.parquet; then: tilth model gate ${model} ${version}`
        : `Look at the rows of that slice; more of them, or other features, may help; then ${newVersion}`;
    case 'latency':
      if (measured === null) return `See why it can't be loaded: tilth model show ${model} ${version}`;
      return `Measure again on a quiet machine: tilth model gate ${model} ${version} --measure; else a smaller model is needed.`;
    case 'card-complete':
      return `Write it into MODEL_CARD.md of the project; see what is asked: tilth model card ${model} ${version}`;
  }
}
