import { Link, useParams } from '@tanstack/react-router';
import type { ContractReport, ContractState } from '../../../src/develop/contracts/contract-api.ts';
import type { Dataset, DatasetVersion, DatasetWithVersions } from '../../../src/develop/data/data-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { bytes, count, shellWord } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Facts, Id, Page, Panel, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Table, figure } from '../parts/table.tsx';

export function DataPage() {
  const query = useApi<Dataset[]>('/api/v1/datasets');
  return (
    <ListPage
      title="Data"
      lead="Governed names for data: whose it is, what must hold, and every version by its content hash."
      cli="tilth data list"
      query={query}
      filter="Filter datasets"
      wordsOf={(dataset) => `${dataset.name} ${dataset.project} ${dataset.owner ?? ''}`}
      empty={
        <Empty title="No dataset version is known yet" command="tilth data add data/flights">
          Its content hash, contract and owner are kept here; the bytes stay in the project’s DVC cache.
        </Empty>
      }
    >
      {(list) => (
        <Table
          heads={[
            'Dataset',
            'Contract',
            'Owner',
            'Classification',
            figure('Versions'),
            figure('Rows'),
            figure('Size'),
            'Newest',
          ]}
        >
          {list.map((dataset) => (
            <tr key={dataset.name}>
              <td>
                <Link to={`/develop/data/${segment(dataset.name)}`} className="link">
                  {dataset.name}
                </Link>
                <span className="block text-xs text-ink-3">
                  {dataset.project} · {dataset.path}
                </span>
              </td>
              <td>
                {dataset.latest === null ? '–' : <ContractBadge state={dataset.latest.contractState} />}
              </td>
              <td>{dataset.owner ?? '–'}</td>
              <td>{dataset.classification ?? '–'}</td>
              <td className="num">{count(dataset.versionCount)}</td>
              <td className="num">
                {dataset.latest?.rowCount === null || dataset.latest === null
                  ? '–'
                  : count(dataset.latest.rowCount)}
              </td>
              <td className="num whitespace-nowrap">
                {dataset.latest === null ? '–' : bytes(dataset.latest.size)}
              </td>
              <td>
                <When at={dataset.latest?.createdAt} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </ListPage>
  );
}

const contractTone = { passed: 'good', broken: 'bad', none: 'plain' } as const;
const contractWord = { passed: 'contract holds', broken: 'contract broken', none: 'no contract' } as const;

const ContractBadge = ({ state }: { state: ContractState }) => (
  <Badge
    tone={contractTone[state]}
    {...(state === 'none' ? {} : { icon: state === 'passed' ? ('check' as const) : ('cross' as const) })}
  >
    {contractWord[state]}
  </Badge>
);

export function DatasetPage() {
  const { name = '' } = useParams({ strict: false });
  const query = useApi<DatasetWithVersions>(`/api/v1/datasets/${segment(name)}`);
  const [chosen, setChosen] = useUrlState('version');
  return (
    <Page
      title={name}
      name={name}
      cli={`tilth data contract check ${shellWord(name)}`}
      actions={
        <Link
          to="/develop/lineage"
          search={
            {
              of:
                query.data?.versions[0] === undefined
                  ? ''
                  : `dataset-version:${name}@${query.data.versions[0].md5}`,
            } as never
          }
          className="button"
        >
          Lineage
        </Link>
      }
    >
      <Answer
        query={query}
        empty={
          <div className="card">
            <Empty title={`No dataset is called ${name}.`} command="tilth data list" />
          </div>
        }
      >
        {(dataset) => {
          const version = dataset.versions.find((each) => each.md5 === chosen) ?? dataset.versions[0];
          return (
            <>
              <Panel title="What it is">
                <Facts
                  facts={[
                    { label: 'Project', value: dataset.project },
                    { label: 'Path', value: <code className="text-xs break-all">{dataset.path}</code> },
                    { label: 'Owner', value: dataset.owner ?? '–' },
                    { label: 'Classification', value: dataset.classification ?? '–' },
                    { label: 'Licence', value: dataset.licence ?? '–' },
                    { label: 'Governed since', value: <When at={dataset.createdAt} /> },
                  ]}
                />
              </Panel>
              <Panel title="Versions" flush>
                <Table
                  heads={[
                    'Content',
                    'Contract',
                    figure('Rows'),
                    figure('Files'),
                    figure('Size'),
                    'Commit',
                    'Added',
                  ]}
                >
                  {dataset.versions.map((each) => (
                    <tr
                      key={each.md5}
                      aria-selected={each.md5 === version?.md5}
                      className={each.md5 === version?.md5 ? 'bg-accent-soft' : ''}
                    >
                      <td>
                        <button type="button" className="link" onClick={() => setChosen(each.md5)}>
                          <code title={each.md5}>{each.md5.slice(0, 12)}</code>
                        </button>
                      </td>
                      <td>
                        <ContractBadge state={each.contractState} />
                      </td>
                      <td className="num">{each.rowCount === null ? '–' : count(each.rowCount)}</td>
                      <td className="num">{count(each.fileCount)}</td>
                      <td className="num whitespace-nowrap">{bytes(each.size)}</td>
                      <td>{each.commit === null ? '–' : <Id text={each.commit} />}</td>
                      <td className="whitespace-nowrap">
                        <When at={each.createdAt} /> <span className="text-ink-3">by {each.createdBy}</span>
                      </td>
                    </tr>
                  ))}
                </Table>
              </Panel>
              {version === undefined ? null : <VersionReport version={version} />}
            </>
          );
        }}
      </Answer>
    </Page>
  );
}

function VersionReport({ version }: { version: DatasetVersion }) {
  return (
    <div className="grid items-start gap-5 xl:grid-cols-[2fr_1fr]">
      <Panel
        title={`Check of ${version.md5.slice(0, 12)}`}
        flush
        aside={<ContractBadge state={version.contractState} />}
      >
        {version.report === null ? (
          <Empty
            title="This version was not checked"
            command={`tilth data contract check ${shellWord(version.dataset)}`}
          >
            Name a contract for the dataset in tilth.yaml.
          </Empty>
        ) : (
          <Report report={version.report} />
        )}
      </Panel>
      <Panel title={`Columns (${version.columns.length})`} flush>
        <div className="max-h-[560px] overflow-auto" tabIndex={0}>
          <table className="data-table">
            <tbody>
              {version.columns.map((column) => (
                <tr key={column.name}>
                  <td>{column.name}</td>
                  <td className="num text-ink-2">{column.type}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </div>
  );
}

const Report = ({ report }: { report: ContractReport }) => {
  const broken = report.rules.filter((rule) => !rule.passed);
  const holding = report.rules.filter((rule) => rule.passed);
  return (
    <div>
      {broken.length === 0 ? null : <Rules rules={broken} />}
      <Examples violations={[...report.violations, ...report.warnings]} />
      <details open={broken.length === 0} className={broken.length === 0 ? '' : 'border-t border-line'}>
        <summary className="px-4 py-3 text-sm font-medium hover:text-accent">
          {count(holding.length)} of {count(report.rules.length)} rules hold, on {count(report.rowCount)} rows
        </summary>
        <div className="max-h-[512px] overflow-y-auto border-t border-line" tabIndex={0}>
          <Rules rules={holding} />
        </div>
      </details>
      {report.notChecked.length === 0 ? null : (
        <p className="border-t border-line px-4 py-3 text-sm text-ink-2">
          Not checked: {report.notChecked.join('; ')}
        </p>
      )}
    </div>
  );
};

const Rules = ({ rules }: { rules: ContractReport['rules'] }) => (
  <Table heads={['Outcome', 'Rule', 'Column', 'Asked', 'Found']}>
    {rules.map((rule, index) => (
      <tr key={`${rule.rule}/${rule.column ?? ''}/${index}`}>
        <td>
          {rule.passed ? (
            <Badge tone="good" icon="check">
              holds
            </Badge>
          ) : (
            <Badge tone={rule.severity === 'error' ? 'bad' : 'warn'} icon="cross">
              {rule.severity === 'error' ? 'broken' : 'warning'}
            </Badge>
          )}
        </td>
        <td className="whitespace-nowrap">{rule.rule}</td>
        <td>{rule.column ?? '–'}</td>
        <td className="min-w-[160px] text-ink-2">{rule.description}</td>
        <td className="min-w-[140px]">{rule.outcome}</td>
      </tr>
    ))}
  </Table>
);

/** Row and column of bad values, so that somebody can go and look. */
function Examples({ violations }: { violations: ContractReport['violations'] }) {
  const examples = violations.flatMap((violation) =>
    violation.examples.map((example) => ({ ...example, asked: violation.description })),
  );
  if (examples.length === 0) return null;
  return (
    <div className="border-t border-line p-4">
      <h3 className="mb-2">Where to look</h3>
      <ul className="flex flex-col gap-1 text-sm">
        {examples.map((example, index) => (
          <li key={index}>
            <code className="text-xs">{example.file}</code>
            {example.row === null ? '' : `, row ${count(example.row)}`}
            {example.column === null ? '' : `, ${example.column}`}
            {example.value === null ? '' : ` = ${example.value}`}{' '}
            <span className="text-ink-2">({example.asked})</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
