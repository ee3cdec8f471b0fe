import { useState } from 'react';
import { useSend } from '../platform/send.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Refused } from './refused.tsx';
import { SendLine, SentForm } from './sent-form.tsx';

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
        aria-busy={isBusy}
        onClick={() => void send(method, path, body)}
      >
        {label}
      </button>
      <Dialog open={error !== null} onClose={forget} title={`${label}: refused`}>
        <Refused error={error} />
      </Dialog>
    </>
  );
}

interface Asked {
  readonly path: string;
  readonly label: string;
  readonly isDanger?: boolean;
  /** may it be done without a reason? */
  readonly isReasonOptional?: boolean;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly onDone: () => void;
}

/** Why, and then it is sent; what the server refuses stays in sight. */
export function Confirm({
  path,
  label,
  isDanger = true,
  isReasonOptional = false,
  body = {},
  onDone,
}: Asked) {
  const { send, error, isBusy } = useSend(onDone);
  const [reason, setReason] = useState('');
  const said = reason.trim();
  return (
    <SentForm
      error={error}
      onSend={() => {
        void send('POST', path, said === '' ? body : { ...body, reason: said });
      }}
    >
      <label className="flex flex-col gap-1 text-sm font-medium">
        {isReasonOptional ? 'Reason, if there is one to tell' : 'Reason'}
        <textarea
          className="field font-normal"
          rows={2}
          required={!isReasonOptional}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <SendLine
        isBusy={isBusy}
        isDisabled={!isReasonOptional && said === ''}
        look={isDanger ? 'button-danger' : 'button-primary'}
      >
        {label}
      </SendLine>
    </SentForm>
  );
}
