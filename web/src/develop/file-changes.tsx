import type { DataDifference } from '../../../src/develop/data/profile-api.ts';
import { count, many } from '../platform/format.ts';

const sorts = [
  ['added', '+'],
  ['removed', '−'],
  ['changed', '~'],
] as const;

/** Which files of a folder are new, gone or different. */
export function FileChanges({ files }: { files: DataDifference['files'] }) {
  if (files === null)
    return (
      <p className="text-sm text-ink-2">
        The files are too many for their names to be kept: only their number is known.
      </p>
    );
  const isSame = files.added.length + files.removed.length + files.changed.length === 0;
  return (
    <div>
      <h3 className="mb-2">Files</h3>
      {isSame ? (
        <p className="text-sm text-ink-2">The same files with the same content.</p>
      ) : (
        <div className="flex flex-col gap-1 text-sm">
          {sorts.map(([sort, mark]) =>
            files[sort].length === 0 ? null : (
              <details key={sort} open={files[sort].length <= 12}>
                <summary className="hover:text-accent">
                  {count(files[sort].length)} {sort}
                </summary>
                <ul
                  className="mt-1 mb-2 max-h-60 overflow-y-auto text-xs"
                  tabIndex={0}
                  aria-label={`Files ${sort}`}
                >
                  {files[sort].map((path) => (
                    <li key={path} className="break-all">
                      <span aria-hidden="true" className="inline-block w-4 text-ink-3">
                        {mark}
                      </span>
                      <code>{path}</code>
                    </li>
                  ))}
                </ul>
              </details>
            ),
          )}
          <p className="text-ink-2">{many(files.unchangedCount, 'file')} unchanged</p>
        </div>
      )}
    </div>
  );
}
