import type { GateReport, GateResult } from '../registry-api.ts';

const at = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const mark = { met: '✓', 'not-met': '✗', unknown: '?' } as const;

const statusOf = ({ status, passed, measured }: GateResult): keyof typeof mark =>
  status ?? (passed ? 'met' : measured === null ? 'unknown' : 'not-met');

/** The gate as a person reads it: each condition, what was found, on what, and how to meet it. */
export const describeGate = (report: GateReport): string[] => [
  `gate of version ${report.version} of ${report.model}: ${report.passed ? 'passed' : 'not passed'} at ${at(report.evaluatedAt)}${report.note === null ? '' : ` (${report.note})`}`,
  ...report.results.flatMap(describeResult),
];

function describeResult(result: GateResult): string[] {
  const found =
    result.measured === null
      ? (result.note ?? 'not yet known')
      : `found ${result.measured}${result.note === null ? '' : `; ${result.note}`}`;
  const evidence = evidenceOf(result.evidence);
  return [
    `  ${mark[statusOf(result)]} ${result.id}: ${result.required}: ${found}`,
    ...(evidence === '' ? [] : [`      by ${evidence}`]),
    ...(result.passed || (result.hint ?? null) === null ? [] : [`      → ${result.hint}`]),
  ];
}

function evidenceOf({
  runId,
  dataset,
  dataVersion,
  comparedWith,
  rowCount,
  holdout,
  interval,
  method,
  at: when,
}: GateResult['evidence']): string {
  return [
    ...(runId === undefined ? [] : [`run ${runId}`]),
    ...(dataVersion === undefined ? [] : [`data ${dataset ?? ''}@${dataVersion.slice(0, 8)}`]),
    ...(comparedWith === undefined ? [] : [`against ${comparedWith}`]),
    ...(rowCount === undefined ? [] : [`${rowCount} rows`]),
    ...(holdout === undefined ? [] : [`held-out file ${holdout.slice(0, 8)}`]),
    ...(interval === undefined
      ? []
      : [
          `interval ${interval.low.toPrecision(3)} to ${interval.high.toPrecision(3)} at ${interval.confidence * 100} %`,
        ]),
    ...(method === undefined ? [] : [method]),
    ...(when === undefined ? [] : [`at ${at(when)}`]),
  ].join(', ');
}
