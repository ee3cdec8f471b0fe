import { Link, useParams } from '@tanstack/react-router';
import type { DatasetVersion, DatasetWithVersions } from '../../../src/develop/data/data-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { shellWord } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, Facts, Page, Panel, Segmented, When } from '../parts/basics.tsx';
import { ClassBadge, ContractBadge } from './contract-badge.tsx';
import { Report } from './contract-report.tsx';
import { ContractText } from './contract-text.tsx';
import { DatasetRefusals } from './dataset-refusals.tsx';
import { DatasetUsersPanel } from './dataset-users.tsx';
import { DatasetVersions } from './dataset-versions.tsx';
import { VersionDifference } from './version-difference.tsx';
import { VersionProfile } from './version-profile.tsx';

const views = [
  { value: 'profile', label: 'Profile' },
  { value: 'difference', label: 'Difference' },
  { value: 'check', label: 'Check' },
  { value: 'contract', label: 'Contract' },
] as const;
type View = (typeof views)[number]['value'];

/** One dataset: whose it is, who uses it, its versions; of one version what it holds and how it differs. */
export function DatasetPage() {
  const { name = '' } = useParams({ strict: false });
  const query = useApi<DatasetWithVersions>(`/api/v1/datasets/${segment(name)}`);
  const [chosen, setChosen] = useUrlState('version');
  const newest = query.data?.versions[0]?.md5;
  return (
    <Page
      title={name}
      name={name}
      cli={`tilth data profile ${shellWord(name)}`}
      actions={
        newest === undefined ? null : (
          <Link
            to="/develop/lineage"
            search={{ of: `dataset-version:${name}@${chosen === '' ? newest : chosen}` } as never}
            className="button"
          >
            Lineage
          </Link>
        )
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
              <div className="grid items-start gap-5 xl:grid-cols-2">
                <WhatItIs dataset={dataset} />
                <DatasetUsersPanel name={name} />
              </div>
              <DatasetVersions
                versions={dataset.versions}
                chosen={version?.md5}
                onChoose={(md5) => setChosen(md5 === newest ? '' : md5)}
              />
              <DatasetRefusals name={name} newestAt={dataset.versions[0]?.createdAt} />
              {version === undefined ? null : <Version version={version} versions={dataset.versions} />}
            </>
          );
        }}
      </Answer>
    </Page>
  );
}

const WhatItIs = ({ dataset }: { dataset: DatasetWithVersions }) => (
  <Panel title="What it is">
    <Facts
      facts={[
        { label: 'Project', value: dataset.project },
        { label: 'Path', value: <code className="text-xs break-all">{dataset.path}</code> },
        { label: 'Owner', value: dataset.owner ?? '–' },
        {
          label: 'Classification',
          value: dataset.classification === null ? '–' : <ClassBadge name={dataset.classification} />,
        },
        { label: 'Licence', value: dataset.licence ?? '–' },
        { label: 'Governed since', value: <When at={dataset.createdAt} /> },
      ]}
    />
  </Panel>
);

function Version({ version, versions }: { version: DatasetVersion; versions: readonly DatasetVersion[] }) {
  const [asked, setView] = useUrlState('view', 'profile');
  const view: View = views.find(({ value }) => value === asked)?.value ?? 'profile';
  return (
    <section className="flex min-w-0 flex-col gap-3" aria-label={`Version ${version.md5.slice(0, 12)}`}>
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h2 className="flex flex-wrap items-center gap-2 text-base">
          Version <code className="text-sm">{version.md5.slice(0, 12)}</code>
          <ContractBadge state={version.contractState} />
        </h2>
        <Segmented label="What to see of it" value={view} options={views} onChange={setView} />
      </div>
      {view === 'profile' ? <VersionProfile version={version} /> : null}
      {view === 'difference' ? <VersionDifference version={version} versions={versions} /> : null}
      {view === 'check' ? <Check version={version} /> : null}
      {view === 'contract' ? <ContractText version={version} /> : null}
    </section>
  );
}

const Check = ({ version }: { version: DatasetVersion }) => (
  <Panel title={`Check of ${version.md5.slice(0, 12)}`} flush>
    {version.report === null ? (
      <Empty
        title="This version was not checked"
        command={`tilth data contract check ${shellWord(version.dataset)}`}
      >
        Put a contract beside the data, or name one for the dataset in tilth.yaml.
      </Empty>
    ) : (
      <Report report={version.report} />
    )}
  </Panel>
);
