import { useState } from 'react';
import type { VerdictView } from '../../../src/maintain/audit/audit-api.ts';
import type { AuditEventView } from '../../../src/platform/event-api.ts';
import { ApiError, ask, useApi } from '../platform/api.ts';
import { count, readable } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Empty, FilterBox, Id, Page, Panel, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { Icon } from '../parts/icon.tsx';
import { Particulars } from '../parts/particulars.tsx';

const pageSize = 100;

export function AuditPage() {
  const [filter, setFilter] = useUrlState('filter');
  const [before, setBefore] = useUrlState('before');
  const events = useApi<AuditEventView[]>('/api/v1/audit', { limit: pageSize, beforeSeq: before });
  return (
    <Page
      title="Audit"
      name="Audit"
      lead="Who did what to which thing, when. Each line carries the hash of the one before, so that a changed or missing line is found."
      cli="tilth audit verify"
      actions={<FilterBox value={filter} onChange={setFilter} placeholder="Filter these events" />}
    >
      <Verify />
      <Panel title="Events" flush aside={before === '' ? 'newest first' : `before number ${before}`}>
        <Answer query={events} empty={<Empty title="Nothing has happened yet" command="tilth quickstart" />}>
          {(list) => {
            const found = list.filter((event) =>
              `${event.actor} ${event.verb} ${event.kind} ${event.thing} ${JSON.stringify(event.data)}`
                .toLowerCase()
                .includes(filter.toLowerCase()),
            );
            const oldest = list.at(-1);
            return (
              <>
                <Table heads={[figure('No.'), 'When', 'Who', 'Did', 'To', 'Particulars', 'Hash']}>
                  {found.map((event) => (
                    <tr key={event.seq}>
                      <td className="num text-ink-3">{event.seq}</td>
                      <td>
                        <When at={event.at} />
                      </td>
                      <td className="whitespace-nowrap">{event.actor}</td>
                      <td className="font-medium whitespace-nowrap">{event.verb}</td>
                      <td className="min-w-[220px]">
                        <span className="text-ink-3">{event.kind}</span>{' '}
                        <span className="break-all" title={event.thing}>
                          {readable(event.thing)}
                        </span>
                      </td>
                      <td className="max-w-[420px] min-w-[200px]">
                        <Particulars data={event.data} />
                      </td>
                      <td>
                        <Id text={event.hash} />
                      </td>
                    </tr>
                  ))}
                </Table>
                {found.length === 0 ? (
                  <p className="px-4 py-6 text-sm text-ink-2">None of these events has “{filter}” in it.</p>
                ) : null}
                <div className="flex gap-2 border-t border-line p-3">
                  {before === '' ? null : (
                    <button type="button" className="button" onClick={() => setBefore('')}>
                      Newest
                    </button>
                  )}
                  {list.length === pageSize && oldest !== undefined ? (
                    <button type="button" className="button" onClick={() => setBefore(String(oldest.seq))}>
                      Older
                    </button>
                  ) : null}
                </div>
              </>
            );
          }}
        </Answer>
      </Panel>
    </Page>
  );
}

function Verify() {
  const [verdict, setVerdict] = useState<VerdictView | ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const verify = async (): Promise<void> => {
    setBusy(true);
    setVerdict(
      await ask<VerdictView>('GET', '/api/v1/audit/verify').catch((error: unknown) => error as ApiError),
    );
    setBusy(false);
  };
  return (
    <section
      className="card flex flex-wrap items-center gap-x-5 gap-y-3 p-4"
      aria-label="Verify the audit log"
    >
      <button type="button" className="button button-primary" onClick={() => void verify()} disabled={isBusy}>
        Verify the chain
      </button>
      <div aria-live="polite" className="min-w-0 text-sm">
        {verdict === null ? (
          <span className="text-ink-2">Recomputes every hash from the first event to the last.</span>
        ) : verdict instanceof ApiError ? (
          <Failure error={verdict} />
        ) : (
          <span className={`flex flex-wrap items-center gap-2 ${verdict.isSound ? 'text-good' : 'text-bad'}`}>
            <Icon name={verdict.isSound ? 'check' : 'attention'} />
            {verdict.fault === null ? (
              <>
                <strong>{count(verdict.eventCount)} events, each linked to the one before.</strong>
                <span className="text-ink-2">
                  Newest hash <Id text={verdict.head} letters={16} />
                </span>
              </>
            ) : (
              <strong>
                Event {verdict.fault.seq}: {verdict.fault.reason}
              </strong>
            )}
          </span>
        )}
      </div>
    </section>
  );
}
