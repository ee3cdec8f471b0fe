import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { bytes, readable, shellWord, shortId } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, Facts, Id, Page, Panel, When } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Act } from './act.tsx';
import { Conversation } from './conversation.tsx';
import { GateTable, Refusal } from './gate.tsx';
import { ParityView } from './parity-view.tsx';
import { RequestForm } from './request-form.tsx';
import { AliasBadge, ApprovalBadges, EngineWords, GateBadge } from './version-badges.tsx';

export function VersionPage() {
  const { name = '', version = '' } = useParams({ strict: false });
  const path = `/api/v1/models/${segment(name)}/versions/${segment(version)}`;
  const query = useApi<ModelVersion>(path);
  const [isAsking, setAsking] = useState(false);
  const found = query.data;
  return (
    <Page
      name={`${name} ${version}`}
      title={
        <>
          <Link to={`/deploy/models/${segment(name)}`} className="hover:underline">
            {name}
          </Link>
          <span className="text-ink-3">version {version}</span>
          {found?.aliases.map((alias) => (
            <AliasBadge key={alias} alias={alias} />
          ))}
        </>
      }
      cli={`tilth model show ${shellWord(name)} ${version}`}
      actions={
        <>
          <Act path={`${path}/gate`} label="Evaluate the gate" />
          {found === undefined || found.engine !== 'pending' ? null : <Badge>conversion under way</Badge>}
          {found === undefined || found.gate?.passed === false ? null : (
            <button type="button" className="button" onClick={() => setAsking(true)}>
              Request approval …
            </button>
          )}
        </>
      }
    >
      <Answer
        query={query}
        empty={
          <div className="card">
            <Empty
              title={`${name} has no version ${version}.`}
              command={`tilth model show ${shellWord(name)}`}
            />
          </div>
        }
      >
        {(data) => (
          <>
            {data.gate === null || data.gate.passed ? null : <Refusal gate={data.gate} />}
            <Panel
              title="What it is"
              aside={
                <>
                  <GateBadge version={data} />
                  <ApprovalBadges version={data} />
                </>
              }
            >
              <Facts
                facts={[
                  {
                    label: 'From run',
                    value:
                      data.runId === null ? (
                        '–'
                      ) : (
                        <Link to={`/develop/runs/${data.runId}`} className="link">
                          {shortId(data.runId)}
                        </Link>
                      ),
                  },
                  {
                    label: 'Trained on data',
                    value: data.dataVersion === null ? '–' : <Id text={data.dataVersion} letters={12} />,
                  },
                  {
                    label: 'Served by',
                    value: (
                      <>
                        <EngineWords version={data} />
                        {data.engine === 'pending' ? null : (
                          <span className="text-ink-2">
                            ,{' '}
                            {bytes((data.engine === 'onnx' ? data.onnxByteCount : data.bundleByteCount) ?? 0)}
                          </span>
                        )}
                      </>
                    ),
                  },
                  ...(data.engine === 'python' && data.python !== null
                    ? [{ label: 'Its Python', value: pythonWords(data.python) }]
                    : []),
                  { label: 'Status', value: data.status },
                  {
                    label: 'Registered',
                    value: (
                      <>
                        <When at={data.createdAt} /> by {data.createdBy}
                      </>
                    ),
                  },
                  {
                    label: 'Model bytes',
                    value: <Digest text={data.onnxDigest ?? data.bundleDigest} />,
                  },
                ]}
              />
              {data.reason === null ? null : (
                <p className="mt-4 max-w-prose text-sm">
                  <span className="text-ink-2">No graph serves it: </span>
                  {readable(data.reason)}
                </p>
              )}
              {data.description === null || data.description === '' ? null : (
                <p className="mt-4 max-w-prose">{data.description}</p>
              )}
            </Panel>
            <Panel
              title="Gate"
              flush
              aside={
                data.gate === null ? null : (
                  <>
                    evaluated <When at={data.gate.evaluatedAt} /> · <Id text={data.gate.hash} letters={12} />
                  </>
                )
              }
            >
              {data.gate === null ? (
                <Empty
                  title="The gate was not evaluated yet"
                  command={`tilth model gate ${shellWord(name)} ${version}`}
                />
              ) : (
                <GateTable report={data.gate} />
              )}
            </Panel>
            <Panel
              title="Approval"
              flush
              aside="a second person decides, on exactly this model, data, gate report and card"
            >
              {data.approvals.length === 0 ? (
                data.gate?.passed === false ? (
                  <Empty title="Nobody may be asked">
                    Approval is asked for once every condition of the gate is met.
                  </Empty>
                ) : (
                  <Empty
                    title="Nobody asked for approval yet"
                    command={`tilth model request ${shellWord(name)} ${version}`}
                  />
                )
              ) : (
                <div className="divide-y divide-line">
                  {[...data.approvals]
                    .sort((one, other) => other.requestedAt - one.requestedAt)
                    .map((approval, index) => (
                      <Conversation key={approval.id} id={approval.id} isOpen={index === 0} />
                    ))}
                </div>
              )}
            </Panel>
            <div className="grid items-start gap-5 xl:grid-cols-2">
              <Panel title="Parity of Python and ONNX" flush={data.parity === null}>
                {data.parity === null ? (
                  <Empty title="Not measured">
                    {data.engine === 'python'
                      ? 'There is no graph to compare: its own Python answers.'
                      : 'Parity is measured when the version is converted.'}
                  </Empty>
                ) : (
                  <ParityView parity={data.parity} />
                )}
              </Panel>
              {data.schema === null ? null : (
                <Panel
                  title="What it takes and gives"
                  flush
                  aside={data.schemaHash === null ? null : <Id text={data.schemaHash} letters={12} />}
                >
                  <Table heads={['Direction', 'Name', 'Type', 'Shape', 'May be missing']}>
                    {[
                      ...data.schema.inputs.map((each) => ({ ...each, way: 'takes' })),
                      ...data.schema.outputs.map((each) => ({ ...each, way: 'gives' })),
                    ].map((each) => (
                      <tr key={`${each.way}/${each.name}`}>
                        <td className="text-ink-3">{each.way}</td>
                        <td>
                          <code>{each.name}</code>
                        </td>
                        <td>{each.datatype}</td>
                        <td>[{each.shape.join(', ')}]</td>
                        <td>{each.nullable ? 'yes' : 'no'}</td>
                      </tr>
                    ))}
                  </Table>
                </Panel>
              )}
            </div>
          </>
        )}
      </Answer>
      <Dialog
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Ask to approve ${name} version ${version}`}
        lead="The gate is evaluated now. Somebody else decides, on exactly what is there at this moment."
      >
        <RequestForm path={path} onDone={() => setAsking(false)} />
      </Dialog>
    </Page>
  );
}

const Digest = ({ text }: { text: string | null }) =>
  text === null ? <>–</> : <Id text={text} letters={12} />;

const pythonWords = ({ version, packages }: NonNullable<ModelVersion['python']>): string => {
  const names = Object.entries(packages).map(([name, number]) => `${name} ${number}`);
  return `${version}${names.length === 0 ? '' : ` with ${names.slice(0, 3).join(', ')}`}${names.length > 3 ? ' and more' : ''}`;
};
