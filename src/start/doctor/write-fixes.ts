import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runProgram } from '../project/programs.ts';
import { cannotUndo, uncommittedChanges } from './doctor-errors.ts';
import type { FileChange, ProjectFiles } from './project-files.ts';

/**
 * Refuses where git could not bring back what was there: outside a repository, or over changes not committed.
 *
 * @throws DOCTOR_NO_REPOSITORY, DOCTOR_UNCOMMITTED_CHANGES
 */
export async function ensureUndoable(files: ProjectFiles, changes: readonly FileChange[]): Promise<void> {
  if (changes.length === 0) return;
  if (!files.isRepository) throw cannotUndo(files.root);
  const paths = changes.map(({ path }) => path);
  const status = await runProgram(
    'git',
    ['status', '--porcelain', '--ignored', '-z', '--', ...paths.map((path) => `:(literal)${path}`)],
    { folder: files.root },
  );
  if (status.output !== '') {
    throw uncommittedChanges(
      status.output
        .split('\0')
        .filter((line) => line !== '')
        .map((line) => line.slice(3)),
    );
  }
}

/** Writes all changes or, when one can't be written, none. */
export function writeChanges(files: ProjectFiles, changes: readonly FileChange[]): void {
  const done: FileChange[] = [];
  try {
    for (const change of changes) {
      put(files.root, change.path, change.after);
      done.push(change);
    }
  } catch (thrown) {
    for (const { path, before } of done.toReversed()) put(files.root, path, before);
    throw thrown;
  }
}

/** Beside it first, then in its place, with the permissions that the file had. */
function put(root: string, path: string, bytes: Buffer | undefined): void {
  const target = join(root, path);
  if (bytes === undefined) {
    rmSync(target, { force: true });
    return;
  }
  mkdirSync(dirname(target), { recursive: true });
  const mode = lstatSync(target, { throwIfNoEntry: false })?.mode;
  const fresh = `${target}.tilth-new`;
  writeFileSync(fresh, bytes, mode === undefined ? {} : { mode });
  renameSync(fresh, target);
}

/** The change as git shows it. */
export async function unifiedDiff(changes: readonly FileChange[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-doctor-'));
  try {
    for (const { path, before, after } of changes) {
      if (before !== undefined) put(join(folder, 'a'), path, before);
      if (after !== undefined) put(join(folder, 'b'), path, after);
    }
    for (const side of ['a', 'b']) mkdirSync(join(folder, side), { recursive: true });
    const args = [
      '-c',
      'core.autocrlf=false',
      '-c',
      'core.quotePath=false',
      'diff',
      '--no-index',
      '--no-color',
      '--no-ext-diff',
      '--no-prefix',
      '--find-renames',
      'a',
      'b',
    ];
    const { output } = await runProgram('git', args, { folder });
    // of a file that one side lacks git names the other side twice, and of one that moved it names our folders
    return output
      .replaceAll(/^diff --git [ab]\/(.*) [ab]\/\1$/gm, 'diff --git a/$1 b/$1')
      .replaceAll(/^rename (from|to) [ab]\//gm, 'rename $1 ');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The command that takes the changes back, wherever it is typed. */
export function undoCommand(root: string, changes: readonly FileChange[]): string {
  const quoted = (path: string): string =>
    /^[\w./@-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
  const restored = changes.filter(({ before }) => before !== undefined).map(({ path }) => quoted(path));
  const made = changes.filter(({ before }) => before === undefined).map(({ path }) => quoted(path));
  const commands = [
    `cd ${quoted(root)}`,
    ...(restored.length === 0 ? [] : [`git restore -- ${restored.join(' ')}`]),
    ...(made.length === 0 ? [] : [`rm -- ${made.join(' ')}`]),
  ];
  return `(${commands.join(' && ')})`;
}
