import { useEffect, useState } from 'react';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { count, microseconds, number } from '../platform/format.ts';
import { Panel, Empty } from '../parts/basics.tsx';
import { LineChart } from '../parts/line-chart.tsx';

const keptCount = 120;

interface Sample {
  readonly at: number;
  readonly requestsPerSecond: number;
}

/** What all data planes say together; the slowest stands for the latency. */
export function totals(live: Endpoint['live']) {
  if (live.length === 0) return null;
  const sum = (part: (each: Endpoint['live'][number]) => number): number =>
    live.reduce((total, each) => total + part(each), 0);
  return {
    requestCount: sum((each) => each.requestCount),
    rowCount: sum((each) => each.rowCount),
    failedCount: sum((each) => each.failedCount),
    requestsPerSecond: sum((each) => each.requestsPerSecond),
    p50Us: Math.max(...live.map((each) => each.p50Us)),
    p99Us: Math.max(...live.map((each) => each.p99Us)),
  };
}

/** Live numbers, and requests per second since the page was opened. */
export function Traffic({ endpoint }: { endpoint: Endpoint }) {
  const live = totals(endpoint.live);
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const rate = live?.requestsPerSecond;
  const stamp = endpoint.live.map((each) => `${each.requestCount}/${each.ageMs}`).join();
  useEffect(() => {
    if (rate === undefined) return;
    setSamples((before) => [...before.slice(1 - keptCount), { at: Date.now(), requestsPerSecond: rate }]);
  }, [rate, stamp]);
  if (live === null) {
    return (
      <Panel title="Live traffic" flush>
        <Empty title="No data plane serves this endpoint now" command="tilth up">
          Endpoints answer from a data plane; none has reported in the last seconds.
        </Empty>
      </Panel>
    );
  }
  const waiting = endpoint.versions.reduce((sum, each) => sum + (each.queue?.rowCount ?? 0), 0);
  const figures = [
    { label: 'requests per second', value: number(live.requestsPerSecond, 3) },
    { label: 'p50', value: microseconds(live.p50Us) },
    { label: 'p99', value: microseconds(live.p99Us) },
    { label: 'requests', value: count(live.requestCount) },
    { label: 'rows waiting', value: count(waiting) },
    { label: 'failed', value: count(live.failedCount), isBad: live.failedCount > 0 },
  ];
  return (
    <Panel
      title="Live traffic"
      flush
      aside={`${endpoint.live.length} data ${endpoint.live.length === 1 ? 'plane' : 'planes'}`}
    >
      <dl className="grid grid-cols-2 sm:grid-cols-3 xl:grid-cols-6">
        {figures.map((figure) => (
          <div key={figure.label} className="flex flex-col-reverse px-4 py-3">
            <dt className="text-xs text-ink-3">{figure.label}</dt>
            <dd
              className={`text-xl font-semibold whitespace-nowrap ${figure.isBad === true ? 'text-bad' : ''}`}
            >
              {figure.value}
            </dd>
          </div>
        ))}
      </dl>
      <div className="min-h-[182px] border-t border-line pt-2">
        {samples.length < 3 ? (
          <p className="px-4 py-2 text-xs text-ink-3">Requests per second are drawn from now on.</p>
        ) : (
          <>
            <LineChart
              label="Requests per second since this page was opened"
              x={samples.map((sample) => (sample.at - (samples.at(-1)?.at ?? 0)) / 1000)}
              lines={[
                {
                  label: 'requests per second',
                  colour: 1,
                  values: samples.map((sample) => sample.requestsPerSecond),
                },
              ]}
              height={140}
              format={(value) => number(value, 3)}
              range={[0, Math.max(1, ...samples.map((sample) => sample.requestsPerSecond)) * 1.15]}
            />
            <p className="px-4 pb-2 text-xs text-ink-3">seconds before now</p>
          </>
        )}
      </div>
    </Panel>
  );
}
