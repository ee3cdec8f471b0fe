import type { ChangedPaths, DataStatus } from './data-status.ts';

const indent = '        ';

/** The answer for people, as dvc words it. @param program how its commands are called: `dvc` or `tilth data` */
export function statusLines(status: DataStatus, program: string, isGitDirty: boolean): string[] {
  const sections: [keyof DataStatus, string, readonly string[]][] = [
    ['not_in_cache', 'Not in cache', [`use "${program} fetch <file>..." to download files`]],
    ['not_in_remote', 'Not in remote', [`use "${program} push <file>..." to upload files`]],
    ['committed', 'DVC committed changes', ['git commit the corresponding dvc files to update the repo']],
    [
      'uncommitted',
      'DVC uncommitted changes',
      [
        `use "${program} commit <file>..." to track changes`,
        `use "${program} checkout <file>..." to discard changes`,
      ],
    ],
    [
      'untracked',
      'Untracked files',
      [`use "git add <file> ..." or "${program} add <file>..." to commit to git or to dvc`],
    ],
    ['unchanged', 'DVC unchanged files', []],
  ];
  const shown = sections.flatMap(([key, title, hints]) => {
    const content = status[key];
    return content === undefined
      ? []
      : [
          [
            `${title}:`,
            ...hints.map((hint) => `  (${hint})`),
            ...itemsOf(content).map((item) => indent + item),
          ],
        ];
  });
  const lines = shown.flatMap((section, at) => (at === 0 ? section : ['', ...section]));
  if (shown.length === 0) lines.push('No changes.');
  if (isGitDirty)
    lines.push(
      `(there are ${shown.length === 0 ? '' : 'other '}changes not tracked by dvc, use "git status" to see)`,
    );
  return lines;
}

function itemsOf(content: ChangedPaths | readonly string[]): readonly string[] {
  if (Array.isArray(content)) return content as readonly string[];
  return Object.entries(
    content as Record<string, readonly (string | { old: string; new: string })[]>,
  ).flatMap(([state, paths]) =>
    paths.map((path) => `${state}: ${typeof path === 'string' ? path : `${path.old} -> ${path.new}`}`),
  );
}
