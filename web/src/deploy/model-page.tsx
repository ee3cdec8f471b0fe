import { Link, useParams } from '@tanstack/react-router';
import type { AliasStay, ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, number, readable, shellWord, shortId } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, Page, Panel, When } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';
import { AliasTimeline } from './alias-timeline.tsx';
import { AliasBadge, ApprovalBadges, EngineWords, GateBadge } from './version-badges.tsx';
import { VersionLink } from './version-link.tsx';

/** A model with its versions, and which of them had which alias when. */
export function ModelPage() {
  const { name = '' } = useParams({ strict: false });
  const versions = useApi<ModelVersion[]>(`/api/v1/models/${segment(name)}/versions`);
  const history = useApi<AliasStay[]>(`/api/v1/models/${segment(name)}/history`);
  return (
    <Page
      title={name}
      name={name}
      lead="Every version with its gate, approval and aliases."
      cli={`tilth model show ${shellWord(name)}`}
      actions={
        <>
          <Link to={`/monitor/${segment(name)}`} className="button">
            Performance history
          </Link>
          <Link to={`/maintain/cards/${segment(name)}`} className="button">
            Model card
          </Link>
        </>
      }
    >
      <Panel title="Versions" flush>
        <Answer
          query={versions}
          empty={
            <Empty
              title={`${name} has no version yet`}
              command={`tilth model register ${shellWord(name)} --run RUN_ID`}
            />
          }
        >
          {(list) => (
            <Table
              heads={['Version', 'Aliases', 'Gate', 'Approval', 'Served by', 'Parity', 'Run', 'Registered']}
            >
              {list.map((version) => (
                <VersionRow key={version.version} name={name} version={version} />
              ))}
            </Table>
          )}
        </Answer>
      </Panel>
      {versions.isPending ? null : (
        <Panel title="Alias history" flush aside="which version held which alias, when">
          <Answer
            query={history}
            empty={
              <Empty
                title="No alias was ever set"
                command={`tilth model alias ${shellWord(name)} champion 1`}
              />
            }
          >
            {(stays) => (
              <>
                <AliasTimeline model={name} stays={stays} />
                <Stays name={name} stays={stays} />
              </>
            )}
          </Answer>
        </Panel>
      )}
    </Page>
  );
}

const VersionRow = ({ name, version }: { name: string; version: ModelVersion }) => (
  <tr>
    <td>
      <VersionLink model={name} version={version.version} />
    </td>
    <td>
      <span className="flex flex-wrap gap-1">
        {version.aliases.map((alias) => (
          <AliasBadge key={alias} alias={alias} />
        ))}
      </span>
    </td>
    <td>
      <GateBadge version={version} />
    </td>
    <td>
      <ApprovalBadges version={version} />
    </td>
    <td className="min-w-[120px]">
      <EngineWords version={version} />
      {version.reason === null ? null : (
        <span className="line-clamp-2 max-w-[40ch] text-xs text-ink-2" title={version.reason}>
          {version.reason}
        </span>
      )}
    </td>
    <td className="min-w-[110px]">
      {version.parity === null ? (
        <span className="text-ink-3">–</span>
      ) : (
        <>
          within {number(version.parity.maxError, 2)}
          <span className="block text-xs text-ink-2">{count(version.parity.rowCount)} rows</span>
        </>
      )}
    </td>
    <td>
      {version.runId === null ? (
        '–'
      ) : (
        <Link to={`/develop/runs/${version.runId}`} className="link whitespace-nowrap">
          {shortId(version.runId)}
        </Link>
      )}
    </td>
    <td className="whitespace-nowrap">
      <When at={version.createdAt} /> <span className="text-ink-3">by {version.createdBy}</span>
    </td>
  </tr>
);

const Stays = ({ name, stays }: { name: string; stays: readonly AliasStay[] }) => (
  <Table heads={['Alias', 'Version', 'From', 'Until', 'By', 'Approval', 'Reason']}>
    {stays.map((stay) => (
      <tr key={`${stay.alias}/${stay.fromAt}/${stay.version}`}>
        <td>
          <AliasBadge alias={stay.alias} />
        </td>
        <td>
          <VersionLink model={name} version={stay.version} />
        </td>
        <td>
          <When at={stay.fromAt} />
        </td>
        <td>{stay.toAt === null ? <strong className="font-medium">now</strong> : <When at={stay.toAt} />}</td>
        <td>{stay.by}</td>
        <td className="whitespace-nowrap">
          {stay.approval === null ? (
            <span className="text-ink-3">–</span>
          ) : (
            <>
              {stay.approval.by ?? '–'}
              <span className="block text-xs text-ink-2">asked by {stay.approval.requestedBy}</span>
            </>
          )}
        </td>
        <td className="min-w-[160px] text-ink-2">{stay.reason === null ? '–' : readable(stay.reason)}</td>
      </tr>
    ))}
  </Table>
);
