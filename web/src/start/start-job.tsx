import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import type { JobView } from '../../../src/platform/job-api.ts';
import type { NewProject } from '../../../src/start/new-project/new-project-api.ts';
import { ask, segment, useApi } from '../platform/api.ts';
import { many, shellWord } from '../platform/format.ts';
import { Failure } from '../parts/answer.tsx';
import { Badge, Command, Panel, type Tone } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { failureOf, isActive, useJob } from './follow-job.ts';

const tone: Readonly<Record<JobView['state'], Tone>> = {
  queued: 'plain',
  running: 'info',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'warn',
};

/** A project being made: its lines as they come, then where it is, or what went wrong and what to do. */
export function StartJob({ id, onAgain, onNew }: { id: string; onAgain: () => void; onNew: () => void }) {
  const job = useJob(id);
  const log = useApi<string>(
    `/api/v1/jobs/${id}/log`,
    {},
    isActive(job) || job === undefined ? { every: 700 } : {},
  );
  const [error, setError] = useState<unknown>(null);
  const title = useRef<HTMLDivElement>(null);
  const state = job?.state;
  const { refetch } = log;
  useEffect(() => {
    if (state === undefined || state === 'queued' || state === 'running') return;
    // the last lines come with the end
    void refetch();
    title.current?.focus();
  }, [state, refetch]);
  if (job === undefined) return null;
  const cancel = async (): Promise<void> => {
    try {
      await ask('POST', `/api/v1/projects/start/${id}/cancel`);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Panel
      title={
        isActive(job)
          ? 'The project is being made'
          : job.state === 'succeeded'
            ? 'The project is there'
            : 'The project was not made'
      }
      aside={
        <>
          <Badge tone={tone[job.state]}>{job.state}</Badge>
          {isActive(job) ? (
            <button type="button" className="button h-7" onClick={() => void cancel()}>
              Stop
            </button>
          ) : null}
        </>
      }
    >
      <div ref={title} tabIndex={-1} className="flex flex-col gap-4 outline-none" aria-live="polite">
        {error === null ? null : <Failure error={error} />}
        {isActive(job) ? (
          <p className="text-sm text-ink-2">{job.progress ?? 'waiting for its turn'} …</p>
        ) : null}
        {job.state === 'failed' ? (
          <>
            <Failure error={failureOf(job)} />
            <p className="text-sm text-ink-2">Nothing was changed on the server’s machine.</p>
          </>
        ) : null}
        {job.state === 'cancelled' ? (
          <p className="text-sm">It was stopped; nothing of it is left on the server’s machine.</p>
        ) : null}
        {job.state === 'succeeded' ? <Done made={job.output as NewProject} /> : null}
        {isActive(job) ? null : (
          <div className="flex flex-wrap gap-2">
            {job.state === 'succeeded' ? null : (
              <button type="button" className="button button-primary" onClick={onAgain}>
                Back to the form
              </button>
            )}
            <button type="button" className="button" onClick={onNew}>
              Start another project
            </button>
          </div>
        )}
        <Log text={log.data ?? ''} isOpen={job.state !== 'succeeded'} />
      </div>
    </Panel>
  );
}

function Done({ made }: { made: NewProject }) {
  return (
    <div className="flex flex-col gap-3 text-sm">
      <p>
        {many(made.fileCount, 'file')} in <code className="text-xs break-all">{made.folder}</code>
        {made.commit === null ? '' : `, committed as ${made.commit.slice(0, 9)}`}.
        {made.leftOut.length === 0 ? '' : ` Not run: ${made.leftOut.join(', ')}.`}
      </p>
      {made.warnings.map((warning) => (
        <div key={warning.message} className="flex gap-3 rounded-md bg-warn-soft px-4 py-3">
          <Icon name="attention" className="mt-0.5 text-warn" />
          <div className="min-w-0">
            <p className="font-medium break-words whitespace-pre-wrap">{warning.message}</p>
            {warning.hint === undefined ? null : (
              <p className="mt-0.5 break-words text-ink-2">{warning.hint}</p>
            )}
          </div>
        </div>
      ))}
      {made.project === null ? (
        made.warnings.length === 0 ? (
          <p className="text-ink-2">
            It has no <code>tilth.yaml</code>, so the server does not follow it.
          </p>
        ) : null
      ) : (
        <p>
          <Link to="/start" hash={segment(made.project)} className="link inline-flex items-center gap-1">
            Open {made.project}
            <Icon name="arrow" size={14} />
          </Link>
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Command text={`cd ${shellWord(made.folder)}`} />
        {made.project === null && made.warnings.length > 0 ? (
          <Command text={`tilth project register ${shellWord(made.folder)}`} />
        ) : null}
      </div>
    </div>
  );
}

/** What the job says; stays at the end while lines come, until the reader scrolls up. */
function Log({ text, isOpen }: { text: string; isOpen: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (isAtEnd.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [text]);
  return (
    <details open={isOpen}>
      <summary className="w-fit text-sm text-ink-2">What was said on the way</summary>
      <pre
        ref={box}
        tabIndex={0}
        className="mt-2 max-h-80 overflow-auto rounded-md bg-sunken p-3 text-xs whitespace-pre-wrap"
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {text === '' ? 'Nothing yet.' : text}
      </pre>
    </details>
  );
}
