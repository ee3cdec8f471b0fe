import type { ReactNode } from 'react';
import { Refused } from './refused.tsx';

/** A form that is sent; what the server refused stands above it, and what was typed stays. */
export const SentForm = ({
  error,
  onSend,
  className = 'gap-4',
  children,
}: {
  error: unknown;
  onSend: () => void;
  className?: string;
  children: ReactNode;
}) => (
  <div className="flex flex-col gap-4 text-sm">
    <Refused error={error} />
    <form
      className={`flex flex-col ${className}`}
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      {children}
    </form>
  </div>
);

/** Sends the form, and says while it is on its way. */
export const SendLine = ({
  isBusy,
  isDisabled = false,
  look = 'button-primary',
  says = 'Waiting for the server …',
  children,
}: {
  isBusy: boolean;
  isDisabled?: boolean;
  look?: string;
  says?: string;
  children: ReactNode;
}) => (
  <div className="flex flex-wrap items-center gap-3">
    <button type="submit" className={`button ${look}`} disabled={isBusy || isDisabled}>
      {children}
    </button>
    <span className="text-ink-2" role="status">
      {isBusy ? says : ''}
    </span>
  </div>
);

/** Why a person does it; it stands in the audit log. */
export const ReasonField = ({ value, onChange }: { value: string; onChange: (value: string) => void }) => (
  <label className="flex flex-col gap-1 font-medium">
    Reason
    <input className="field font-normal" value={value} onChange={(event) => onChange(event.target.value)} />
  </label>
);
