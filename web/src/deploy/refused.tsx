import type { ReactNode } from 'react';
import { ApiError } from '../platform/api.ts';
import { Failure } from '../parts/answer.tsx';
import { TokenForm } from '../parts/shell.tsx';

/** What the server refused; where it was for who asked, another person can be acted as. */
export const Refused = ({ error }: { error: unknown }) =>
  error === null ? null : (
    <div className="flex flex-col gap-3">
      <Failure error={error} />
      {error instanceof ApiError && (error.status === 403 || error.status === 401) ? (
        <details className="rounded-md border border-line px-4 py-3 text-sm">
          <summary className="link w-fit">Act as another person</summary>
          <div className="mt-3">
            <TokenForm />
          </div>
        </details>
      ) : null}
    </div>
  );

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
