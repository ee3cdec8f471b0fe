import { useState } from 'react';
import type { Alert } from '../../../src/monitor/alerts/alert-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, day, fixed, isoWeek, shellWord, shortDay } from '../platform/format.ts';
import { useSend } from '../platform/send.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Badge, Copy, Empty, Panel, When } from '../parts/basics.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { VersionLink } from '../deploy/version-link.tsx';

const tone = { pending: 'plain', firing: 'bad', resolved: 'good' } as const;

/** What fell, how far, and who looks after it. */
export function Alerts({ model }: { model: string }) {
  const query = useApi<Alert[]>('/api/v1/alerts', { model });
  const [answering, setAnswering] = useState<Alert | null>(null);
  return (
    <Panel
      title="Alerts"
      flush
      aside={<Copy text={`tilth alert list --model ${shellWord(model)}`} label="Copy as CLI" />}
    >
      <Answer
        query={query}
        empty={
          <Empty title="No alert">
            A rule of tilth.yaml fires when the whole interval of a metric lies beyond its threshold; drift
            alone fires nothing.
          </Empty>
        }
      >
        {(list) => (
          <ul className="max-h-[560px] divide-y divide-line overflow-y-auto">
            {list.map((alert) => (
              <li key={alert.id} className="px-4 py-3 text-sm">
                <p className="flex flex-wrap items-center gap-2">
                  {alert.raisedEventAt === null && alert.state === 'resolved' ? (
                    <Badge>did not fire</Badge>
                  ) : (
                    <Badge
                      tone={tone[alert.state]}
                      {...(alert.state === 'firing' ? { icon: 'attention' as const } : {})}
                    >
                      {alert.state}
                    </Badge>
                  )}
                  <span className="font-medium">{alert.rule}</span>
                  <VersionLink model={model} version={alert.version} />
                  <span className="ml-auto text-xs text-ink-3">
                    {isoWeek(alert.windowStart)}, {shortDay(alert.windowStart)} – {day(alert.windowEnd - 1)}
                  </span>
                </p>
                <p className="mt-1.5">{alert.summary}</p>
                <dl className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-xs">
                  <Evidence
                    label={alert.metric}
                    value={`${fixed(alert.value)} (${fixed(alert.low)} – ${fixed(alert.high)})`}
                  />
                  <Evidence label="must not pass" value={fixed(alert.threshold)} />
                  <Evidence label={`reference (${alert.referenceKind})`} value={fixed(alert.reference)} />
                  <Evidence label="rows" value={count(alert.rowCount)} />
                  {alert.moved.length === 0 ? null : (
                    <Evidence
                      label="moved meanwhile"
                      value={alert.moved.map((each) => each.feature).join(', ')}
                    />
                  )}
                </dl>
                <p className="mt-2 flex flex-wrap items-center gap-2 text-xs text-ink-2">
                  {alert.acknowledgedBy === null &&
                  alert.state === 'resolved' ? null : alert.acknowledgedBy === null ? (
                    <button type="button" className="button h-7" onClick={() => setAnswering(alert)}>
                      Acknowledge …
                    </button>
                  ) : (
                    <span>
                      {alert.acknowledgedBy} looks after it, <When at={alert.acknowledgedAt} />
                      {alert.comment === null || alert.comment === '' ? '' : `: “${alert.comment}”`}
                    </span>
                  )}
                  {alert.resolvedAt === null ? null : (
                    <span>
                      resolved <When at={alert.resolvedAt} />
                      {alert.resolvedBecause === null ? '' : `: ${alert.resolvedBecause}`}
                    </span>
                  )}
                </p>
              </li>
            ))}
          </ul>
        )}
      </Answer>
      <Dialog
        open={answering !== null}
        onClose={() => setAnswering(null)}
        title="Acknowledge"
        lead={answering?.summary ?? ''}
      >
        {answering === null ? null : <Acknowledge alert={answering} onDone={() => setAnswering(null)} />}
      </Dialog>
    </Panel>
  );
}

const Evidence = ({ label, value }: { label: string; value: string }) => (
  <div className="flex gap-1.5">
    <dt className="text-ink-3">{label}</dt>
    <dd>{value}</dd>
  </div>
);

function Acknowledge({ alert, onDone }: { alert: Alert; onDone: () => void }) {
  const [comment, setComment] = useState('');
  const { send, error, isBusy } = useSend(onDone);
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void send('POST', `/api/v1/alerts/${segment(alert.id)}/ack`, {
          comment: comment === '' ? null : comment,
        });
      }}
    >
      {error === null ? null : <Failure error={error} />}
      <label className="flex flex-col gap-1 text-sm font-medium">
        What you will do
        <textarea
          className="field font-normal"
          rows={3}
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
      </label>
      <div className="flex items-center gap-3">
        <button type="submit" className="button button-primary" disabled={isBusy}>
          I look after it
        </button>
        <Copy text={`tilth alert ack ${alert.id}`} label="Copy as CLI" />
      </div>
    </form>
  );
}
