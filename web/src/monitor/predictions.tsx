import { Fragment, useState } from 'react';
import type { PredictionPage, PredictionSummary } from '../../../src/monitor/predictions/prediction-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { absolute, count, microseconds, number, plain } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Panel, When } from '../parts/basics.tsx';
import { Table, figure, unseen } from '../parts/table.tsx';

/** The durable log, newest first, with what turned out to be true. */
export function Predictions({ model }: { model: string }) {
  const [before, setBefore] = useUrlState('before');
  const [opened, setOpened] = useState<string | null>(null);
  const page = useApi<PredictionPage>(`/api/v1/models/${segment(model)}/predictions`, { limit: 12, before });
  const summary = useApi<PredictionSummary>(`/api/v1/models/${segment(model)}/predictions/summary`);
  return (
    <Panel
      title="Predictions"
      flush
      aside={
        summary.data === undefined || summary.data.rowCount === 0 ? null : (
          <span>
            {count(summary.data.rowCount)} in the log, truth known for {count(summary.data.labelCount)}
          </span>
        )
      }
    >
      <Answer
        query={page}
        isEmpty={(data) => data.predictions.length === 0}
        empty={<Empty title="No prediction is in the log yet" command="tilth endpoint list" />}
      >
        {(data) => (
          <>
            <Table
              heads={[
                'Answered',
                'Key',
                'Version',
                figure('Prediction'),
                figure('Its probability'),
                figure('Truth'),
                figure('Took'),
                unseen('More'),
              ]}
            >
              {data.predictions.map((each) => {
                const id = `${each.requestId}/${each.row}/${each.version}/${each.variant}`;
                const likeliest = Math.max(
                  ...Object.values(each.probabilities).filter((value) => value !== null),
                );
                const isRight = each.label === null ? null : String(each.label) === String(each.prediction);
                return (
                  <Fragment key={id}>
                    <tr>
                      <td>
                        <When at={each.at} />
                      </td>
                      <td className="max-w-[240px] truncate" title={each.key ?? each.requestId}>
                        {each.key ?? <code className="text-xs">{each.requestId.slice(0, 12)}</code>}
                      </td>
                      <td className="whitespace-nowrap">
                        {each.version} {each.variant === 'champion' ? null : <Badge>{each.variant}</Badge>}
                      </td>
                      <td className="num">
                        {each.status === 'ok' ? plain(each.prediction) : <Badge tone="bad">failed</Badge>}
                      </td>
                      <td className="num">{Number.isFinite(likeliest) ? likeliest.toFixed(3) : '–'}</td>
                      <td className={`num ${isRight === false ? 'text-warn' : ''}`}>
                        {each.label ?? <span className="text-ink-3">not yet</span>}
                      </td>
                      <td className="num whitespace-nowrap">{microseconds(each.latencyUs)}</td>
                      <td>
                        <button
                          type="button"
                          className="button button-quiet h-6 text-xs"
                          aria-expanded={opened === id}
                          onClick={() => setOpened(opened === id ? null : id)}
                        >
                          {opened === id ? 'Less' : 'More'}
                        </button>
                      </td>
                    </tr>
                    {opened === id ? (
                      <tr>
                        <td colSpan={8} className="bg-sunken">
                          <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-ink-2">
                            <code>{each.requestId}</code> row {each.row}, endpoint {each.endpoint}, answered{' '}
                            {absolute(each.at)}
                            {each.eventAt === null ? '' : `, event ${absolute(each.eventAt)}`}
                          </p>
                          {each.error === null ? null : <p className="mt-2 text-bad">{each.error}</p>}
                          {each.features === null ? (
                            <p className="mt-2 text-sm">
                              The raw input is shown to maintainers, operators and holders of the right “pii”.
                            </p>
                          ) : (
                            <dl className="mt-3 grid grid-cols-[repeat(auto-fill,minmax(140px,1fr))] gap-x-4 gap-y-2 text-xs">
                              {Object.entries(each.features).map(([key, value]) => (
                                <div key={key} className="min-w-0">
                                  <dt className="truncate text-ink-3">{key}</dt>
                                  <dd className="break-words">
                                    {typeof value === 'number' ? number(value) : plain(value)}
                                  </dd>
                                </div>
                              ))}
                            </dl>
                          )}
                        </td>
                      </tr>
                    ) : null}
                  </Fragment>
                );
              })}
            </Table>
            <div className="flex gap-2 border-t border-line p-3">
              {before === '' ? null : (
                <button type="button" className="button" onClick={() => setBefore('')}>
                  Newest
                </button>
              )}
              {data.next === null ? null : (
                <button type="button" className="button" onClick={() => setBefore(data.next ?? '')}>
                  Older
                </button>
              )}
            </div>
          </>
        )}
      </Answer>
    </Panel>
  );
}
