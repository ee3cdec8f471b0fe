import { Link } from '@tanstack/react-router';
import type { Project } from '../../../src/start/project/project-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { many, plain } from '../platform/format.ts';
import { Empty, Facts, Id, Panel, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';

export function StartPage() {
  const query = useApi<Project[]>('/api/v1/projects');
  return (
    <ListPage
      title="Start"
      lead="Projects, the template each came from, and what was answered when it was made."
      cli="tilth start TEMPLATE"
      query={query}
      filter="Filter projects"
      wordsOf={(project) => `${project.name} ${project.template ?? ''}`}
      isCards
      empty={
        <Empty title="No project is known yet" command="tilth start ml-project">
          A project begins from any cookiecutter template: a folder, a git address, or one that comes with
          tilth.
        </Empty>
      }
    >
      {(projects) => projects.map((project) => <ProjectPanel key={project.name} project={project} />)}
    </ListPage>
  );
}

function ProjectPanel({ project }: { project: Project }) {
  const { datasets, models } = project.declaration;
  const answers = Object.entries(project.answers).filter(([key]) => !key.startsWith('_'));
  return (
    <Panel
      title={project.name}
      id={project.name}
      aside={
        <>
          read <When at={project.syncedAt} />
        </>
      }
    >
      <Facts
        facts={[
          { label: 'Folder', value: <code className="text-xs break-all">{project.root}</code> },
          {
            label: 'Template',
            value:
              project.template === null ? (
                'not remembered'
              ) : (
                <span className="break-all">{project.template}</span>
              ),
          },
          {
            label: 'Template commit',
            value: project.templateCommit === null ? '–' : <Id text={project.templateCommit} letters={10} />,
          },
          { label: 'Registered', value: <When at={project.registeredAt} /> },
        ]}
      />
      <div className="mt-5 grid gap-x-8 gap-y-5 lg:grid-cols-2">
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
        <div>
          <h3 className="mb-2">What was answered</h3>
          {answers.length === 0 ? (
            <p className="text-sm text-ink-2">The project does not remember its answers.</p>
          ) : (
            <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-1 text-sm">
              {answers.map(([key, value]) => (
                <div key={key} className="contents">
                  <dt className="text-ink-3">{key}</dt>
                  <dd className="break-words">{plain(value)}</dd>
                </div>
              ))}
            </dl>
          )}
        </div>
      </div>
    </Panel>
  );
}
