import { useState } from 'react';
import type { Handover, OwnedThing } from '../../../src/maintain/handover/handover-api.ts';
import type { Person } from '../../../src/team/people-api.ts';
import { useApi } from '../platform/api.ts';
import { count, many, shellWord } from '../platform/format.ts';
import { useSend } from '../platform/send.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel, When } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Markdown } from '../parts/markdown.tsx';

export function HandoverPage() {
  const handovers = useApi<Handover[]>('/api/v1/handovers');
  const people = useApi<Person[]>('/api/v1/people');
  const [asked, setFrom] = useUrlState('from');
  const [isAsking, setAsking] = useState(false);
  const active = (people.data ?? []).filter((person) => person.isActive);
  const from = asked === '' ? (active[0]?.id ?? '') : asked;
  const owned = useApi<OwnedThing[]>(from === '' ? null : `/api/v1/people/${encodeURIComponent(from)}/owned`);
  return (
    <Page
      title="Handover"
      name="Handover"
      lead="What one person owns, who else knows it, and how it passed to somebody else."
      cli={
        from === '' ? 'tilth offboard PERSON --to PERSON' : `tilth offboard ${shellWord(from)} --to PERSON`
      }
    >
      <Panel
        title="Who owns what"
        flush
        aside={
          <>
            <label className="flex items-center gap-2">
              Person
              <select className="field" value={from} onChange={(event) => setFrom(event.target.value)}>
                {from === '' ? <option value="">nobody yet</option> : null}
                {active.map((person) => (
                  <option key={person.id} value={person.id}>
                    {person.name}
                  </option>
                ))}
              </select>
            </label>
            {from === '' ? null : (
              <button type="button" className="button" onClick={() => setAsking(true)}>
                Hand over …
              </button>
            )}
          </>
        }
      >
        {from === '' ? (
          <Empty title="Nobody works here yet" command="tilth team add ana --role contributor">
            You see what this person owns and with how few people leaving the knowledge would be gone.
          </Empty>
        ) : (
          <Answer query={owned} empty={<Empty title={`${from} owns nothing.`} />}>
            {(things) => (
              <Table heads={['Thing', 'Bus factor', 'Changed by']}>
                {things.map((thing) => (
                  <tr key={`${thing.kind}/${thing.thing}`}>
                    <td>
                      <span className="text-ink-3">{thing.kind}</span>{' '}
                      <span className="font-medium">{thing.thing}</span>
                    </td>
                    <td>
                      <Badge tone={thing.busFactor <= 1 ? 'warn' : 'good'}>{thing.busFactor}</Badge>
                    </td>
                    <td className="text-ink-2">
                      {thing.hands.map((hand) => `${hand.person} (${count(hand.changeCount)})`).join(', ') ||
                        'nobody yet'}
                    </td>
                  </tr>
                ))}
              </Table>
            )}
          </Answer>
        )}
      </Panel>
      <Answer
        query={handovers}
        empty={
          <div className="card">
            <Empty title="Nothing has been handed over yet" command="tilth offboard ana --to ben">
              All that a person owns passes to another, their tokens end, and a document says how each thing
              is looked after.
            </Empty>
          </div>
        }
      >
        {(list) => (
          <div className="flex flex-col gap-4">
            {list.map((each, index) => (
              <Record key={each.id} handover={each} isOpen={index === 0} />
            ))}
          </div>
        )}
      </Answer>
      <Dialog
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Hand over what ${from} owns`}
        lead="Every thing above passes on and the person’s tokens end. This can’t be undone, only handed back."
      >
        <HandoverForm from={from} people={active} onDone={() => setAsking(false)} />
      </Dialog>
    </Page>
  );
}

function Record({ handover, isOpen }: { handover: Handover; isOpen: boolean }) {
  return (
    <Panel
      title={`${handover.from} to ${handover.to}`}
      id={handover.id}
      aside={
        <>
          {many(handover.things.length, 'thing')} · {many(handover.revokedTokenCount, 'token')} ended · by{' '}
          {handover.by} <When at={handover.at} />
        </>
      }
    >
      {handover.reason === '' ? null : <p className="mb-3 text-ink-2">{handover.reason}</p>}
      <details open={isOpen}>
        <summary className="link w-fit">The handover document</summary>
        <div className="mt-4">
          <Markdown text={handover.document} />
        </div>
      </details>
    </Panel>
  );
}

function HandoverForm({
  from,
  people,
  onDone,
}: {
  from: string;
  people: readonly Person[];
  onDone: () => void;
}) {
  const others = people.filter((person) => person.id !== from);
  const [to, setTo] = useState(others[0]?.id ?? '');
  const [reason, setReason] = useState('');
  const { send, error, isBusy } = useSend(onDone);
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void send('POST', '/api/v1/handovers', { from, to, reason });
      }}
    >
      {error === null ? null : <Failure error={error} />}
      <label className="flex flex-col gap-1 text-sm font-medium">
        To
        <select className="field font-normal" value={to} onChange={(event) => setTo(event.target.value)}>
          {others.map((person) => (
            <option key={person.id} value={person.id}>
              {person.name}
            </option>
          ))}
        </select>
      </label>
      <label className="flex flex-col gap-1 text-sm font-medium">
        Reason
        <textarea
          className="field font-normal"
          rows={3}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <div>
        <button type="submit" className="button button-danger" disabled={isBusy || to === ''}>
          Hand over
        </button>
      </div>
    </form>
  );
}
