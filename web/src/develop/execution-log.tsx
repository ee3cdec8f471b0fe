import { useEffect, useRef, useState } from 'react';
import type { ExecutionLog as Log } from '../../../src/develop/pipelines/pipeline-api.ts';
import { ask, segment } from '../platform/api.ts';
import { count } from '../platform/format.ts';
import { Failure } from '../parts/answer.tsx';
import { Badge } from '../parts/basics.tsx';

const everyMs = 1000;
const mostLines = 4000;

/** Lines of what an execution printed, as they come. */
function useLog(id: string, isRunning: boolean): { lines: Log['lines']; isOver: boolean; error: unknown } {
  const [lines, setLines] = useState<Log['lines']>([]);
  const [isOver, setOver] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const next = useRef(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async (): Promise<void> => {
      try {
        const log = await ask<Log>(
          'GET',
          `/api/v1/pipelines/executions/${segment(id)}/log?from=${next.current}`,
          undefined,
          stop.signal,
        );
        // numbered, so that a line that was read twice is shown once
        if (log.lines.length > 0)
          setLines((before) =>
            [...before.filter(({ number }) => number < (log.lines[0]?.number ?? 0)), ...log.lines].slice(
              -mostLines,
            ),
          );
        const isMore = log.next > next.current;
        next.current = log.next;
        setOver(log.isOver);
        setError(null);
        if (!log.isOver) timer = setTimeout(() => void read(), isMore ? everyMs / 4 : everyMs);
      } catch (reason) {
        if (stop.signal.aborted) return;
        setError(reason);
        timer = setTimeout(() => void read(), everyMs * 5);
      }
    };
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [id, isRunning]);
  return { lines, isOver, error };
}

/** What an execution prints; while it runs the newest line stays in sight, unless the reader went up. */
export function ExecutionLog({ id, isRunning, hasRun }: { id: string; isRunning: boolean; hasRun: boolean }) {
  const { lines, isOver, error } = useLog(id, isRunning);
  const frame = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const { current } = frame;
    if (current !== null && isAtEnd.current) current.scrollTop = current.scrollHeight;
  }, [lines]);
  const said =
    error !== null
      ? ''
      : lines.length > 0
        ? ''
        : isOver
          ? hasRun
            ? 'It printed nothing.'
            : 'What it printed was not kept: no run was recorded with it.'
          : 'Nothing printed yet …';
  return (
    <section aria-label="What it printed" className="min-w-0 rounded-md border border-line">
      <header className="flex items-center justify-between gap-2 border-b border-line px-3 py-1.5 text-xs text-ink-2">
        <span>{lines.length === 0 ? 'Log' : `${count((lines.at(-1)?.number ?? 0) + 1)} lines`}</span>
        {isRunning ? <Badge tone="info">live</Badge> : null}
      </header>
      {error === null ? null : <Failure error={error} />}
      <div
        ref={frame}
        role="log"
        aria-label="Log lines"
        tabIndex={0}
        className="max-h-96 min-h-16 overflow-auto bg-sunken p-3 font-mono text-xs leading-5"
        onScroll={({ currentTarget: at }) => {
          isAtEnd.current = at.scrollHeight - at.scrollTop - at.clientHeight < 24;
        }}
      >
        {said === '' ? null : <p className="text-ink-3">{said}</p>}
        {lines.map((line) => (
          <div
            key={line.number}
            title={line.at}
            className={`break-words whitespace-pre-wrap ${line.stream === 'err' ? 'text-ink-2' : 'text-ink'}`}
          >
            {line.text === '' ? ' ' : line.text}
          </div>
        ))}
      </div>
    </section>
  );
}
