import type { Refusal } from '../../../src/develop/data/refusal-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { many } from '../platform/format.ts';
import { Badge, Id, Panel, When } from '../parts/basics.tsx';
import { Report } from './contract-report.tsx';

/** Data that was to become a version and was refused; nothing is shown where that never happened. */
export function DatasetRefusals({ name, newestAt }: { name: string; newestAt: number | undefined }) {
  const query = useApi<Refusal[]>(`/api/v1/datasets/${segment(name)}/refusals`);
  const refusals = query.data ?? [];
  if (refusals.length === 0) return null;
  return (
    <Panel
      title="Refused"
      flush
      aside={`${many(refusals.length, 'time')}: the data broke its contract and became no version`}
    >
      <ul>
        {refusals.map(({ report, at, by }, index) => (
          <li key={`${report.md5}/${report.contractHash}`} className="border-b border-line last:border-b-0">
            {/* what was refused after the newest version is what somebody works on */}
            <details open={index === 0 && at > (newestAt ?? 0)}>
              <summary className="px-4 py-3 text-sm hover:text-accent">
                <Badge tone="bad" icon="cross">
                  {many(report.violations.length, 'rule')} broken
                </Badge>{' '}
                <Id text={report.md5} letters={12} /> <When at={at} />{' '}
                <span className="text-ink-3">
                  by {by}, {many(report.rowCount, 'row')}
                </span>
              </summary>
              <div className="border-t border-line">
                <Report report={report} />
              </div>
            </details>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
