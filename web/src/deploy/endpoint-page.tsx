import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { shellWord } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel, When } from '../parts/basics.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Confirm } from './act.tsx';
import { ComparisonPanel } from './comparison.tsx';
import { PlaneTroubles } from './planes.tsx';
import { Rollouts } from './rollouts.tsx';
import { RouteForm } from './route-form.tsx';
import { RouteHistory } from './route-history.tsx';
import { Handover, RouteBars, stickyWords } from './route-words.tsx';
import { Traffic } from './traffic.tsx';
import { TryPrediction } from './try-prediction.tsx';
import { VersionTraffic } from './version-numbers.tsx';

/** An endpoint as it answers now, how its route is shifted, and what became of that. */
export function EndpointPage() {
  const { name = '' } = useParams({ strict: false });
  const path = `/api/v1/endpoints/${segment(name)}`;
  const query = useApi<Endpoint>(path, {}, { every: 1000 });
  const [asking, setAsking] = useState<'rollback' | 'stop' | 'route' | null>(null);
  const endpoint = query.data;
  const close = (): void => setAsking(null);
  return (
    <Page
      name={name}
      title={
        <>
          {name}
          {endpoint === undefined ? null : endpoint.isStopped ? (
            <Badge tone="warn">stopped</Badge>
          ) : endpoint.live.length > 0 ? (
            <Badge tone="good">answering</Badge>
          ) : (
            <Badge>no data plane</Badge>
          )}
        </>
      }
      lead={
        endpoint === undefined ? undefined : (
          <>
            serves{' '}
            <Link to={`/deploy/models/${segment(endpoint.model)}`} className="link">
              {endpoint.model}
            </Link>
            , revision {endpoint.revision} of its route
          </>
        )
      }
      cli={`tilth endpoint show ${shellWord(name)}`}
      actions={
        endpoint === undefined || endpoint.isStopped ? null : (
          <>
            <button type="button" className="button" onClick={() => setAsking('route')}>
              Change the route …
            </button>
            <button type="button" className="button button-danger" onClick={() => setAsking('rollback')}>
              <Icon name="rollback" />
              Roll back …
            </button>
          </>
        )
      }
    >
      <Answer
        query={query}
        empty={
          <div className="card">
            <Empty title={`No endpoint is called ${name}.`} command="tilth endpoint list" />
          </div>
        }
      >
        {(data) => (
          <>
            <PlaneTroubles />
            <Traffic endpoint={data} />
            <VersionTraffic endpoint={data} />
            <div className="grid items-start gap-5 xl:grid-cols-2">
              <div className="flex min-w-0 flex-col gap-5">
                <Panel
                  title="Route"
                  aside={
                    <>
                      since <When at={data.changedAt} />
                    </>
                  }
                >
                  <div className="flex flex-col gap-4">
                    <RouteBars endpoint={data} />
                    {data.targets.length > 1 ? (
                      <p className="text-sm text-ink-2">{stickyWords(data.sticky)}</p>
                    ) : null}
                    {data.targets.length === 0 ? null : <Handover endpoint={data} />}
                  </div>
                  {data.isStopped ? null : (
                    <button
                      type="button"
                      className="button button-quiet mt-4 -ml-2 text-bad"
                      onClick={() => setAsking('stop')}
                    >
                      Take out of service …
                    </button>
                  )}
                </Panel>
                <Rollouts endpoint={data} />
                <ComparisonPanel endpoint={data} />
              </div>
              <TryPrediction endpoint={data} />
            </div>
            <RouteHistory name={name} />
          </>
        )}
      </Answer>
      {endpoint === undefined ? null : (
        <>
          <Dialog
            open={asking === 'rollback'}
            onClose={close}
            title={`Roll ${name} back`}
            lead={
              endpoint.targets.some((target) => target.variant === 'canary')
                ? 'The canary ends, and the champion answers alone, at once. The change is recorded under your name.'
                : 'The champion before this one answers again, at once. The change is recorded under your name.'
            }
          >
            <Confirm path={`${path}/rollback`} label="Roll back" onDone={close} />
          </Dialog>
          <Dialog
            open={asking === 'stop'}
            onClose={close}
            title={`Take ${name} out of service`}
            lead="Nobody gets an answer there until it is created again."
          >
            <Confirm path={`${path}/stop`} label="Take out of service" onDone={close} />
          </Dialog>
          <Dialog
            open={asking === 'route'}
            onClose={close}
            title={`Change the route of ${name}`}
            lead="Only approved versions can answer; shadows see every request and answer nobody. A rollout under way ends where its version is routed otherwise."
          >
            <RouteForm endpoint={endpoint} onDone={close} />
          </Dialog>
        </>
      )}
    </Page>
  );
}
