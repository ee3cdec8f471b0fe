import type { Endpoint, VersionNumbers } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { count, microseconds, number, share } from '../platform/format.ts';
import { Badge, Panel } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { variantTone } from './route-words.tsx';
import { VersionLink } from './version-link.tsx';

const order = ['champion', 'canary', 'shadow'];

const orNothing = (us: number | null): string => (us === null ? '–' : microseconds(us));

/** What each version does here now, and how alike a shadow answers. */
export function VersionTraffic({ endpoint }: { endpoint: Endpoint }) {
  const { targets } = endpoint;
  const isRouted = (each: VersionNumbers): boolean =>
    targets.some((target) => target.version === each.version && target.variant === each.variant);
  // a route that nobody has asked yet is there too
  const missing = targets.filter(
    (target) =>
      !endpoint.versions.some((each) => each.version === target.version && each.variant === target.variant),
  );
  const versions = [...endpoint.versions].sort(
    (a, b) =>
      Number(isRouted(b)) - Number(isRouted(a)) ||
      order.indexOf(a.variant) - order.indexOf(b.variant) ||
      b.version - a.version,
  );
  if (versions.length === 0 && missing.length === 0) return null;
  const shadows = versions.filter((each) => each.agreement !== null && isRouted(each));
  return (
    <Panel
      title="By version"
      flush
      aside="rates and latencies of the last minute, counts since the data planes began"
    >
      <Table
        heads={[
          'Version',
          figure('Per second'),
          figure('Requests'),
          figure('Failed'),
          figure('Refused'),
          figure('p50'),
          figure('p99'),
          figure('Waiting'),
        ]}
      >
        {versions.map((each) => (
          <tr
            key={`${each.version}/${each.variant}`}
            className={isRouted(each) ? '' : 'text-ink-3'}
            data-version={each.version}
          >
            <td className="whitespace-nowrap">
              <VersionLink model={endpoint.model} version={each.version} />{' '}
              <Badge tone={isRouted(each) ? variantTone[each.variant] : 'plain'}>
                {isRouted(each) ? each.variant : `was ${each.variant}`}
              </Badge>
            </td>
            <td className="num">{number(each.recent.requestsPerSecond, 3)}</td>
            <td className="num">{count(each.requestCount)}</td>
            <td className={`num ${each.recent.failedCount > 0 ? 'font-medium text-bad' : ''}`}>
              {count(each.failedCount)}
            </td>
            <td className="num">{count(each.refusedCount)}</td>
            <td className="num whitespace-nowrap">{orNothing(each.recent.p50Us ?? each.p50Us)}</td>
            <td className="num whitespace-nowrap">{orNothing(each.recent.p99Us ?? each.p99Us)}</td>
            <td className="num whitespace-nowrap">
              {each.queue === null || !isRouted(each)
                ? '–'
                : `${count(each.queue.rowCount)} rows, ${number(each.queue.waitMs, 2)} ms`}
            </td>
          </tr>
        ))}
        {missing.map((target) => (
          <tr key={`${target.version}/${target.variant}`}>
            <td className="whitespace-nowrap">
              <VersionLink model={endpoint.model} version={target.version} />{' '}
              <Badge tone={variantTone[target.variant]}>{target.variant}</Badge>
            </td>
            <td colSpan={7} className="text-ink-2">
              nobody has asked it yet
            </td>
          </tr>
        ))}
      </Table>
      {shadows.length === 0 ? null : (
        <ul className="divide-y divide-line border-t border-line">
          {shadows.map((each) => (
            <Agreement key={each.version} numbers={each} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

const Agreement = ({ numbers: { version, agreement } }: { numbers: VersionNumbers }) =>
  agreement === null ? null : (
    <li className="px-4 py-3 text-sm">
      <p>
        <span className="font-medium">Shadow {version}</span> gives the label that was answered in{' '}
        <strong className="font-medium">{share(agreement.sameLabel, 2)}</strong> of{' '}
        {count(agreement.rowCount)} rows
      </p>
      <div className="mt-1.5 h-1.5 max-w-md overflow-hidden rounded-sm bg-sunken" aria-hidden="true">
        <div className="h-full bg-line-strong" style={{ width: `${agreement.sameLabel * 100}%` }} />
      </div>
      <p className="mt-1 text-xs text-ink-2">
        probabilities differ by {number(agreement.meanDifference, 3)} on average, at most{' '}
        {number(agreement.largestDifference, 3)}
        {agreement.droppedCount === 0
          ? ''
          : `; it did not see ${count(agreement.droppedCount)} requests, since too many waited`}
      </p>
    </li>
  );
