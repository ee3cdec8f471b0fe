import { git, writeTree, type ProjectRepository, type Tree } from './git.ts';
import type { Difference } from './update.ts';

/** Git's comparison of two trees file by file, renames found. */
export async function compareTrees(
  project: ProjectRepository,
  before: Tree,
  after: Tree,
): Promise<Difference[]> {
  const trees = [await writeTree(project, before), await writeTree(project, after)];
  const compare = (...flags: string[]): Promise<Buffer> =>
    git(
      project.top,
      [
        '-c',
        'core.quotePath=false',
        'diff-tree',
        '-r',
        '-M',
        '--no-ext-diff',
        '--no-color',
        ...flags,
        ...trees,
      ],
      {
        environment: project.quarantine,
      },
    );
  const [raw, patch] = await Promise.all([
    compare('--raw', '-z'),
    compare('--patch', '--src-prefix=a/', '--dst-prefix=b/'),
  ]);
  const diffs = patch.toString().split(/^(?=diff --git )/m);
  const fields = raw.toString().split('\0');
  const differences: Difference[] = [];
  for (let at = 0; at < fields.length - 1;) {
    const status = fields[at]?.split(' ')[4]?.charAt(0) ?? '';
    const isRename = status === 'R' || status === 'C';
    differences.push({
      path: fields[at + (isRename ? 2 : 1)] ?? '',
      from: isRename ? fields[at + 1] : undefined,
      status,
      diff: diffs[differences.length] ?? '',
    });
    at += isRename ? 3 : 2;
  }
  return differences;
}
