import { Link } from '@tanstack/react-router';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, microseconds, number } from '../platform/format.ts';
import { Empty, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Table, figure } from '../parts/table.tsx';
import { Planes } from './planes.tsx';
import { RouteWords } from './route-words.tsx';
import { totals } from './traffic.tsx';

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
