import type { Plane } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { useApi } from '../platform/api.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Panel, When } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';

const followMs = 2000;
const goneMs = 5 * 60_000;

const usePlanes = () => useApi<Plane[]>('/api/v1/serving/planes', {}, { every: followMs });

/** The processes that answer, and what they could not put to work. */
export function Planes() {
  const planes = usePlanes();
  return (
    <Panel title="Data planes" flush aside="the processes that answer">
      <Answer
        query={planes}
        empty={
          <Empty title="No data plane has reported" command="tilth up">
            Endpoints answer from a data plane, which goes on when the control plane is away.
          </Empty>
        }
      >
        {(list) => (
          <ul className="divide-y divide-line text-sm">
            {list.map((plane) => (
              <li key={plane.plane} className="px-4 py-2">
                <p className="flex flex-wrap items-center gap-x-4 gap-y-1">
                  <Badge tone={plane.isAlive ? 'good' : 'bad'}>{plane.isAlive ? 'alive' : 'silent'}</Badge>
                  <span className="font-medium">{plane.plane}</span>
                  <code className="text-xs">{plane.address}</code>
                  <span className="text-ink-2">
                    revision {plane.revision}, up since <When at={plane.startedAt} />, heard{' '}
                    <When at={plane.at} />
                  </span>
                </p>
                <Problems plane={plane} />
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  );
}

const Problems = ({ plane }: { plane: Plane }) =>
  (plane.problems ?? []).length === 0 ? null : (
    <ul className="mt-1.5 flex flex-col gap-1">
      {plane.problems?.map((problem) => (
        <li key={problem} className="flex gap-2">
          <Icon name="attention" size={14} className="mt-0.5 text-bad" />
          <span className="min-w-0 break-words">{problem}</span>
        </li>
      ))}
    </ul>
  );

/** What data planes say that keeps them from doing what was decided; nothing while all is well. */
export function PlaneTroubles() {
  const planes = (usePlanes().data ?? []).filter(
    (plane) => Date.now() - plane.at < goneMs && (!plane.isAlive || (plane.problems?.length ?? 0) > 0),
  );
  if (planes.length === 0) return null;
  return (
    <section
      aria-label="Troubles of data planes"
      className="rounded-md border border-line border-l-3 border-l-bad bg-surface px-4 py-3 text-sm"
    >
      {planes.map((plane) => (
        <div key={plane.plane}>
          <p>
            <strong className="font-medium">{plane.plane}</strong>{' '}
            {plane.isAlive ? 'can’t do all that it should' : 'has been silent since'}{' '}
            {plane.isAlive ? null : <When at={plane.at} />}
          </p>
          <Problems plane={plane} />
        </div>
      ))}
    </section>
  );
}
