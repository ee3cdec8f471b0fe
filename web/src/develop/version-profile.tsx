import { useState } from 'react';
import type { DatasetVersion } from '../../../src/develop/data/data-api.ts';
import type { TableProfile, VersionProfile as Profile } from '../../../src/develop/data/profile-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { bytes, count, many, shellWord } from '../platform/format.ts';
import { useIsNarrow } from '../platform/narrow.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, FilterBox, Panel } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { ColumnRow } from './column-row.tsx';

/** What a version holds: its tables, their columns, and what could not be read. */
export function VersionProfile({ version }: { version: DatasetVersion }) {
  const query = useApi<Profile>(
    `/api/v1/datasets/${segment(version.dataset)}/versions/${version.md5}/profile`,
  );
  const empty = (
    <div className="card">
      <Empty
        title="Nobody has counted yet what this version holds"
        command={`tilth data profile ${shellWord(version.dataset)}`}
      >
        It is counted where the data is when a version is added, and sent without the values of classified
        columns.
      </Empty>
    </div>
  );
  return (
    <Answer query={query} empty={empty}>
      {({ profile }) => (
        <>
          {profile.tables.map((table) => (
            <TablePanel key={table.name} table={table} />
          ))}
          {profile.unreadable.length === 0 ? null : (
            <Panel title="Could not be read">
              <ul className="flex flex-col gap-1 text-sm">
                {profile.unreadable.map(({ file, reason }) => (
                  <li key={file} className="break-words">
                    <code className="text-xs">{file}</code>: {reason}
                  </li>
                ))}
              </ul>
            </Panel>
          )}
          {profile.others.fileCount === 0 ? null : (
            <p className="px-1 text-sm text-ink-2">
              {profile.tables.length === 0 ? 'No tables: ' : 'Besides: '}
              {many(profile.others.fileCount, 'file')} of {bytes(profile.others.size)} that are no tables.
            </p>
          )}
        </>
      )}
    </Answer>
  );
}

const heads = ['Column', 'Type', figure('Missing'), figure('Distinct'), figure('Range'), 'Values'];
/** a telephone shows the rest when a column is opened */
const narrowHeads = ['Column', figure('Missing'), 'Values'];
const atOnce = 50;
/** fewer than so many are seen without looking for them */
const worthAFilter = 12;

function TablePanel({ table }: { table: TableProfile }) {
  const [wanted, setWanted] = useUrlState('column');
  const isNarrow = useIsNarrow();
  const [shown, setShown] = useState(atOnce);
  const found = table.columns.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()));
  const files = table.fileCount === 1 ? '' : ` in ${many(table.fileCount, 'file')}`;
  return (
    <Panel
      title={table.name}
      flush
      aside={
        <>
          <span>
            {many(table.rowCount, 'row')}
            {files}, {many(table.columns.length + (table.columnsLeftOut ?? 0), 'column')}
          </span>
          {table.columns.length < worthAFilter ? null : (
            <FilterBox value={wanted} onChange={setWanted} placeholder="Filter columns" className="w-52" />
          )}
        </>
      }
    >
      {table.rowCount === 0 ? (
        <p className="border-b border-line px-4 py-3 text-sm text-ink-2">It has columns and not one row.</p>
      ) : null}
      {found.length === 0 ? (
        <p className="px-4 py-6 text-sm text-ink-2">No column has “{wanted}” in its name.</p>
      ) : (
        <Table heads={isNarrow ? narrowHeads : heads} caption={`Columns of ${table.name}`}>
          {found.slice(0, shown).map((column) => (
            <ColumnRow key={column.name} column={column} rowCount={table.rowCount} />
          ))}
        </Table>
      )}
      {found.length > shown ? (
        <div className="flex items-center gap-3 border-t border-line px-4 py-3 text-sm text-ink-2">
          <button type="button" className="button" onClick={() => setShown(shown + 2 * atOnce)}>
            Show more columns
          </button>
          {count(shown)} of {count(found.length)}
        </div>
      ) : null}
      {(table.columnsLeftOut ?? 0) === 0 ? null : (
        <p className="border-t border-line px-4 py-3 text-sm text-ink-2">
          {count(table.columnsLeftOut ?? 0)} further columns were not looked at.
        </p>
      )}
    </Panel>
  );
}
