import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { DatasetUsers } from '../../../src/develop/lineage/dataset-users-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, shortId } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, Panel, When } from '../parts/basics.tsx';

const shown = 8;

/** What came from the dataset: endpoints that answer with it, model versions, the newest runs. */
export function DatasetUsersPanel({ name }: { name: string }) {
  const query = useApi<DatasetUsers[]>('/api/v1/lineage/dataset-users', { dataset: name });
  return (
    <Panel title="Who uses it">
      <Answer query={query}>
        {([users]) =>
          users === undefined ||
          (users.runCount === 0 && users.models.length === 0 && users.executionCount === 0) ? (
            <div className="-m-4">
              <Empty title="Nobody has used it yet" command="tilth pipeline run">
                Runs that read it, and what comes of them, are listed here.
              </Empty>
            </div>
          ) : (
            <Users users={users} />
          )
        }
      </Answer>
    </Panel>
  );
}

const Users = ({ users }: { users: DatasetUsers }) => (
  <dl className="flex flex-col gap-3 text-sm">
    <Named
      label="Endpoints"
      size={users.endpoints.length}
      things={users.endpoints.slice(0, shown).map(({ id }) => (
        <Link key={id} to={`/deploy/endpoints/${segment(id)}`} className="link">
          {id}
        </Link>
      ))}
    />
    <Named
      label="Model versions"
      size={users.models.length}
      things={newestFirst(users.models)
        .slice(0, shown)
        .map(({ id }) => {
          const at = id.lastIndexOf('/');
          return (
            <Link
              key={id}
              to={`/deploy/models/${segment(id.slice(0, at))}/${segment(id.slice(at + 1))}`}
              className="link"
            >
              {id.slice(0, at)} version {id.slice(at + 1)}
            </Link>
          );
        })}
    />
    <Named
      label="Runs"
      size={users.runCount}
      things={users.runs.slice(0, shown).map(({ id, at }) => (
        <span key={id} className="whitespace-nowrap">
          <Link to={`/develop/runs/${segment(id)}`} className="link">
            {shortId(id)}
          </Link>{' '}
          <span className="text-xs text-ink-3">
            <When at={at} />
          </span>
        </span>
      ))}
    />
    {users.executionCount === 0 ? null : (
      <Named
        label="Stage runs"
        size={users.executionCount}
        things={[
          <Link key="pipelines" to="/develop/pipelines" className="link">
            Pipelines
          </Link>,
        ]}
      />
    )}
  </dl>
);

/** By model, the highest number first. */
const newestFirst = (models: DatasetUsers['models']): DatasetUsers['models'] =>
  models.toSorted((left, right) => right.id.localeCompare(left.id, 'en', { numeric: true }));

const Named = ({ label, size, things }: { label: string; size: number; things: readonly ReactNode[] }) => (
  <div className="flex gap-3">
    <dt className="w-28 shrink-0 text-ink-3">
      {label} {size === 0 ? '' : count(size)}
    </dt>
    <dd className="flex min-w-0 flex-wrap gap-x-3 gap-y-1 break-words">
      {things.length === 0 ? <span className="text-ink-3">none</span> : things}
      {size > things.length && things.length > 1 ? (
        <span className="text-ink-3">and {count(size - things.length)} more</span>
      ) : null}
    </dd>
  </div>
);
