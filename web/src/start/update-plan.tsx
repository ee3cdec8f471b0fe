import { useMemo, useState } from 'react';
import type { ConflictKind, FileChange, UpdatePlan } from '../../../src/start/update/update-api.ts';
import { many, plain } from '../platform/format.ts';
import { Badge, Id, When, type Tone } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { diffSize } from './diff-lines.ts';
import { Diff } from './diff.tsx';

const tone: Readonly<Record<FileChange['kind'], Tone>> = {
  added: 'good',
  changed: 'info',
  deleted: 'warn',
  renamed: 'info',
  conflict: 'bad',
  kept: 'plain',
};

const conflictWords: Readonly<Record<ConflictKind, string>> = {
  content: 'you and the template changed the same lines',
  'both-added': 'you and the template each added a file of this name',
  'deleted-by-you': 'you deleted it, the template changed it',
  'deleted-by-template': 'the template deleted it, you changed it',
  place: 'it was moved to two places, or a folder meets a file',
  'in-the-way': 'a file that git does not know lies where the template has a new one',
};

const keptWords: Readonly<Record<NonNullable<FileChange['kept']>, string>> = {
  'already-there': 'you have the change already',
  skipped: 'named under skip',
  ignored: 'git ignores it',
  yours: 'yours goes before the template’s',
};

const order: readonly FileChange['kind'][] = ['conflict', 'deleted', 'renamed', 'changed', 'added', 'kept'];

/** How many files an update touches, in words: `40 files, 1 of them with a conflict`. */
export function countsOf(changes: readonly FileChange[]): string {
  const touched = changes.filter((change) => change.kind !== 'kept');
  const conflictCount = touched.filter((change) => change.kind === 'conflict').length;
  if (touched.length === 0) return 'no file';
  if (conflictCount === 0) return many(touched.length, 'file');
  return touched.length === 1
    ? '1 file, with a conflict'
    : `${many(touched.length, 'file')}, ${conflictCount} of them with a conflict`;
}

const shownFirst = 12;

