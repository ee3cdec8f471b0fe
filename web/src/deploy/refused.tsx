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
