import type { ContractReport } from '../../../src/develop/contracts/contract-api.ts';
import { count } from '../platform/format.ts';
import { Badge } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';

/** What a check of a version against its contract found: what broke first, with the rows to look at. */
export function Report({ report }: { report: ContractReport }) {
  const broken = report.rules.filter((rule) => !rule.passed);
  const holding = report.rules.filter((rule) => rule.passed);
  return (
    <div>
      {broken.length === 0 ? null : <Rules rules={broken} />}
      <Examples violations={[...report.violations, ...report.warnings]} />
      <details open={broken.length === 0} className={broken.length === 0 ? '' : 'border-t border-line'}>
        <summary className="px-4 py-3 text-sm font-medium hover:text-accent">
          {count(holding.length)} of {count(report.rules.length)} rules hold, on {count(report.rowCount)} rows
        </summary>
        <div className="max-h-[512px] overflow-y-auto border-t border-line" tabIndex={0}>
          <Rules rules={holding} />
        </div>
      </details>
      {report.notChecked.length === 0 ? null : (
        <p className="border-t border-line px-4 py-3 text-sm text-ink-2">
          Not checked: {report.notChecked.join('; ')}
        </p>
      )}
    </div>
  );
}

const Rules = ({ rules }: { rules: ContractReport['rules'] }) => (
  <Table heads={['Outcome', 'Rule', 'Column', 'Asked', 'Found']}>
    {rules.map((rule, index) => (
      <tr key={`${rule.rule}/${rule.column ?? ''}/${index}`}>
        <td>
          {rule.passed ? (
            <Badge tone="good" icon="check">
              holds
            </Badge>
          ) : (
            <Badge tone={rule.severity === 'error' ? 'bad' : 'warn'} icon="cross">
              {rule.severity === 'error' ? 'broken' : 'warning'}
            </Badge>
          )}
        </td>
        <td className="whitespace-nowrap">{rule.rule}</td>
        <td>{rule.column ?? '–'}</td>
        <td className="min-w-[160px] text-ink-2">{rule.description}</td>
        <td className="min-w-[140px]">{rule.outcome}</td>
      </tr>
    ))}
  </Table>
);

/** Row and column of bad values, so that somebody can go and look. */
function Examples({ violations }: { violations: ContractReport['violations'] }) {
  const examples = violations.flatMap((violation) =>
    violation.examples.map((example) => ({ ...example, asked: violation.description })),
  );
  if (examples.length === 0) return null;
  return (
    <div className="border-t border-line p-4">
      <h3 className="mb-2">Where to look</h3>
      <ul className="flex flex-col gap-1 text-sm">
        {examples.map((example, index) => (
          <li key={index} className="break-words">
            <code className="text-xs">{example.file}</code>
            {example.row === null ? '' : `, row ${count(example.row)}`}
            {example.column === null ? '' : `, ${example.column}`}
            {example.value === null ? '' : ` = ${example.value}`}{' '}
            <span className="text-ink-2">({example.asked})</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
