import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { Endpoint, Plane, RouteRevision } from '../../../src/deploy/endpoints/endpoint-api.ts';
import type { ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, microseconds, number, readable, share, shellWord } from '../platform/format.ts';
import { useSend } from '../platform/send.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Table, figure } from '../parts/table.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Traffic, totals } from './traffic.tsx';
import { TryPrediction } from './try-prediction.tsx';
import { VersionLink } from './version-link.tsx';

const followMs = 2000;

export function EndpointsPage() {
  const query = useApi<Endpoint[]>('/api/v1/endpoints', {}, { every: followMs });
  return (
    <ListPage
      title="Endpoints"
      lead="Stable addresses for predictions, and which versions answer there."
      cli="tilth endpoint list"
      query={query}
      filter="Filter endpoints"
      wordsOf={(each) => `${each.name} ${each.model}`}
      empty={
        <Empty title="No endpoint yet" command="tilth endpoint create NAME --model MODEL">
          The model’s champion answers there as soon as it has one.
        </Empty>
      }
      after={<Planes />}
    >
      {(list) => (
        <Table
          heads={[
            'Endpoint',
            'Model',
            'Route',
            figure('Requests per s'),
            figure('p50'),
            figure('p99'),
            figure('Failed'),
            'Changed',
          ]}
        >
          {list.map((each) => {
            const live = totals(each.live);
            return (
              <tr key={each.name}>
                <td>
                  <Link to={`/deploy/endpoints/${segment(each.name)}`} className="link">
                    {each.name}
                  </Link>
                </td>
                <td>
                  <Link to={`/deploy/models/${segment(each.model)}`} className="link">
                    {each.model}
                  </Link>
                </td>
                <td>
                  <RouteWords endpoint={each} />
                </td>
                <td className="num">{live === null ? '–' : number(live.requestsPerSecond, 3)}</td>
                <td className="num whitespace-nowrap">{live === null ? '–' : microseconds(live.p50Us)}</td>
                <td className="num whitespace-nowrap">{live === null ? '–' : microseconds(live.p99Us)}</td>
                <td className="num">
                  {live === null ? '–' : `${count(live.failedCount)} of ${count(live.requestCount)}`}
                </td>
                <td>
                  <When at={each.changedAt} />
                </td>
              </tr>
            );
          })}
        </Table>
      )}
    </ListPage>
  );
}

function Planes() {
  const planes = useApi<Plane[]>('/api/v1/serving/planes', {}, { every: followMs });
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
              <li key={plane.plane} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
                <Badge tone={plane.isAlive ? 'good' : 'bad'}>{plane.isAlive ? 'alive' : 'silent'}</Badge>
                <code className="text-xs">{plane.address}</code>
                <span className="text-ink-2">
                  revision {plane.revision}, up since <When at={plane.startedAt} />, heard{' '}
                  <When at={plane.at} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Panel>
  );
}

const RouteWords = ({ endpoint }: { endpoint: Pick<Endpoint, 'targets' | 'isStopped'> }) => {
  if (endpoint.isStopped) return <Badge tone="warn">stopped</Badge>;
  if (endpoint.targets.length === 0) return <span className="text-ink-2">waits for a first champion</span>;
  return (
    <span className="flex flex-wrap gap-1">
      {endpoint.targets.map((target) => (
        <Badge
          key={`${target.variant}/${target.version}`}
          tone={target.variant === 'champion' ? 'good' : target.variant === 'canary' ? 'info' : 'plain'}
        >
          {target.variant} {target.version}
          {target.variant === 'shadow' ? '' : `, ${share(target.weight, 0)}`}
        </Badge>
      ))}
    </span>
  );
};

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
        endpoint === undefined ? null : (
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
            <Traffic endpoint={data} />
            <div className="grid items-start gap-5 xl:grid-cols-2">
              <Panel
                title="Route"
                aside={
                  <>
                    since <When at={data.changedAt} />
                  </>
                }
              >
                <RouteBars endpoint={data} />
                <button
                  type="button"
                  className="button button-quiet mt-4 -ml-2 text-bad"
                  onClick={() => setAsking('stop')}
                >
                  Take out of service …
                </button>
              </Panel>
              <TryPrediction endpoint={data} />
            </div>
            <Routes name={name} />
          </>
        )}
      </Answer>
      {endpoint === undefined ? null : (
        <>
          <Dialog
            open={asking === 'rollback'}
            onClose={close}
            title={`Roll ${name} back`}
            lead="The previous champion answers again, at once. A canary ends. The change is recorded under your name."
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
            lead="Only approved versions can answer; shadows see every request and answer nobody."
          >
            <RouteForm endpoint={endpoint} path={`${path}/route`} onDone={close} />
          </Dialog>
        </>
      )}
    </Page>
  );
}

const barClass = { champion: 'bg-accent', canary: 'bg-info', shadow: 'bg-line-strong' } as const;

