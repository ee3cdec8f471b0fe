import { Link } from '@tanstack/react-router';
import { Suspense, lazy } from 'react';
import type { RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import type { Board, BoardProject, BoardStation } from '../../../src/server/board/board-api.ts';
import { useApi } from '../platform/api.ts';
import { readable } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Command, Empty, Page, Panel, When, type Tone } from '../parts/basics.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { Particulars } from '../parts/particulars.tsx';

const Pulse = lazy(() => import('../monitor/pulse.tsx'));

const follow = 5000;
const mostPulses = 3;

export function BoardPage() {
  const query = useApi<Board>('/api/v1/board', {}, { every: follow });
  const models = useApi<RegisteredModel[]>('/api/v1/models');
  return (
    <Page
      title="Board"
      name="Board"
      lead="Every project through the five practices, as it stands now."
      cli="tilth status"
    >
      <Answer query={query} isEmpty={(board) => board.projects.length === 0} empty={<Welcome />}>
        {(board) => (
          <div className="flex flex-col gap-6">
            {board.projects.map((project) => (
              <ProjectBoard key={project.name} project={project} />
            ))}
          </div>
        )}
      </Answer>
      {query.data === undefined ? null : (
        <div className="grid items-start gap-5 xl:grid-cols-[3fr_2fr]">
          <Recent events={query.data.events} />
          <div className="flex min-w-0 flex-col gap-5 max-xl:-order-1">
            <Suspense fallback={null}>
              {(models.data ?? []).slice(0, mostPulses).map((model) => (
                <Pulse key={model.name} model={model.name} />
              ))}
            </Suspense>
            <Running jobs={query.data.jobs} />
          </div>
        </div>
      )}
    </Page>
  );
}

const practices: readonly {
  readonly station: BoardStation['station'];
  readonly path: string;
  readonly says: string;
}[] = [
  { station: 'start', path: '/start', says: 'begin a project from a template' },
  { station: 'develop', path: '/develop/runs', says: 'track runs, version data, reproduce' },
  { station: 'deploy', path: '/deploy/models', says: 'pass the gate, be approved, serve' },
  { station: 'monitor', path: '/monitor', says: 'performance, drift, alerts' },
  { station: 'maintain', path: '/maintain/retrainings', says: 'retrain, hand over, audit' },
];

