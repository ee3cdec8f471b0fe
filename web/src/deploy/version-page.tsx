import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { Approval, ModelVersion, Parity } from '../../../src/deploy/registry/registry-api.ts';
import type { WhoAmI } from '../../../src/team/people-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { bytes, count, number, plain, share, shellWord, shortId } from '../platform/format.ts';
import { useSend } from '../platform/send.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Badge, Empty, Facts, Id, Page, Panel, When } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { TokenForm } from '../parts/shell.tsx';
import { GateTable, Refusal } from './gate.tsx';
import { ApprovalBadge, GateBadge } from './models-page.tsx';

type Decision = 'approve' | 'reject';

export function VersionPage() {
  const { name = '', version = '' } = useParams({ strict: false });
  const path = `/api/v1/models/${segment(name)}/versions/${segment(version)}`;
  const query = useApi<ModelVersion>(path);
  const [decision, setDecision] = useState<Decision | null>(null);
  const found = query.data;
  const waiting = found?.approvals.find((approval) => approval.state === 'waiting');
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
            <Badge key={alias} tone={alias === 'champion' ? 'good' : 'info'}>
              {alias}
            </Badge>
          ))}
        </>
      }
      cli={`tilth model show ${shellWord(name)} ${version}`}
      actions={
        <>
          <Act path={`${path}/gate`} label="Evaluate the gate" />
          {found === undefined ||
          found.gate?.passed === false ||
          found.approvals.some((each) => each.state === 'waiting' || each.state === 'granted') ? null : (
            <Act path={`${path}/request`} label="Request approval" body={{}} />
          )}
          {waiting === undefined ? null : (
            <>
              <button type="button" className="button button-danger" onClick={() => setDecision('reject')}>
                Reject …
              </button>
              <button type="button" className="button button-primary" onClick={() => setDecision('approve')}>
                Approve …
              </button>
            </>
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
                  <ApprovalBadge version={data} />
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
                    value:
                      data.engine === 'pending'
                        ? 'conversion under way'
                        : data.engine === 'onnx'
                          ? `ONNX, ${bytes(data.onnxByteCount ?? 0)}`
                          : 'a Python worker',
                  },
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
                    value: data.onnxDigest === null ? '–' : <Id text={data.onnxDigest} letters={12} />,
                  },
                ]}
              />
              {data.reason === null ? null : (
                <p className="mt-4 text-sm text-ink-2">Not converted: {data.reason}</p>
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
            <div className="grid items-start gap-5 xl:grid-cols-2">
              <Panel title="Parity of Python and ONNX" flush={data.parity === null}>
                {data.parity === null ? (
                  <Empty title="Not measured">Parity is measured when the version is converted.</Empty>
                ) : (
                  <ParityView parity={data.parity} />
                )}
              </Panel>
              <Panel title="Approvals" flush>
                {data.approvals.length === 0 ? (
                  data.gate?.passed === false ? (
                    <Empty title="Nobody may be asked">
                      Approval is asked for once every condition of the gate passes.
                    </Empty>
                  ) : (
                    <Empty
                      title="Nobody asked for approval yet"
                      command={`tilth model request ${shellWord(name)} ${version}`}
                    />
                  )
                ) : (
                  <ul className="divide-y divide-line">
                    {data.approvals.map((approval) => (
                      <ApprovalRow key={approval.id} approval={approval} />
                    ))}
                  </ul>
                )}
              </Panel>
            </div>
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
          </>
        )}
      </Answer>
      <Dialog
        open={decision !== null}
        onClose={() => setDecision(null)}
        title={
          decision === 'approve' ? `Approve ${name} version ${version}` : `Reject ${name} version ${version}`
        }
        lead={
          waiting === undefined
            ? ''
            : `Asked by ${waiting.requestedBy} for the alias ${waiting.alias}. The decision holds for exactly these bytes, this data and this gate report.`
        }
      >
        {decision === null || found === undefined ? null : (
          <Decide path={path} decision={decision} version={found} onDone={() => setDecision(null)} />
        )}
      </Dialog>
    </Page>
  );
}

/** A button that asks the server and shows what it said; nothing changes on the page before the answer. */
export function Act({
  path,
  label,
  body = {},
  method = 'POST',
}: {
  path: string;
  label: string;
  body?: unknown;
  method?: string;
}) {
  const { send, error, forget, isBusy } = useSend();
  return (
    <>
      <button
        type="button"
        className="button"
        disabled={isBusy}
        onClick={() => void send(method, path, body)}
      >
        {label}
      </button>
      <Dialog open={error !== null} onClose={forget} title={`${label}: refused`}>
        <Failure error={error} />
      </Dialog>
    </>
  );
}

