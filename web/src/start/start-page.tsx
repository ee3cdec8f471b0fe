import { Link, useSearch } from '@tanstack/react-router';
import type { Project } from '../../../src/start/project/project-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { many, plain } from '../platform/format.ts';
import { useUrlState, type Search } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { FilterBox, Page, Panel, When } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { NewProject } from './new-project-page.tsx';
import { TemplateState, UpdateBadge, useTemplateUpdate } from './template-state.tsx';

export function StartPage() {
  const query = useApi<Project[]>('/api/v1/projects');
  const [typed, setTyped] = useUrlState('filter');
  const { job } = useSearch({ strict: false }) as Search;
  const isEmpty = query.data?.length === 0;
  return (
    <Page
      title="Start"
      name="Start"
      lead={
        isEmpty
          ? 'No project is known yet. Begin the first one here, or tell the server of one that you have: tilth project register'
          : 'Projects, the template each came from, and what its newest version would change.'
      }
      cli="tilth start TEMPLATE"
      actions={
        isEmpty ? null : (
          <>
            <FilterBox value={typed} onChange={setTyped} placeholder="Filter projects" />
            <Link to="/start/new" className="button button-primary">
              <Icon name="start" />
              New project
            </Link>
          </>
        )
      }
    >
      {isEmpty || job !== undefined ? <NewProject /> : null}
      <Answer query={query} empty={null}>
        {(projects) => {
          const wanted = typed.toLowerCase();
          const found = projects.filter((project) =>
            `${project.name} ${project.template ?? ''}`.toLowerCase().includes(wanted),
          );
          return found.length === 0 ? (
            <p className="px-4 py-6 text-sm text-ink-2">Nothing here has “{typed}” in its name.</p>
          ) : (
            <div className="flex flex-col gap-5">
              {found.map((project) => (
                <ProjectPanel key={project.name} project={project} />
              ))}
            </div>
          );
        }}
      </Answer>
    </Page>
  );
}

function ProjectPanel({ project }: { project: Project }) {
  const update = useTemplateUpdate(project.name);
  return (
    <Panel title={project.name} id={project.name} aside={<UpdateBadge update={update.data} />}>
      <TemplateState project={project} />
      <div className="mt-5 grid gap-x-8 gap-y-5 border-t border-line pt-4 lg:grid-cols-2">
        <Declared project={project} />
        <Answered project={project} />
      </div>
      <p className="mt-5 text-xs text-ink-3">
        In <code className="break-all">{project.root}</code>; registered <When at={project.registeredAt} />,
        its <code>tilth.yaml</code> read <When at={project.syncedAt} />.
      </p>
    </Panel>
  );
}

function Declared({ project }: { project: Project }) {
  const { datasets, models } = project.declaration;
  return (
    <div>
      <h3 className="mb-2">What tilth.yaml declares</h3>
      <ul className="flex flex-col gap-1.5 text-sm">
        {Object.entries(datasets).map(([name, dataset]) => (
          <li key={name}>
            <span className="text-ink-3">dataset</span>{' '}
            <Link to={`/develop/data/${segment(name)}`} className="link">
              {name}
            </Link>
            <span className="text-ink-2">
              , {dataset.path}, owner {dataset.owner}, {dataset.classification}
            </span>
          </li>
        ))}
        {Object.entries(models).map(([name, model]) => (
          <li key={name}>
            <span className="text-ink-3">model</span>{' '}
            <Link to={`/deploy/models/${segment(name)}`} className="link">
              {name}
            </Link>
            <span className="text-ink-2">
              , {many(model.gate.length, 'gate condition')}, endpoint {model.endpoint},{' '}
              {many(model.monitoring.alerts.length, 'alert rule')}, owner {model.owner}
            </span>
          </li>
        ))}
        {Object.keys(datasets).length + Object.keys(models).length === 0 ? (
          <li className="text-ink-2">Nothing yet.</li>
        ) : null}
      </ul>
    </div>
  );
}

function Answered({ project }: { project: Project }) {
  const answers = Object.entries(project.answers).filter(([key]) => !key.startsWith('_'));
  return (
    <div>
      <h3 className="mb-2">What was answered</h3>
      {answers.length === 0 ? (
        <p className="text-sm text-ink-2">The project does not remember its answers.</p>
      ) : (
        <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-1 text-sm">
          {answers.map(([key, value]) => (
            <div key={key} className="contents">
              <dt className="text-ink-3">{key}</dt>
              <dd className="min-w-0 break-words">{plain(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
