import {
  Link,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router';
import { BoardPage } from './board/board-page.tsx';
import { Failure } from './parts/answer.tsx';
import { Empty, Page } from './parts/basics.tsx';
import { Shell } from './parts/shell.tsx';
import { parseSearch, stringifySearch, type Search } from './platform/url.ts';

const root = createRootRoute({
  component: Shell,
  validateSearch: (search: Record<string, unknown>): Search =>
    // a value that was taken away is undefined
    Object.fromEntries(
      Object.entries(search)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, String(value)]),
    ),
  notFoundComponent: () => (
    <Page title="Not here" name="Not here">
      <div className="card">
        <Empty title="There is no screen at this address.">
          Press <kbd>Ctrl K</kbd> to go somewhere, or{' '}
          <Link to="/" className="link">
            open the board
          </Link>
          .
        </Empty>
      </div>
    </Page>
  ),
});

const to = (path: string, target: string) =>
  createRoute({
    getParentRoute: () => root,
    path,
    beforeLoad: () => {
      throw redirect({ to: target, replace: true });
    },
  });

type Loader = Parameters<typeof lazyRouteComponent>[0];
const lazy = (path: string, load: Loader, name: string) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load, name as never) });

const runs: Loader = () => import('./develop/runs-page.tsx');
const run: Loader = () => import('./develop/run-page.tsx');
const traces: Loader = () => import('./develop/traces-page.tsx');
const trace: Loader = () => import('./develop/trace-page.tsx');
const compare: Loader = () => import('./develop/compare-page.tsx');
const data: Loader = () => import('./develop/data-page.tsx');
const dataset: Loader = () => import('./develop/dataset-page.tsx');
const lineage: Loader = () => import('./develop/lineage-page.tsx');
const pipelines: Loader = () => import('./develop/pipelines-page.tsx');
const models: Loader = () => import('./deploy/models-page.tsx');
const model: Loader = () => import('./deploy/model-page.tsx');
const version: Loader = () => import('./deploy/version-page.tsx');
const endpoints: Loader = () => import('./deploy/endpoints-page.tsx');
const endpoint: Loader = () => import('./deploy/endpoint-page.tsx');
const monitor: Loader = () => import('./monitor/monitor-page.tsx');
const retrainings: Loader = () => import('./maintain/retrainings-page.tsx');
const cards: Loader = () => import('./maintain/cards-page.tsx');
const handover: Loader = () => import('./maintain/handover-page.tsx');
const jobs: Loader = () => import('./maintain/jobs-page.tsx');
const audit: Loader = () => import('./maintain/audit-page.tsx');

const routes = [
  createRoute({ getParentRoute: () => root, path: '/', component: BoardPage }),
  lazy('/start', () => import('./start/start-page.tsx'), 'StartPage'),
  lazy('/start/new', () => import('./start/new-project-page.tsx'), 'NewProjectPage'),
  to('/develop', '/develop/runs'),
  lazy('/develop/runs', runs, 'RunsPage'),
  lazy('/develop/runs/$id', run, 'RunPage'),
  lazy('/develop/traces', traces, 'TracesPage'),
  lazy('/develop/traces/$id', trace, 'TracePage'),
  lazy('/develop/compare', compare, 'ComparePage'),
  lazy('/develop/data', data, 'DataPage'),
  lazy('/develop/data/$name', dataset, 'DatasetPage'),
  lazy('/develop/lineage', lineage, 'LineagePage'),
  lazy('/develop/pipelines', pipelines, 'PipelinesPage'),
  to('/deploy', '/deploy/models'),
  lazy('/deploy/models', models, 'ModelsPage'),
  lazy('/deploy/models/$name', model, 'ModelPage'),
  lazy('/deploy/models/$name/$version', version, 'VersionPage'),
  lazy('/deploy/endpoints', endpoints, 'EndpointsPage'),
  lazy('/deploy/endpoints/$name', endpoint, 'EndpointPage'),
  lazy('/monitor', monitor, 'MonitorPage'),
  lazy('/monitor/$model', monitor, 'MonitorPage'),
  to('/maintain', '/maintain/retrainings'),
  lazy('/maintain/retrainings', retrainings, 'RetrainingsPage'),
  lazy('/maintain/cards', cards, 'CardsPage'),
  lazy('/maintain/cards/$model', cards, 'CardPage'),
  lazy('/maintain/handover', handover, 'HandoverPage'),
  lazy('/maintain/jobs', jobs, 'JobsPage'),
  lazy('/maintain/audit', audit, 'AuditPage'),
  lazy('/team', () => import('./team/team-page.tsx'), 'TeamPage'),
];

/** All screens and their addresses. */
export const createPages = () =>
  createRouter({
    routeTree: root.addChildren(routes),
    parseSearch,
    stringifySearch,
    defaultPreload: 'intent',
    scrollRestoration: true,
    defaultErrorComponent: ({ error }) => <Failure error={error} />,
  });
