import { Link } from '@tanstack/react-router';
import type { Evidence, GateReport } from '../../../src/deploy/registry/registry-api.ts';
import { count, days, number, shortId } from '../platform/format.ts';
import { Badge, Id, When } from '../parts/basics.tsx';
import { NextStep } from '../parts/answer.tsx';
import { Table } from '../parts/table.tsx';
import { Icon } from '../parts/icon.tsx';

/** Condition by condition: what is asked, what was found, and where it was measured. */
export const GateTable = ({ report }: { report: GateReport }) => (
  <div>
    <Table
      heads={['Outcome', 'Condition', 'Required', 'Measured', 'Evidence']}
      caption={`Gate of ${report.model} version ${report.version}`}
    >
      {inOrder(report.results).map((result) => (
        <tr key={result.id} className={result.passed ? '' : 'bg-bad-soft/40'}>
          <td>
            <OutcomeBadge outcome={outcomeOf(result)} />
          </td>
          <td>
            <span className="font-medium">{result.id}</span>
            <span className="block text-xs text-ink-3">{result.kind}</span>
          </td>
          <td className="min-w-[160px]">{result.required}</td>
          <td className="min-w-[200px] font-medium">
            {typeof result.measured === 'number' ? number(result.measured, 5) : (result.measured ?? '–')}
            {result.evidence.interval === undefined ? null : (
              <span className="block text-xs font-normal text-ink-2">
                {number(result.evidence.interval.low)} to {number(result.evidence.interval.high)} at{' '}
                {result.evidence.interval.confidence * 100} %
              </span>
            )}
            {result.note === null ? null : (
              <span className="block text-xs font-normal text-ink-2">{result.note}</span>
            )}
            {result.passed || result.hint === null || result.hint === undefined ? null : (
              <span className="mt-1 block max-w-[52ch] text-xs font-normal">
                <NextStep hint={result.hint} />
              </span>
            )}
          </td>
          <td className="min-w-[180px] text-xs">
            <EvidenceLinks evidence={result.evidence} />
          </td>
        </tr>
      ))}
    </Table>
    {report.results.length === 0 ? (
      <p className="px-4 py-6 text-sm text-ink-2">This model’s gate has no conditions in tilth.yaml.</p>
    ) : null}
  </div>
);

type Result = GateReport['results'][number];

/** Reports from before it was told apart say only whether it passed. */
export const outcomeOf = (result: Result): 'met' | 'not-met' | 'unknown' =>
  result.status ?? (result.passed ? 'met' : result.measured === null ? 'unknown' : 'not-met');

const outcomes = {
  met: { tone: 'good', icon: 'check', words: 'met' },
  'not-met': { tone: 'bad', icon: 'cross', words: 'not met' },
  unknown: { tone: 'warn', icon: 'dash', words: 'not known' },
} as const;

const OutcomeBadge = ({ outcome }: { outcome: keyof typeof outcomes }) => {
  const { tone, icon, words } = outcomes[outcome];
  return (
    <Badge tone={tone} icon={icon}>
      {words}
    </Badge>
  );
};

/** What did not pass comes first. */
const inOrder = (results: readonly Result[]): Result[] =>
  [...results].sort((a, b) => Number(a.passed) - Number(b.passed));

const measuredWords = (result: Result): string => {
  const measured =
    typeof result.measured === 'number' ? number(result.measured) : (result.measured ?? 'not known');
  const interval = result.evidence.interval;
  return interval === undefined
    ? measured
    : `${measured} (${number(interval.low)} to ${number(interval.high)} at ${interval.confidence * 100} %)`;
};

/** Why a version may not be approved, in a sentence per condition. */
export const Refusal = ({ gate, className = '' }: { gate: GateReport; className?: string }) => (
  <section
    aria-label="Why the gate refuses it"
    className={`flex gap-3 rounded-md border border-line border-l-3 border-l-bad bg-surface px-4 py-3 text-sm ${className}`}
  >
    <Icon name="cross" className="mt-0.5 text-bad" />
    <ul className="flex min-w-0 flex-col gap-1">
      {gate.results
        .filter((result) => !result.passed)
        .map((result) => (
          <li key={result.id}>
            <strong className="font-medium">The gate refuses it: {result.id}.</strong> Asked:{' '}
            {result.required}. Measured: {measuredWords(result)}.
            {result.note === null ? null : <span className="block text-ink-2">{result.note}</span>}
          </li>
        ))}
    </ul>
  </section>
);

const isRunId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);

const EvidenceLinks = ({ evidence }: { evidence: Evidence }) => (
  <ul className="flex flex-col gap-0.5 text-ink-2">
    {evidence.runId === undefined ? null : (
      <li>
        run{' '}
        <Link to={`/develop/runs/${evidence.runId}`} className="link">
          {shortId(evidence.runId)}
        </Link>
      </li>
    )}
    {evidence.dataset === undefined && evidence.dataVersion === undefined ? null : (
      <li>
        data{' '}
        {evidence.dataset === undefined ? null : (
          <Link to={`/develop/data/${encodeURIComponent(evidence.dataset)}`} className="link">
            {evidence.dataset}
          </Link>
        )}{' '}
        {evidence.dataVersion === undefined ? null : <Id text={evidence.dataVersion} />}
      </li>
    )}
    {evidence.comparedWith === undefined ? null : (
      <li>
        compared with{' '}
        {isRunId(evidence.comparedWith) ? (
          <Link to={`/develop/runs/${evidence.comparedWith}`} className="link whitespace-nowrap">
            run {shortId(evidence.comparedWith)}
          </Link>
        ) : (
          evidence.comparedWith
        )}
      </li>
    )}
    {evidence.rowCount === undefined ? null : <li>{count(evidence.rowCount)} rows</li>}
    {evidence.holdout === undefined ? null : (
      <li>
        held-out rows <Id text={evidence.holdout} />
      </li>
    )}
    {evidence.card === undefined ? null : (
      <li>
        card <Id text={evidence.card} />
      </li>
    )}
    {evidence.window === undefined ? null : <li>{days(evidence.window.from, evidence.window.to)}</li>}
    {evidence.at === undefined ? null : (
      <li>
        measured <When at={evidence.at} />
      </li>
    )}
    {evidence.method === undefined ? null : <li className="max-w-[44ch]">{evidence.method}</li>}
  </ul>
);
