import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import type { RepeatCheck, RunRepeatability } from '../../../src/develop/repeatable/repeatable-api.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Command, Copy, Panel, type Tone } from '../parts/basics.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { ReproductionsOf } from './reproductions.tsx';
import { ApiError, authorization, segment, useApi, withParams } from '../platform/api.ts';

const verdicts: Readonly<Record<RunRepeatability['verdict'], readonly [Tone, string]>> = {
  repeatable: ['good', 'repeatable'],
  partly: ['warn', 'partly repeatable'],
  not: ['bad', 'not repeatable'],
};

const states: Readonly<Record<RepeatCheck['state'], readonly [IconName, string]>> = {
  known: ['check', 'text-good'],
  partly: ['attention', 'text-warn'],
  missing: ['cross', 'text-bad'],
};

/** What a result depends on, what of it is known, and how to repeat the run; below it what the command printed. */
export function Repeatable({ runId, isRunning }: { runId: string; isRunning: boolean }) {
  const query = useApi<RunRepeatability>(
    `/api/v1/runs/${segment(runId)}/repeatability`,
    {},
    isRunning ? { every: 2_000 } : {},
  );
  const found = query.data;
  const verdict = found === undefined ? undefined : verdicts[found.verdict];
  return (
    <>
      <Panel
        title="Can it be repeated?"
        aside={verdict === undefined ? null : <Badge tone={verdict[0]}>{verdict[1]}</Badge>}
        flush
      >
        <Answer query={query}>{(data) => <Checks found={data} />}</Answer>
      </Panel>
      {found === undefined || found.firstRunId === null || isRunning ? null : <ReproductionsOf runId={runId} />}
      {found === undefined || found.firstRunId === null ? null : (
        <Output
          runId={runId}
          firstRunId={found.firstRunId}
          path={found.outputPath}
          isRunning={isRunning}
        />
      )}
    </>
  );
}

const Checks = ({ found }: { found: RunRepeatability }) => (
  <>
    <p className="px-4 pt-3 text-sm">{found.summary}</p>
    <ul className="divide-y divide-line text-sm">
      {found.checks.map(({ subject, state, found: what, why, todo }) => (
        <li key={subject} className="flex gap-3 px-4 py-2" title={why}>
          <Icon name={states[state][0]} size={14} className={`mt-1 shrink-0 ${states[state][1]}`} />
          <div className="min-w-0">
            <p className="break-words">
              <span className="font-medium">{subject}</span> <span className="sr-only">{state}.</span>{' '}
              <span className="text-ink-2">{what}</span>
            </p>
            {todo === null ? null : (
              <p className="text-xs text-ink-2">
                {why} {todo}
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
    {found.steps.length === 0 ? null : (
      <details className="border-t border-line px-4 py-2 text-sm">
        <summary className="flex cursor-pointer items-center justify-between gap-2">
          <span>Repeat it by hand</span>
          <Copy text={found.steps.join('\n')} label="Copy all" />
        </summary>
        <ol className="mt-2 flex flex-col gap-1.5">
          {found.steps.map((step) => (
            <li key={step}>
              <Command text={step} isSmall />
            </li>
          ))}
        </ol>
      </details>
    )}
  </>
);

/** Of a long output only the end is fetched; the whole of it is an artifact. */
const shownBytes = 60_000;

const useOutput = (runId: string, path: string | null, isRunning: boolean): UseQueryResult<string, ApiError> =>
  useQuery<string, ApiError>({
    queryKey: ['api', 'output', runId, path],
    enabled: path !== null,
    ...(isRunning ? { refetchInterval: 1_000 } : {}),
    queryFn: async ({ signal }) => {
      const address = withParams(`/api/v1/runs/${segment(runId)}/artifact`, { path: path ?? '' });
      const response = await fetch(address, {
        headers: { ...authorization(), range: `bytes=-${shownBytes}` },
        signal,
      });
      if (!response.ok) throw new ApiError(response.status, `HTTP_${response.status}`, response.statusText);
      const text = await response.text();
      // the first line of a part may have lost its beginning
      return response.status === 206 && text.length >= shownBytes - 4 ? text.slice(text.indexOf('\n') + 1) : text;
    },
  });

interface Line {
  readonly time: string;
  readonly isError: boolean;
  readonly text: string;
}

/** `2026-11-23T16:40:01.123Z out text` */
const lineOf = (line: string): Line => {
  const [, time, stream, text] = /^\S+T(\d\d:\d\d:\d\d)\S* (out|err) (.*)$/.exec(line) ?? [];
  return time === undefined
    ? { time: '', isError: false, text: line }
    : { time, isError: stream === 'err', text: text ?? '' };
};

function Output(props: { runId: string; firstRunId: string; path: string | null; isRunning: boolean }) {
  const { runId, firstRunId, path, isRunning } = props;
  const query = useOutput(firstRunId, path, isRunning);
  const box = useRef<HTMLDivElement>(null);
  const text = query.data;
  useEffect(() => {
    const shown = box.current;
    // follows the end unless the reader has scrolled away from it
    if (shown !== null && shown.scrollHeight - shown.scrollTop - shown.clientHeight < 200) {
      shown.scrollTop = shown.scrollHeight;
    }
  }, [text]);
  return (
    <Panel
      title="Output"
      flush
      aside={
        <>
          {isRunning ? <Badge tone="info">live</Badge> : null}
          {runId === firstRunId ? null : (
            <Link to={`/develop/runs/${segment(firstRunId)}`} className="link">
              of the command that made this run
            </Link>
          )}
          {path === null ? null : (
            <a
              className="link"
              href={withParams(`/api/v1/runs/${segment(firstRunId)}/artifact`, { path })}
              download
            >
              All of it
            </a>
          )}
        </>
      }
    >
      {path === null ? (
        <p className="px-4 py-4 text-sm text-ink-2">The command has printed nothing{isRunning ? ' yet' : ''}.</p>
      ) : (
        <Answer query={query}>
          {(shown) => (
            <div
              ref={box}
              className="max-h-80 overflow-auto px-4 py-2 font-mono text-xs"
              tabIndex={0}
              role="log"
              aria-live="off"
              aria-label="Output of the command"
            >
              {shown
                .trimEnd()
                .split('\n')
                .map((line, at) => {
                  const { time, isError, text: said } = lineOf(line);
                  return (
                    <div key={at} className="flex gap-3">
                      <span className="shrink-0 text-ink-3 select-none">{time}</span>
                      <span className={`min-w-0 break-words whitespace-pre-wrap ${isError ? 'text-warn' : ''}`}>
                        {said}
                      </span>
                    </div>
                  );
                })}
            </div>
          )}
        </Answer>
      )}
    </Panel>
  );
}
