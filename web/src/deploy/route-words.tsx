import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { share } from '../platform/format.ts';
import { Badge, type Tone } from '../parts/basics.tsx';
import { VersionLink } from './version-link.tsx';

type Route = Pick<Endpoint, 'targets' | 'isStopped'>;
type Variant = Endpoint['targets'][number]['variant'];

export const variantTone: Readonly<Record<Variant, Tone>> = {
  champion: 'good',
  canary: 'info',
  shadow: 'plain',
};

/** A weight as its percents: 1 %, 12.5 %. */
export const percents = (weight: number): string =>
  share(weight, Number.isInteger(Math.round(weight * 1e4) / 100) ? 0 : 1);

/** A route in a line. */
export const RouteWords = ({ endpoint }: { endpoint: Route }) => {
  if (endpoint.isStopped) return <Badge tone="warn">stopped</Badge>;
  if (endpoint.targets.length === 0) return <span className="text-ink-2">waits for a first champion</span>;
  return (
    <span className="flex flex-wrap gap-1">
      {endpoint.targets.map((target) => (
        <Badge key={`${target.variant}/${target.version}`} tone={variantTone[target.variant]}>
          {target.variant} {target.version}
          {target.variant === 'shadow' ? '' : `, ${percents(target.weight)}`}
        </Badge>
      ))}
    </span>
  );
};

export const stickyWords = (sticky: Endpoint['sticky']): string => {
  if (sticky === null) return 'each request is drawn anew';
  if (sticky.by === 'key') return 'the same row key meets the same version';
  return `the same value of the ${sticky.by} ${sticky.name} meets the same version`;
};

const barClass = { champion: 'bg-accent', canary: 'bg-info', shadow: 'bg-line-strong' } as const;

/** Who answers what share, as bars. */
export function RouteBars({ endpoint }: { endpoint: Endpoint }) {
  if (endpoint.isStopped) return <p className="text-sm text-ink-2">Out of service.</p>;
  if (endpoint.targets.length === 0) {
    return (
      <p className="text-sm text-ink-2">Waits for a first champion: approve a version of {endpoint.model}.</p>
    );
  }
  return (
    <ul className="flex flex-col gap-3" aria-label="Route that the server has confirmed">
      {endpoint.targets.map((target) => (
        <li key={`${target.variant}/${target.version}`}>
          <p className="flex items-center justify-between gap-3 text-sm">
            <span className="flex items-center gap-2">
              <span className="font-medium">{target.variant}</span>
              <VersionLink model={endpoint.model} version={target.version} />
            </span>
            <span>
              {target.variant === 'shadow' ? 'sees every request, answers none' : percents(target.weight)}
            </span>
          </p>
          <div className="mt-1 h-2 overflow-hidden rounded-sm bg-sunken" aria-hidden="true">
            <div
              className={`h-full rounded-sm ${barClass[target.variant]}`}
              style={{
                width: `${(target.variant === 'shadow' ? 1 : target.weight) * 100}%`,
                opacity: target.variant === 'shadow' ? 0.35 : 1,
              }}
            />
          </div>
        </li>
      ))}
    </ul>
  );
}

/** Whether what the server decided is what the data planes do. */
export function Handover({ endpoint }: { endpoint: Endpoint }) {
  const { live } = endpoint;
  const current = live.filter((each) => each.isCurrent).length;
  const isDone = live.length > 0 && current === live.length;
  return (
    <p className="flex flex-wrap items-center gap-2 text-sm text-ink-2" role="status">
      <Badge tone={isDone ? 'good' : 'warn'} icon={isDone ? 'check' : 'attention'}>
        {live.length === 0 ? 'no data plane' : isDone ? 'in effect' : 'being taken over'}
      </Badge>
      {live.length === 0
        ? 'none has reported in the last seconds'
        : `${current} of ${live.length} data ${live.length === 1 ? 'plane serves' : 'planes serve'} the newest routes`}
    </p>
  );
}
