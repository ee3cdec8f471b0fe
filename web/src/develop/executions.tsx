import { Link } from '@tanstack/react-router';
import type { Execution } from '../../../src/develop/pipelines/pipeline-api.ts';
import { segment } from '../platform/api.ts';
import { duration, shortId } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Badge, FilterBox, Id, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { executionTones } from './stage-status.ts';

const heads = ['Stage', 'State', 'Made', 'Run', 'Commit', 'By', 'Begun', figure('Took')];
const shownOutputs = 3;

/** Every execution of a project's stages, newest first. */
export function Executions({ executions }: { executions: readonly Execution[] }) {
  const [filter, setFilter] = useUrlState('filter');
  const found = executions.filter((each) =>
    `${each.stage} ${each.state} ${each.createdBy} ${each.cmd}`.toLowerCase().includes(filter.toLowerCase()),
  );
  return (
    <>
      <div className="border-b border-line px-4 py-2">
        <FilterBox value={filter} onChange={setFilter} placeholder="Filter executions" />
      </div>
      {found.length === 0 ? (
        <p className="px-4 py-6 text-sm text-ink-2">
          {filter === '' ? 'No execution was recorded yet.' : `No execution has “${filter}” in it.`}
        </p>
      ) : (
        <Table heads={heads} caption="Executions, newest first">
          {found.map((each) => (
            <Row key={each.id} execution={each} />
          ))}
        </Table>
      )}
    </>
  );
}

function Row({ execution: each }: { execution: Execution }) {
  const outputs = each.outputs ?? [];
  return (
    <tr>
      <td className="max-w-[240px] min-w-[100px]">
        <Link
          to="."
          search={
            ((before: Record<string, string>) => ({
              ...before,
              stage: each.stage,
              execution: each.id,
            })) as never
          }
          className="link break-words"
        >
          {each.stage}
        </Link>
      </td>
      <td>
        <Badge tone={executionTones[each.state]}>{each.state}</Badge>
      </td>
      <td className="text-xs">
        {outputs.slice(0, shownOutputs).map((output) => (
          <span key={output.path} className="block max-w-[280px] truncate" title={output.path}>
            {output.path} <Id text={output.md5} />
          </span>
        ))}
        {outputs.length > shownOutputs ? (
          <span className="text-ink-3">and {outputs.length - shownOutputs} more</span>
        ) : null}
        {outputs.length === 0 ? '–' : null}
      </td>
      <td>
        {each.runId === null || each.runId === undefined ? (
          '–'
        ) : (
          <Link to={`/develop/runs/${segment(each.runId)}`} className="link whitespace-nowrap">
            {shortId(each.runId)}
          </Link>
        )}
      </td>
      <td>{each.commit === null || each.commit === undefined ? '–' : <Id text={each.commit} />}</td>
      <td>{each.createdBy}</td>
      <td>
        <When at={each.startedAt} />
      </td>
      <td className="num whitespace-nowrap">
        {each.finishedAt === null || each.finishedAt === undefined
          ? '–'
          : duration(each.finishedAt - each.startedAt)}
      </td>
    </tr>
  );
}
