import { useState } from 'react';
import { useSend } from '../platform/send.ts';
import { SendLine, SentForm } from './sent-form.tsx';

/** Asks that a version may become an alias, with a word to who decides. */
export function RequestForm({ path, onDone }: { path: string; onDone: () => void }) {
  const { send, error, isBusy } = useSend(onDone);
  const [alias, setAlias] = useState('champion');
  const [message, setMessage] = useState('');
  return (
    <SentForm
      error={error}
      onSend={() => {
        const said = message.trim();
        void send('POST', `${path}/request`, { alias, ...(said === '' ? {} : { message: said }) });
      }}
    >
      <label className="flex flex-col gap-1 font-medium">
        It may become
        <select
          className="field font-normal"
          value={alias}
          onChange={(event) => setAlias(event.target.value)}
        >
          <option value="champion">champion: answers everybody</option>
          <option value="challenger">challenger: may answer some, as a canary</option>
        </select>
      </label>
      <label className="flex flex-col gap-1 font-medium">
        What who decides should know
        <textarea
          className="field font-normal"
          rows={3}
          value={message}
          onChange={(event) => setMessage(event.target.value)}
        />
      </label>
      <SendLine isBusy={isBusy} says="The gate is evaluated …">
        Ask for approval
      </SendLine>
    </SentForm>
  );
}