/** Who answers what share, as bars. */
function RouteBars({ endpoint }: { endpoint: Endpoint }) {
  if (endpoint.isStopped) return <p className="text-sm text-ink-2">Out of service.</p>;
  if (endpoint.targets.length === 0) {
    return (
      <p className="text-sm text-ink-2">Waits for a first champion: approve a version of {endpoint.model}.</p>
    );
  }
  return (
    <ul className="flex flex-col gap-3">
      {endpoint.targets.map((target) => (
        <li key={`${target.variant}/${target.version}`}>
          <p className="flex items-center justify-between gap-3 text-sm">
            <span className="flex items-center gap-2">
              <span className="font-medium">{target.variant}</span>
              <VersionLink model={endpoint.model} version={target.version} />
            </span>
            <span>
              {target.variant === 'shadow' ? 'sees every request, answers none' : share(target.weight, 0)}
            </span>
          </p>
          <div className="mt-1 h-2 overflow-hidden rounded-sm bg-sunken">
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

function Confirm({ path, label, onDone }: { path: string; label: string; onDone: () => void }) {
  const { send, error, isBusy } = useSend(onDone);
  const [reason, setReason] = useState('');
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void send('POST', path, { reason });
      }}
    >
      {error === null ? null : <Failure error={error} />}
      <label className="flex flex-col gap-1 text-sm font-medium">
        Reason
        <textarea
          className="field font-normal"
          rows={2}
          required
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <div>
        <button type="submit" className="button button-danger" disabled={isBusy || reason.trim() === ''}>
          {label}
        </button>
      </div>
    </form>
  );
}

function RouteForm({ endpoint, path, onDone }: { endpoint: Endpoint; path: string; onDone: () => void }) {
  const versions = useApi<ModelVersion[]>(`/api/v1/models/${segment(endpoint.model)}/versions`);
  const { send, error, isBusy } = useSend(onDone);
  const of = (variant: string) => endpoint.targets.filter((target) => target.variant === variant);
  const [champion, setChampion] = useState(String(of('champion')[0]?.version ?? ''));
  const [canary, setCanary] = useState(String(of('canary')[0]?.version ?? ''));
  const [percent, setPercent] = useState(String(Math.round((of('canary')[0]?.weight ?? 0.1) * 100)));
  const [shadows, setShadows] = useState(() => of('shadow').map((target) => target.version));
  const [reason, setReason] = useState('');
  const numbers = (versions.data ?? []).map((each) => each.version);
  const choices = numbers.map((each) => (
    <option key={each} value={each}>
      version {each}
    </option>
  ));
  return (
    <form
      className="flex flex-col gap-4 text-sm"
      onSubmit={(event) => {
        event.preventDefault();
        void send('PUT', path, {
          ...(champion === '' ? {} : { champion: Number(champion) }),
          canary: canary === '' ? null : { version: Number(canary), share: Number(percent) / 100 },
          shadows,
          ...(reason === '' ? {} : { reason }),
        });
      }}
    >
      {error === null ? null : <Failure error={error} />}
      <label className="flex flex-col gap-1 font-medium">
        Champion
        <select
          className="field font-normal"
          value={champion}
          onChange={(event) => setChampion(event.target.value)}
        >
          <option value="">as it is</option>
          {choices}
        </select>
      </label>
      <div className="flex flex-wrap gap-3">
        <label className="flex min-w-40 flex-1 flex-col gap-1 font-medium">
          Canary
          <select
            className="field font-normal"
            value={canary}
            onChange={(event) => setCanary(event.target.value)}
          >
            <option value="">none</option>
            {choices}
          </select>
        </label>
        <label className="flex w-32 flex-col gap-1 font-medium">
          Its share, %
          <input
            className="field font-normal"
            type="number"
            min="1"
            max="99"
            value={percent}
            disabled={canary === ''}
            onChange={(event) => setPercent(event.target.value)}
          />
        </label>
      </div>
      <fieldset>
        <legend className="font-medium">Shadows</legend>
        <div className="mt-1 flex flex-wrap gap-x-4 gap-y-1">
          {numbers.map((each) => (
            <label key={each} className="flex items-center gap-1.5">
              <input
                type="checkbox"
                className="accent-(--accent)"
                checked={shadows.includes(each)}
                onChange={(event) =>
                  setShadows(
                    event.target.checked ? [...shadows, each] : shadows.filter((other) => other !== each),
                  )
                }
              />
              version {each}
            </label>
          ))}
        </div>
      </fieldset>
      <label className="flex flex-col gap-1 font-medium">
        Reason
        <input
          className="field font-normal"
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <div>
        <button type="submit" className="button button-primary" disabled={isBusy}>
          Change the route
        </button>
      </div>
    </form>
  );
}

function Routes({ name }: { name: string }) {
  const query = useApi<RouteRevision[]>(`/api/v1/endpoints/${segment(name)}/routes`);
  return (
    <Panel title="Routes it had" flush>
      <Answer query={query} empty={<Empty title="It had no route yet." />}>
        {(list) => (
          <Table heads={[figure('Revision'), 'Route', 'By', 'When', 'Reason']}>
            {list.map((each) => (
              <tr key={each.revision}>
                <td className="num">{each.revision}</td>
                <td>
                  <RouteWords endpoint={{ targets: each.targets, isStopped: false }} />
                </td>
                <td>{each.by}</td>
                <td>
                  <When at={each.at} />
                </td>
                <td className="min-w-[160px] text-ink-2">{readable(each.reason)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Answer>
    </Panel>
  );
}
