import type { DatasetVersion } from '../../../src/develop/data/data-api.ts';
import type { DataDifference } from '../../../src/develop/data/profile-api.ts';
import type { DatasetDrift } from '../../../src/monitor/drift/dataset-drift-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { bytes, count, day, shellWord } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Copy, Empty, Facts, Panel } from '../parts/basics.tsx';
import { ColumnDrifts } from './column-drifts.tsx';
import { FileChanges } from './file-changes.tsx';

/** What changed from another version to this one: rows, files, columns, and how far each column moved. */
export function VersionDifference({
  version,
  versions,
}: {
  version: DatasetVersion;
  versions: readonly DatasetVersion[];
}) {
  const [asked, setWith] = useUrlState('with');
  const others = versions.filter(({ md5 }) => md5 !== version.md5);
  const before = versions[versions.findIndex(({ md5 }) => md5 === version.md5) + 1];
  const other = others.find(({ md5 }) => md5 === asked) ?? before ?? others[0];
  const path = `/api/v1/datasets/${segment(version.dataset)}`;
  const pair = { from: other?.md5, to: version.md5 };
  const difference = useApi<DataDifference>(other === undefined ? null : `${path}/difference`, pair);
  const drift = useApi<DatasetDrift>(other === undefined ? null : `${path}/drift`, pair);
  if (other === undefined)
    return (
      <div className="card">
        <Empty title="There is no other version to compare it with" command="tilth data add PATH">
          Each content that is added is a version of its own.
        </Empty>
      </div>
    );
  return (
    <>
      <Panel
        title="What changed"
        aside={
          <>
            <label className="flex min-w-0 items-center gap-2">
              from
              <select
                className="field max-w-60"
                aria-label="Compare with version"
                value={other.md5}
                onChange={(event) => setWith(event.target.value)}
              >
                {others.map((each) => (
                  <option key={each.md5} value={each.md5}>
                    {each.md5.slice(0, 12)}, {day(each.createdAt)}
                  </option>
                ))}
              </select>
            </label>
            <Copy
              text={`tilth data compare ${shellWord(version.dataset)} ${other.md5.slice(0, 12)} ${version.md5.slice(0, 12)}`}
              label="Copy as CLI"
              isSmall
            />
          </>
        }
      >
        <Answer
          query={difference}
          empty={
            <div className="-m-4">
              <Empty
                title="Of one of the two nobody has counted what it holds"
                command={`tilth data profile ${shellWord(version.dataset)}`}
              >
                Check that version out and count it; both are compared from what is kept here.
              </Empty>
            </div>
          }
        >
          {(found) => <Changes found={found} />}
        </Answer>
      </Panel>
      {difference.data === undefined || difference.error !== null ? null : (
        <Answer query={drift}>
          {(moved) => <ColumnDrifts drift={moved} difference={difference.data} />}
        </Answer>
      )}
    </>
  );
}

const FromTo = ({ from, to, say }: { from: number; to: number; say: (value: number) => string }) =>
  from === to ? (
    <>{say(to)}, as before</>
  ) : (
    <>
      {say(from)} → <span className="font-medium">{say(to)}</span>
    </>
  );

function Changes({ found }: { found: DataDifference }) {
  const schema = found.tables.flatMap((table) =>
    table.change === 'same'
      ? table.columns.filter(({ change }) => change !== 'same').map((column) => ({ table, column }))
      : [],
  );
  return (
    <div className="flex flex-col gap-5">
      <Facts
        facts={[
          { label: 'Rows', value: <FromTo {...found.rowCount} say={count} /> },
          { label: 'Files', value: <FromTo {...found.fileCount} say={count} /> },
          { label: 'Size', value: <FromTo {...found.size} say={bytes} /> },
        ]}
      />
      {found.tables
        .filter(({ change }) => change !== 'same')
        .map((table) => (
          <p key={table.name} className="text-sm">
            <Badge tone={table.change === 'added' ? 'info' : 'warn'}>{table.change}</Badge> table{' '}
            <code className="text-xs break-all">{table.name}</code>
          </p>
        ))}
      <div>
        <h3 className="mb-2">Columns</h3>
        {schema.length === 0 ? (
          <p className="text-sm text-ink-2">The same columns with the same types.</p>
        ) : (
          <ul className="flex flex-col gap-1 text-sm">
            {schema.map(({ table, column }) => (
              <li key={`${table.name}/${column.name}`} className="flex flex-wrap items-center gap-2">
                <Badge tone={column.change === 'added' ? 'info' : 'warn'}>{column.change}</Badge>
                <span className="break-all">{column.name}</span>
                <span className="text-xs text-ink-2">
                  {column.change === 'type changed'
                    ? `${(column.type.from ?? '').toLowerCase()} → ${(column.type.to ?? '').toLowerCase()}`
                    : (column.type.to ?? column.type.from ?? '').toLowerCase()}
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
      <FileChanges files={found.files} />
    </div>
  );
}
