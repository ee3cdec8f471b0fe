import { Link, useParams } from '@tanstack/react-router';
import type { AliasStay, ModelVersion, RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, readable, shellWord, shortId } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Page, Panel, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Table, figure, unseen } from '../parts/table.tsx';
import { VersionLink } from './version-link.tsx';

export function ModelsPage() {
  const models = useApi<RegisteredModel[]>('/api/v1/models');
  return (
    <ListPage
      title="Models"
      lead="Registered models, their versions and which of them is the champion."
      cli="tilth model list"
      query={models}
      filter="Filter models"
      wordsOf={(model) => model.name}
      empty={
        <Empty title="No model is registered yet" command="tilth model register NAME --run RUN_ID">
          A run that logged a model can be registered. The MLflow client’s <code>register_model</code> does
          the same.
        </Empty>
      }
    >
      {(list) => (
        <Table heads={['Model', 'Aliases', figure('Versions'), 'Gate', 'Changed', unseen('More')]}>
          {list.map((model) => (
            <tr key={model.name}>
              <td>
                <Link to={`/deploy/models/${segment(model.name)}`} className="link">
                  {model.name}
                </Link>
                {model.description === null || model.description === '' ? null : (
                  <span className="block max-w-[60ch] text-sm text-ink-2">{model.description}</span>
                )}
              </td>
              <td>
                <Aliases model={model} />
              </td>
              <td className="num">{count(model.versionCount)}</td>
              <td className="whitespace-nowrap">
                {model.isDeclared ? <Badge tone="accent">declared</Badge> : <Badge>none</Badge>}
              </td>
              <td>
                <When at={model.updatedAt} />
              </td>
              <td className="whitespace-nowrap">
                <Link to={`/monitor/${segment(model.name)}`} className="link">
                  history
                </Link>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </ListPage>
  );
}

const Aliases = ({ model }: { model: RegisteredModel }) => {
  const aliases = Object.entries(model.aliases);
  if (aliases.length === 0) return <span className="text-ink-3">none</span>;
  return (
    <ul className="flex flex-col gap-1">
      {aliases.map(([alias, version]) => (
        <li key={alias} className="flex items-center gap-2 whitespace-nowrap">
          <Badge tone={alias === 'champion' ? 'good' : 'info'}>{alias}</Badge>
          <VersionLink model={model.name} version={version} />
        </li>
      ))}
    </ul>
  );
};

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
            <Table heads={['Version', 'Aliases', 'Gate', 'Approval', 'Served by', 'Run', 'Registered']}>
              {list.map((version) => (
                <tr key={version.version}>
                  <td>
                    <VersionLink model={name} version={version.version} />
                  </td>
                  <td>
                    <span className="flex flex-wrap gap-1">
                      {version.aliases.map((alias) => (
                        <Badge key={alias} tone={alias === 'champion' ? 'good' : 'info'}>
                          {alias}
                        </Badge>
                      ))}
                    </span>
                  </td>
                  <td>
                    <GateBadge version={version} />
                  </td>
                  <td>
                    <ApprovalBadge version={version} />
                  </td>
                  <td>{version.engine}</td>
                  <td>
                    {version.runId === null ? (
                      '–'
                    ) : (
                      <Link to={`/develop/runs/${version.runId}`} className="link">
                        {shortId(version.runId)}
                      </Link>
                    )}
                  </td>
                  <td className="whitespace-nowrap">
                    <When at={version.createdAt} /> <span className="text-ink-3">by {version.createdBy}</span>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Answer>
      </Panel>
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
            <Table heads={['Alias', 'Version', 'From', 'Until', 'By', 'Reason']}>
              {stays.map((stay) => (
                <tr key={`${stay.alias}/${stay.fromAt}/${stay.version}`}>
                  <td>
                    <Badge tone={stay.alias === 'champion' ? 'good' : 'info'}>{stay.alias}</Badge>
                  </td>
                  <td>
                    <VersionLink model={name} version={stay.version} />
                  </td>
                  <td>
                    <When at={stay.fromAt} />
                  </td>
                  <td>
                    {stay.toAt === null ? (
                      <strong className="font-medium">now</strong>
                    ) : (
                      <When at={stay.toAt} />
                    )}
                  </td>
                  <td>{stay.by}</td>
                  <td className="min-w-[160px] text-ink-2">
                    {stay.reason === null ? '–' : readable(stay.reason)}
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Answer>
      </Panel>
    </Page>
  );
}

export function GateBadge({ version }: { version: Pick<ModelVersion, 'gate'> }) {
  if (version.gate === null) return <Badge>not evaluated</Badge>;
  const passedCount = version.gate.results.filter((result) => result.passed).length;
  return (
    <Badge tone={version.gate.passed ? 'good' : 'bad'} icon={version.gate.passed ? 'check' : 'cross'}>
      {passedCount} of {version.gate.results.length} pass
    </Badge>
  );
}

const approvalTone = { waiting: 'warn', granted: 'good', refused: 'bad', void: 'plain' } as const;

export function ApprovalBadge({ version }: { version: Pick<ModelVersion, 'approvals'> }) {
  const newest = [...version.approvals].sort((a, b) => b.requestedAt - a.requestedAt)[0];
  if (newest === undefined) return <Badge>not requested</Badge>;
  return <Badge tone={approvalTone[newest.state]}>{newest.state}</Badge>;
}