/** What an update would change: the template's commits, its new questions, and each file with its diff. */
export function UpdatePlanView({ plan }: { plan: UpdatePlan }) {
  const changes = useMemo(
    () =>
      plan.changes.toSorted(
        (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.path < b.path ? -1 : 1),
      ),
    [plan.changes],
  );
  const shown = changes.filter((change) => change.kind !== 'kept');
  const kept = changes.filter((change) => change.kind === 'kept');
  const [isAllOpen, setAllOpen] = useState(false);
  const [isWhole, setWhole] = useState(false);
  const listed = isWhole || shown.length <= shownFirst + 2 ? shown : shown.slice(0, shownFirst);
  const kinds = order
    .map((kind) => ({ kind, size: shown.filter((change) => change.kind === kind).length }))
    .filter(({ size }) => size > 0);
  return (
    <div className="flex flex-col gap-5">
      <Variables plan={plan} />
      {shown.length === 0 ? (
        <p className="text-sm text-ink-2">
          No file of the project changes; only the commit that it remembers.
        </p>
      ) : (
        <div>
          <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
            <h3 className="flex flex-wrap items-center gap-2">
              Files
              {kinds.map(({ kind, size }) => (
                <Badge key={kind} tone={tone[kind]}>
                  {size} {kind === 'conflict' && size > 1 ? 'conflicts' : kind}
                </Badge>
              ))}
            </h3>
            <button type="button" className="button button-quiet h-7" onClick={() => setAllOpen(!isAllOpen)}>
              {isAllOpen ? 'Fold all' : 'Unfold all'}
            </button>
          </div>
          <ul className="divide-y divide-line overflow-hidden rounded-md border border-line">
            {listed.map((change) => (
              <File key={`${change.path}/${isAllOpen}`} change={change} isFirstOpen={isAllOpen} />
            ))}
          </ul>
          {listed.length === shown.length ? null : (
            <button type="button" className="button mt-2" onClick={() => setWhole(true)}>
              Show all {shown.length} files
            </button>
          )}
        </div>
      )}
      {kept.length === 0 ? null : (
        <details className="text-sm">
          <summary className="w-fit text-ink-2">
            {many(kept.length, 'file')} of the template’s changes stay as you have them
          </summary>
          <ul className="mt-2 flex flex-col gap-1 pl-4">
            {kept.map((change) => (
              <li key={change.path}>
                <code className="text-xs break-all">{change.path}</code>
                <span className="text-ink-2">
                  : {change.kept === undefined ? 'kept' : keptWords[change.kept]}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
      <Commits plan={plan} />
    </div>
  );
}

function File({ change, isFirstOpen }: { change: FileChange; isFirstOpen: boolean }) {
  const [isOpen, setOpen] = useState(isFirstOpen);
  const size = useMemo(() => diffSize(change.diff), [change.diff]);
  return (
    <li>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)} className="group">
        <summary className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2 hover:bg-sunken [&::-webkit-details-marker]:hidden">
          <Icon name="arrow" size={12} className="text-ink-3 transition-transform group-open:rotate-90" />
          <span className="w-18">
            <Badge tone={tone[change.kind]}>{change.kind}</Badge>
          </span>
          <code className="min-w-0 flex-1 text-xs break-all">
            {change.from === undefined ? null : <span className="text-ink-3">{change.from} → </span>}
            {change.path}
          </code>
          <span className="text-xs whitespace-nowrap">
            {size.added > 0 ? <span className="text-good">+{size.added}</span> : null}{' '}
            {size.removed > 0 ? <span className="text-bad">−{size.removed}</span> : null}
          </span>
          {change.conflict === undefined ? null : (
            <span className="basis-full pl-6 text-xs text-bad">
              Conflict: {conflictWords[change.conflict]}.
            </span>
          )}
        </summary>
        {isOpen ? (
          <div className="border-t border-line">
            <Diff diff={change.diff} label={`What changes in ${change.path}`} />
          </div>
        ) : null}
      </details>
    </li>
  );
}

function Variables({ plan }: { plan: UpdatePlan }) {
  const { added, changed, removed } = plan.variables;
  if (added.length + changed.length + removed.length === 0) return null;
  return (
    <div>
      <h3 className="mb-2">Questions</h3>
      <ul className="flex flex-col gap-1.5 text-sm">
        {added.map(({ name, value }) => (
          <li key={name} className="flex flex-wrap items-baseline gap-x-2">
            <Badge tone="good">new</Badge>
            <code className="text-xs">{name}</code>
            <span className="text-ink-2">takes its default:</span>{' '}
            <span className="break-all">{plain(value)}</span>
          </li>
        ))}
        {changed.map(({ name, before, after }) => (
          <li key={name} className="flex flex-wrap items-baseline gap-x-2">
            <Badge tone="info">changed</Badge>
            <code className="text-xs">{name}</code>
            <span className="break-all">
              <span className="text-ink-2">{plain(before)}</span> → {plain(after)}
            </span>
          </li>
        ))}
        {removed.map((name) => (
          <li key={name} className="flex flex-wrap items-baseline gap-x-2">
            <Badge tone="warn">gone</Badge>
            <code className="text-xs">{name}</code>
            <span className="text-ink-2">is no longer asked</span>
          </li>
        ))}
      </ul>
      {added.length === 0 ? null : (
        <p className="mt-2 text-xs text-ink-2">
          Another answer: <code>tilth template update {added[0]?.name}=VALUE</code>
        </p>
      )}
    </div>
  );
}

function Commits({ plan }: { plan: UpdatePlan }) {
  if (plan.commits.length === 0) return null;
  return (
    <details className="text-sm">
      <summary className="w-fit text-ink-2">
        {many(plan.commits.length, 'commit')} of the template since
        {plan.commits.length === 50 ? ' (the newest 50)' : ''}
      </summary>
      <ol className="mt-2 flex max-h-80 flex-col gap-1 overflow-y-auto pl-4">
        {plan.commits.map((commit) => (
          <li key={commit.commit} className="flex flex-wrap gap-x-3">
            <Id text={commit.commit} letters={9} />
            <span className="min-w-0 flex-1 break-words">{commit.subject}</span>
            <span className="text-xs text-ink-3">
              <When at={commit.at} />
            </span>
          </li>
        ))}
      </ol>
    </details>
  );
}
