import { useState, type ReactNode } from 'react';
import type { Approval, ApprovalConversation } from '../../../src/deploy/registry/registry-api.ts';
import type { WhoAmI } from '../../../src/team/people-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { absolute } from '../platform/format.ts';
import { useSend } from '../platform/send.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Facts, Id, When, type Tone } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { turnsOf, type Turn as TurnShape } from './conversation-turns.ts';
import { GateTable, outcomeOf } from './gate.tsx';
import { SentForm } from './sent-form.tsx';

export const approvalTone = {
  waiting: 'warn',
  granted: 'good',
  refused: 'bad',
  void: 'plain',
  withdrawn: 'plain',
  expired: 'plain',
} as const satisfies Record<Approval['state'], Tone>;

/** A request for approval with all that was said about it, and what can be said now. */
export function Conversation({ id, isOpen }: { id: string; isOpen: boolean }) {
  const query = useApi<ApprovalConversation>(`/api/v1/approvals/${segment(id)}`);
  return (
    <Answer query={query}>
      {(request) => (
        <details open={isOpen} className="group">
          <summary className="flex cursor-pointer flex-wrap items-center gap-2 px-4 py-3 text-sm">
            <Badge tone={approvalTone[request.state]}>{request.state}</Badge>
            <span>
              {request.requestedBy} asks that version {request.version} becomes{' '}
              <strong className="font-medium">{request.alias}</strong>
            </span>
            {request.isSingleEye ? <Badge tone="warn">single eye</Badge> : null}
            <span className="ml-auto text-ink-3">
              <When at={request.requestedAt} />
            </span>
          </summary>
          <div className="flex flex-col gap-4 border-t border-line px-4 py-4">
            <Changed request={request} />
            <ol className="flex flex-col gap-3" aria-label="What was said">
              {turnsOf(request).map((turn) => (
                <Turn key={turn.key} turn={turn} />
              ))}
            </ol>
            <Bound request={request} />
            <Say request={request} />
          </div>
        </details>
      )}
    </Answer>
  );
}

/** What is not any more as it was asked for. */
function Changed({ request }: { request: ApprovalConversation }) {
  if (request.changed.length === 0) return null;
  const what = request.changed.join(', ');
  return (
    <p className="flex gap-2 rounded-md bg-warn-soft px-3 py-2 text-sm" role="status">
      <Icon name="attention" className="mt-0.5 text-warn" />
      <span>
        {request.state === 'waiting'
          ? `Changed since it was asked for: ${what}. It can’t be granted as it stands; ask again.`
          : `It does not hold any more, since this changed: ${what}.`}
      </span>
    </p>
  );
}

const toneClass = { good: 'text-good', bad: 'text-bad', warn: 'text-warn', plain: 'text-ink-3' } as const;

const Turn = ({ turn }: { turn: TurnShape }) => (
  <li className="flex gap-2.5 text-sm">
    <Icon name={turn.icon} className={`mt-0.5 ${toneClass[turn.tone]}`} />
    <div className="min-w-0 flex-1">
      <p className="text-ink-2">
        {turn.by === null ? null : <strong className="font-medium text-ink">{turn.by} </strong>}
        {turn.did} · <When at={turn.at} />
      </p>
      {turn.text === null || turn.text === '' ? null : (
        <p className="mt-1 rounded-md bg-sunken px-3 py-2 break-words whitespace-pre-wrap">{turn.text}</p>
      )}
    </div>
  </li>
);

/** All that the decision is about, by hash. */
function Bound({ request }: { request: ApprovalConversation }) {
  const { ingredients, gate } = request;
  const hash = (label: string, text: string | null) => ({
    label,
    value: text === null ? '–' : <Id text={text} letters={12} />,
  });
  const met = gate.results.filter((each) => outcomeOf(each) === 'met').length;
  return (
    <details className="rounded-md border border-line text-sm">
      <summary className="flex flex-wrap items-center gap-2 px-3 py-2">
        <span className="font-medium">What the decision is about</span>
        <Id text={request.bundleHash} letters={16} />
        <span className="text-ink-2">
          {met} of {gate.results.length} conditions met when it was asked
        </span>
      </summary>
      <div className="border-t border-line p-3">
        <Facts
          facts={[
            hash('Model files', ingredients.artifactDigest),
            hash(
              ingredients.onnxDigest === null ? 'Files and Python of the worker' : 'Graph that is served',
              ingredients.onnxDigest ?? ingredients.workerDigest,
            ),
            hash('Training data', ingredients.dataVersion),
            hash('Gate report', ingredients.gateHash),
            hash('Model card', ingredients.cardHash),
            { label: 'Alias', value: request.alias },
            {
              label: 'Holds until',
              value: request.expiresAt === null ? 'something changes' : absolute(request.expiresAt),
            },
          ]}
        />
      </div>
      <GateTable report={gate} />
    </details>
  );
}

/** A word, or the decision; the hash that was on the screen goes along. */
function Say({ request }: { request: ApprovalConversation }) {
  const me = useApi<WhoAmI>('/api/v1/me');
  const [text, setText] = useState('');
  const { send, error, isBusy } = useSend(() => setText(''));
  const said = text.trim();
  const isWaiting = request.state === 'waiting';
  const versionPath = `/api/v1/models/${segment(request.model)}/versions/${request.version}`;
  const decide = (verb: 'approve' | 'reject' | 'withdraw'): void => {
    const { alias, bundleHash } = request;
    const reason = said === '' ? {} : { reason: said };
    void send('POST', `${versionPath}/${verb}`, {
      alias,
      ...(verb === 'withdraw' ? {} : { hash: bundleHash }),
      ...reason,
    });
  };
  return (
    <SentForm
      error={error}
      className="gap-3 border-t border-line pt-4"
      onSend={() => {
        void send('POST', `/api/v1/approvals/${segment(request.id)}/comments`, { text: said });
      }}
    >
      <label className="flex flex-col gap-1 text-sm font-medium">
        {isWaiting ? 'Comment, or reason of your decision' : 'Comment'}
        <textarea
          className="field font-normal"
          rows={2}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <div className="flex flex-wrap items-center gap-2">
        <button type="submit" className="button" disabled={isBusy || said === ''}>
          Comment
        </button>
        {isWaiting ? (
          <>
            <Choice isBusy={isBusy} onClick={() => decide('approve')} className="button-primary">
              Approve
            </Choice>
            <Choice isBusy={isBusy || said === ''} onClick={() => decide('reject')} className="button-danger">
              Reject
            </Choice>
            {me.data?.id === request.requestedBy ? (
              <Choice isBusy={isBusy} onClick={() => decide('withdraw')} className="button-quiet">
                Take it back
              </Choice>
            ) : null}
          </>
        ) : null}
        <span className="text-xs text-ink-2" role="status">
          {isBusy
            ? 'Waiting for the server …'
            : me.data === undefined
              ? ''
              : `You act as ${me.data.kind === 'local' ? 'the local user' : me.data.name}.${isWaiting ? ' To reject takes a reason.' : ''}`}
        </span>
      </div>
    </SentForm>
  );
}

const Choice = ({
  isBusy,
  onClick,
  className,
  children,
}: {
  isBusy: boolean;
  onClick: () => void;
  className: string;
  children: ReactNode;
}) => (
  <button type="button" className={`button ${className}`} disabled={isBusy} onClick={onClick}>
    {children}
  </button>
);
