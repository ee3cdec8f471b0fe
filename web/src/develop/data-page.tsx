import { Link } from '@tanstack/react-router';
import type { Dataset } from '../../../src/develop/data/data-api.ts';
import type { DatasetUsers } from '../../../src/develop/lineage/dataset-users-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { bytes, count, many } from '../platform/format.ts';
import { Empty, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Table, figure } from '../parts/table.tsx';
import { ClassBadge, ContractBadge } from './contract-badge.tsx';

const heads = [
  'Dataset',
  'Contract',
  'Owner',
  'Classification',
  'Licence',
  'Used by',
  figure('Versions'),
  figure('Rows'),
  figure('Size'),
  'Newest',
];

/** Governed names for data, and who uses each. */
export function DataPage() {
  const query = useApi<Dataset[]>('/api/v1/datasets');
  const users = useApi<DatasetUsers[]>('/api/v1/lineage/dataset-users');
  return (
    <ListPage
      title="Data"
      lead="Governed names for data: whose it is, what must hold, and every version by its content hash."
      cli="tilth data list"
      query={query}
      filter="Filter datasets"
      wordsOf={(dataset) =>
        `${dataset.name} ${dataset.project} ${dataset.owner ?? ''} ${dataset.classification ?? ''} ${dataset.licence ?? ''}`
      }
      empty={
        <Empty title="No dataset version is known yet" command="tilth data add data/flights">
          Its content hash, contract and owner are kept here; the bytes stay in the project’s DVC cache.
        </Empty>
      }
    >
      {(list) => (
        <Table heads={heads} caption="Datasets">
          {list.map((dataset) => (
            <Row
              key={dataset.name}
              dataset={dataset}
              users={users.data?.find((each) => each.dataset === dataset.name)}
            />
          ))}
        </Table>
      )}
    </ListPage>
  );
}

function Row({ dataset, users }: { dataset: Dataset; users: DatasetUsers | undefined }) {
  const { latest } = dataset;
  return (
    <tr>
      <td className="max-w-[340px] min-w-[180px]">
        <Link to={`/develop/data/${segment(dataset.name)}`} className="link break-words">
          {dataset.name}
        </Link>
        <span className="block text-xs break-words text-ink-3">
          {dataset.project} · {dataset.path}
        </span>
      </td>
      <td>{latest === null ? '–' : <ContractBadge state={latest.contractState} />}</td>
      <td>{dataset.owner ?? '–'}</td>
      <td>{dataset.classification === null ? '–' : <ClassBadge name={dataset.classification} />}</td>
      <td className="whitespace-nowrap">{dataset.licence ?? '–'}</td>
      <td className="text-sm whitespace-nowrap text-ink-2">{usersInWords(users)}</td>
      <td className="num">{count(dataset.versionCount)}</td>
      <td className="num">{latest === null || latest.rowCount === null ? '–' : count(latest.rowCount)}</td>
      <td className="num whitespace-nowrap">{latest === null ? '–' : bytes(latest.size)}</td>
      <td>
        <When at={latest?.createdAt} />
      </td>
    </tr>
  );
}

/** `1 endpoint, 2 versions, 14 runs` */
export function usersInWords(users: DatasetUsers | undefined): string {
  if (users === undefined) return '–';
  const parts = [
    [users.endpoints.length, 'endpoint'],
    [users.models.length, 'model version'],
    [users.runCount, 'run'],
    [users.executionCount, 'stage run'],
  ] as const;
  const said = parts.filter(([size]) => size > 0).map(([size, word]) => many(size, word));
  return said.length === 0 ? '–' : said.slice(0, 3).join(', ');
}
