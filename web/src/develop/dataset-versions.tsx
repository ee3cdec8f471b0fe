import type { DatasetVersion } from '../../../src/develop/data/data-api.ts';
import { bytes, count } from '../platform/format.ts';
import { Id, Panel, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { ContractBadge } from './contract-badge.tsx';

const heads = ['Content', 'Contract', figure('Rows'), figure('Files'), figure('Size'), 'Commit', 'Added'];

/** How a figure changed from the version before. */
function Change({ now, before }: { now: number | null; before: number | null | undefined }) {
  if (now === null || before === null || before === undefined || now === before) return null;
  return (
    <span className="block text-2xs text-ink-3">
      {now > before ? '+' : '−'}
      {count(Math.abs(now - before))}
    </span>
  );
}

/** Every version of a dataset, newest first; one is shown below in full. */
export const DatasetVersions = ({
  versions,
  chosen,
  onChoose,
}: {
  versions: readonly DatasetVersion[];
  chosen: string | undefined;
  onChoose: (md5: string) => void;
}) => (
  <Panel title="Versions" flush aside={`${count(versions.length)} kept`}>
    <div className="max-h-[420px] overflow-y-auto" tabIndex={0} role="group" aria-label="Versions over time">
      <Table heads={heads} caption="Versions, newest first">
        {versions.map((each, index) => {
          const before = versions[index + 1];
          const isChosen = each.md5 === chosen;
          return (
            <tr key={each.md5} aria-selected={isChosen} className={isChosen ? 'bg-accent-soft' : ''}>
              <td>
                <button
                  type="button"
                  className="link"
                  aria-pressed={isChosen}
                  onClick={() => onChoose(each.md5)}
                >
                  <code title={each.md5}>{each.md5.slice(0, 12)}</code>
                </button>
              </td>
              <td>
                <ContractBadge state={each.contractState} />
              </td>
              <td className="num">
                {each.rowCount === null ? '–' : count(each.rowCount)}
                <Change now={each.rowCount} before={before?.rowCount} />
              </td>
              <td className="num">
                {count(each.fileCount)}
                <Change now={each.fileCount} before={before?.fileCount} />
              </td>
              <td className="num whitespace-nowrap">{bytes(each.size)}</td>
              <td>{each.commit === null ? '–' : <Id text={each.commit} />}</td>
              <td className="whitespace-nowrap">
                <When at={each.createdAt} /> <span className="text-ink-3">by {each.createdBy}</span>
              </td>
            </tr>
          );
        })}
      </Table>
    </div>
  </Panel>
);
