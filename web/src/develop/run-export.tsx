import { useRef, useState } from 'react';
import { count } from '../platform/format.ts';
import { Failure } from '../parts/answer.tsx';
import type { Column } from './run-columns.tsx';
import { askRuns, type TableQuestion, type TableRun } from './tracking.ts';

const pageSize = 1_000;

/** Saves all runs that match, with the columns on the screen, as CSV: numbers as they were logged, times in ISO 8601. */
export function RunExport(props: { question: TableQuestion; columns: readonly Column[]; total: number | undefined; name: string | undefined }) {
  const [done, setDone] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const stop = useRef<AbortController | null>(null);
  const save = async (): Promise<void> => {
    const control = new AbortController();
    stop.current = control;
    setError(null);
    setDone(0);
    try {
      const lines = [['run_id', 'name', 'status', 'started', 'ended', ...logged(props.columns).map(heading)].map(quoted).join(',')];
      let cursor: string | undefined;
      do {
        const page = await askRuns(props.question, { cursor, limit: pageSize }, control.signal);
        for (const run of page.runs) lines.push(lineOf(run, props.columns));
        cursor = page.next;
        setDone(lines.length - 1);
      } while (cursor !== undefined);
      download(`${props.name ?? 'runs'}.csv`, `${lines.join('\r\n')}\r\n`);
    } catch (thrown) {
      if (!control.signal.aborted) setError(thrown);
    } finally {
      setDone(null);
    }
  };
  return (
    <>
      <button
        type="button"
        className="button"
        title={done === null ? 'All runs that match, with these columns' : 'Stop'}
        onClick={() => (done === null ? void save() : stop.current?.abort())}
      >
        {done === null ? 'CSV' : `${count(done)} of ${count(props.total ?? done)}`}
      </button>
      {error === null ? null : <Failure error={error} />}
    </>
  );
}

const logged = (columns: readonly Column[]): readonly Column[] => columns.filter((column) => column.group !== 'run' || column.id === 'user');
const heading = (column: Column): string => (column.group === 'run' ? column.id : `${column.group}s.${column.label}`);

function lineOf(run: TableRun, columns: readonly Column[]): string {
  const at = (time: number | null): string => (time === null ? '' : new Date(time).toISOString());
  const cells = logged(columns).map((column) => {
    if (column.group === 'metric') return String(run.metrics.get(column.label) ?? '');
    if (column.group === 'run') return run.user;
    return (column.group === 'param' ? run.params : run.tags).get(column.label) ?? '';
  });
  return [run.id, run.name, run.status, at(run.startedAt), at(run.endedAt), ...cells].map(quoted).join(',');
}

/** RFC 4180; a text that a spreadsheet would calculate is kept a text. */
export function quoted(text: string): string {
  const kept = /^[=+@\t\r]/.test(text) || (text.startsWith('-') && Number.isNaN(Number(text))) ? `'${text}` : text;
  return /[",\r\n]/.test(kept) ? `"${kept.replaceAll('"', '""')}"` : kept;
}

function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = Object.assign(document.createElement('a'), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1_000);
}
