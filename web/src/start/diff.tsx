import { useMemo } from 'react';
import { diffLines, type DiffLine } from './diff-lines.ts';

const lineClass: Readonly<Record<DiffLine['kind'], string>> = {
  same: '',
  added: 'bg-good-soft',
  removed: 'bg-bad-soft',
  hunk: 'bg-sunken text-ink-3',
  note: 'text-ink-3 italic',
};
const sign: Readonly<Record<DiffLine['kind'], string>> = {
  same: ' ',
  added: '+',
  removed: '−',
  hunk: '…',
  note: '',
};
const spoken: Partial<Record<DiffLine['kind'], string>> = { added: 'added: ', removed: 'removed: ' };

/** A file's unified diff; long lines scroll, the numbers stay. */
export function Diff({ diff, label }: { diff: string; label: string }) {
  const lines = useMemo(() => diffLines(diff), [diff]);
  if (lines.length === 0) return <p className="px-4 py-3 text-sm text-ink-2">No line of it changes.</p>;
  return (
    <div className="relative max-h-[560px] overflow-auto" tabIndex={0} role="region" aria-label={label}>
      <table className="w-full border-collapse font-mono text-xs leading-5">
        <tbody>
          {lines.map((line, index) => (
            <tr key={index} className={lineClass[line.kind]}>
              <td className="w-10 min-w-10 px-1.5 text-right text-ink-3 tabular-nums select-none">
                {line.before ?? ''}
              </td>
              <td className="w-10 min-w-10 px-1.5 text-right text-ink-3 tabular-nums select-none">
                {line.after ?? ''}
              </td>
              <td
                className={`w-5 text-center select-none ${line.kind === 'added' ? 'text-good' : line.kind === 'removed' ? 'text-bad' : 'text-ink-3'}`}
                aria-hidden="true"
              >
                {sign[line.kind]}
              </td>
              <td className="pr-4 whitespace-pre">
                {spoken[line.kind] === undefined ? null : (
                  <span className="sr-only">{spoken[line.kind]}</span>
                )}
                {line.text}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