function Welcome() {
  return (
    <section className="card overflow-hidden" aria-label="Begin">
      <Empty title="Nothing has grown here yet" command="tilth quickstart">
        One command carries a model on real flights through all five practices: it is developed, deployed,
        watched, retrained and handed over. Or begin your own: <code>tilth start ml-project</code>.
      </Empty>
      <ol className="grid border-t border-line sm:grid-cols-2 lg:grid-cols-5">
        {practices.map((practice) => (
          <li
            key={practice.station}
            className="border-line p-4 not-last:border-b lg:not-last:border-r lg:not-last:border-b-0"
          >
            <Link to={practice.path} className="flex items-center gap-2 font-medium hover:text-accent">
              <Icon name={practice.station as IconName} size={18} />
              {practice.station}
            </Link>
            <p className="mt-1 text-sm text-ink-2">{practice.says}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}

const stateWord = { todo: 'to do', active: 'under way', done: 'done', attention: 'needs a person' } as const;
const stateTone: Readonly<Record<BoardStation['state'], Tone>> = {
  todo: 'plain',
  active: 'info',
  done: 'good',
  attention: 'warn',
};
const stateIcon: Readonly<Record<BoardStation['state'], IconName | undefined>> = {
  todo: undefined,
  active: undefined,
  done: 'check',
  attention: 'attention',
};

function ProjectBoard({ project }: { project: BoardProject }) {
  return (
    <section aria-label={project.name} className="card overflow-hidden">
      <header className="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-5 pt-4 pb-3">
        <h2 className="text-xl">{project.name}</h2>
        <p className="min-w-0 truncate text-sm text-ink-2" title={project.root}>
          {project.template === null ? project.root : `from ${project.template}`}
        </p>
      </header>
      <ol className="grid border-t border-line xl:grid-cols-5">
        {project.stations.map((station) => (
          <Station key={station.station} station={station} />
        ))}
      </ol>
    </section>
  );
}

function Station({ station }: { station: BoardStation }) {
  const path = practices.find((each) => each.station === station.station)?.path ?? '/';
  const icon = stateIcon[station.state];
  return (
    <li
      className={`relative flex min-w-0 flex-col gap-3 border-line p-4 not-last:border-b xl:not-last:border-r xl:not-last:border-b-0 ${
        station.state === 'todo' ? 'bg-ground' : ''
      }`}
    >
      <span
        aria-hidden="true"
        className={`absolute top-0 left-0 h-full w-[3px] xl:h-[3px] xl:w-full ${
          { todo: 'bg-transparent', active: 'bg-info', done: 'bg-accent', attention: 'bg-warn' }[
            station.state
          ]
        }`}
      />
      <div className="flex items-center justify-between gap-2">
        <Link to={path} className="flex items-center gap-2 font-semibold hover:text-accent">
          <Icon name={station.station as IconName} size={18} />
          {station.station}
        </Link>
        <Badge tone={stateTone[station.state]} {...(icon === undefined ? {} : { icon })}>
          {stateWord[station.state]}
        </Badge>
      </div>
      <p className="text-sm font-medium text-pretty break-words xl:min-h-10">{station.headline}</p>
      {station.facts.length === 0 ? null : (
        <dl className="grid grid-cols-2 gap-x-4 gap-y-2 text-sm sm:grid-cols-3 xl:grid-cols-1">
          {station.facts.map((fact) => (
            <div key={fact.label} className="min-w-0">
              <dt className="text-xs text-ink-3">{fact.label}</dt>
              <dd className="break-words">{fact.value}</dd>
            </div>
          ))}
        </dl>
      )}
      {station.next === null ? null : (
        <div className="mt-auto min-w-0 pt-1">
          <Command text={station.next} isSmall />
        </div>
      )}
    </li>
  );
}

const shownEventCount = 12;

function Recent({ events }: { events: Board['events'] }) {
  return (
    <Panel
      title="Just happened"
      flush
      aside={
        <Link to="/maintain/audit" className="link">
          all events
        </Link>
      }
    >
      {events.length === 0 ? (
        <p className="px-4 py-6 text-sm text-ink-2">Nothing yet.</p>
      ) : (
        <ol className="divide-y divide-line text-sm">
          {events.slice(0, shownEventCount).map((event) => (
            <li key={event.seq} className="grid grid-cols-[84px_minmax(0,1fr)] gap-x-3 px-4 py-2">
              <span className="text-xs leading-5 text-ink-3">
                <When at={event.at} />
              </span>
              <span className="min-w-0">
                <span className="text-ink-2">{event.actor}</span>{' '}
                <span className="font-medium">{event.verb}</span>{' '}
                <span className="break-all" title={event.thing}>
                  {readable(event.thing)}
                </span>
                <span className="block">
                  <Particulars data={event.data} />
                </span>
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Running({ jobs }: { jobs: Board['jobs'] }) {
  return (
    <Panel
      title="Running"
      flush
      aside={
        <Link to="/maintain/jobs" className="link">
          all jobs
        </Link>
      }
    >
      {jobs.length === 0 ? (
        <p className="px-4 py-6 text-sm text-ink-2">No job is running.</p>
      ) : (
        <ul className="divide-y divide-line text-sm">
          {jobs.map((job) => (
            <li key={job.id} className="px-4 py-2">
              <span className="flex items-center justify-between gap-3">
                <Link to="/maintain/jobs" search={{ job: job.id } as never} className="link">
                  {job.kind}
                </Link>
                <When at={job.startedAt ?? job.createdAt} />
              </span>
              <span className="block break-words text-ink-2">{job.progress ?? job.state}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