function Decide({
  path,
  decision,
  version,
  onDone,
}: {
  path: string;
  decision: Decision;
  version: ModelVersion;
  onDone: () => void;
}) {
  const me = useApi<WhoAmI>('/api/v1/me');
  const [reason, setReason] = useState('');
  const { send, error, isBusy } = useSend(onDone);
  const mayApprove = me.data?.roles.includes('reviewer') ?? false;
  return (
    <div className="flex flex-col gap-5">
      {version.gate === null ? null : (
        <p className="text-sm">
          The gate: {version.gate.results.filter((result) => result.passed).length} of{' '}
          {version.gate.results.length} conditions pass.
        </p>
      )}
      {mayApprove ? (
        <p className="text-sm">
          You decide as <strong>{me.data?.name}</strong>.
        </p>
      ) : (
        <div className="rounded-md bg-warn-soft p-4">
          <p className="mb-3 text-sm">
            {me.data === undefined || me.data.kind === 'local' ? 'The local user' : me.data.name} may not
            decide: it takes the role reviewer. Act as a person who has it.
          </p>
          <TokenForm />
        </div>
      )}
      {error === null ? null : <Failure error={error} />}
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          void send('POST', `${path}/${decision}`, { reason });
        }}
      >
        <label className="flex flex-col gap-1 text-sm font-medium">
          Reason
          <textarea
            className="field font-normal"
            rows={3}
            required
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        <div>
          <button
            type="submit"
            className={`button ${decision === 'approve' ? 'button-primary' : 'button-danger'}`}
            disabled={isBusy || reason.trim() === ''}
          >
            {decision === 'approve' ? 'Approve' : 'Reject'}
          </button>
        </div>
      </form>
    </div>
  );
}

const approvalTone = { waiting: 'warn', granted: 'good', refused: 'bad', void: 'plain' } as const;

const ApprovalRow = ({ approval }: { approval: Approval }) => (
  <li className="px-4 py-3 text-sm">
    <p className="flex flex-wrap items-center gap-2">
      <Badge tone={approvalTone[approval.state]}>{approval.state}</Badge>
      <span>
        asked by {approval.requestedBy} for <strong className="font-medium">{approval.alias}</strong>{' '}
        <When at={approval.requestedAt} />
      </span>
      {approval.isSingleEye ? <Badge tone="warn">single eye</Badge> : null}
    </p>
    {approval.by === null ? null : (
      <p className="mt-1 text-ink-2">
        {approval.by}, <When at={approval.at} />
        {approval.reason === null || approval.reason === '' ? '' : `: “${approval.reason}”`}
      </p>
    )}
    <p className="mt-1 text-xs text-ink-3">
      holds for <Id text={approval.bundleHash} letters={16} />
    </p>
  </li>
);

const ParityView = ({ parity }: { parity: Parity }) => (
  <div className="flex flex-col gap-4">
    <Facts
      facts={[
        { label: 'Rows compared', value: count(parity.rowCount) },
        { label: 'Same label', value: share(parity.labelsEqual, 3) },
        { label: 'Largest difference', value: number(parity.maxError) },
        { label: 'Measured', value: <When at={parity.measuredAt} /> },
      ]}
    />
    <table className="data-table">
      <thead>
        <tr>
          <th className="!pl-0">Rows</th>
          <th className="num">Count</th>
          <th className="num">Same label</th>
          <th className="num !pr-0">Largest difference</th>
        </tr>
      </thead>
      <tbody>
        {parity.parts.map((part) => (
          <tr key={part.kind}>
            <td className="!pl-0">{part.kind}</td>
            <td className="num">{count(part.rowCount)}</td>
            <td className="num">{share(part.labelsEqual, 2)}</td>
            <td className="num !pr-0">{number(part.maxError)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    {parity.worstRow === null ? null : (
      <details className="text-sm">
        <summary className="link w-fit">The row with the largest difference</summary>
        <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-xs">
          {Object.entries(parity.worstRow.row).map(([key, value]) => (
            <div key={key} className="contents">
              <dt className="text-ink-3">{key}</dt>
              <dd>{plain(value)}</dd>
            </div>
          ))}
          <dt className="text-ink-3">Python</dt>
          <dd>{plain(parity.worstRow.python)}</dd>
          <dt className="text-ink-3">ONNX</dt>
          <dd>{plain(parity.worstRow.onnx)}</dd>
        </dl>
      </details>
    )}
    <p className="text-xs text-ink-3">{parity.runtime}</p>
  </div>
);
