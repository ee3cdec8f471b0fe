import type { RouteRevision } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { readable } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, Panel, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { RouteWords, stickyWords } from './route-words.tsx';

/** Every route that an endpoint had: who set it, and why. */
export function RouteHistory({ name }: { name: string }) {
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
                  {each.sticky === null ? null : (
                    <span className="mt-1 block text-xs text-ink-2">{stickyWords(each.sticky)}</span>
                  )}
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
