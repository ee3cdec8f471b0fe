import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gitIn, projectWith, removeProjects, sickProject } from './test-project.ts';

after(removeProjects);

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

interface Report {
  readonly findings: { readonly id: string; readonly severity: string }[];
  readonly counts: Record<string, number>;
  readonly fixed: { readonly id: string; readonly diff: string }[];
  readonly isWritten: boolean;
  readonly undo: string | null;
  readonly error?: { readonly code: string; readonly details?: unknown };
}

function doctor(
  folder: string,
  ...flags: readonly string[]
): { status: number | null; output: string; said: string } {
  const run = spawnSync(process.execPath, [main, 'doctor', folder, ...flags], {
    encoding: 'utf8',
    env: { ...process.env, TILTH_URL: 'http://127.0.0.1:1', NO_COLOR: '1' },
  });
  return { status: run.status, output: run.stdout, said: run.stderr };
}
const json = (folder: string, ...flags: readonly string[]): Report & { status: number | null } => {
  const { status, output } = doctor(folder, '--json', ...flags);
  return { ...(JSON.parse(output) as Report), status };
};
const small = {
  'README.md': '# R\n',
  'compose.yaml': 'version: "3"\nservices:\n  a:\n    image: x\n    env_file: .env # mine\n',
};

test('a look changes nothing, ends with 1 where something is broken, and says what, why and what to do', () => {
  const folder = projectWith(small);
  const { status, output } = doctor(folder);
  assert.equal(status, 1);
  assert.match(
    output,
    /✗ compose\.yaml:5 {2}.*env file \.env not found \[compose\/env-file-missing\]\n {4}why: .+\n {4}fix: .+\(--fix does it\)/,
  );
  assert.match(output, /git +\d+\.\d+/);
  assert.match(output, /1 error, 0 warnings, 1 note/);
  assert.equal(gitIn(folder, 'status', '--porcelain'), '');
});

test('a dry run shows a diff per fix that git can apply, and writes nothing', () => {
  const folder = projectWith(sickProject);
  const { fixed, isWritten } = json(folder, '--fix', '--dry-run');
  assert.equal(isWritten, false);
  assert.equal(gitIn(folder, 'status', '--porcelain'), '');
  for (const { diff } of fixed) {
    const apply = spawnSync('git', ['apply', '--whitespace=nowarn'], {
      cwd: folder,
      input: `${diff}\n`,
      encoding: 'utf8',
    });
    assert.equal(apply.stderr, '', diff);
  }
  gitIn(folder, 'add', '--all');
  const byHand = gitIn(folder, 'write-tree').trim();
  gitIn(folder, 'reset', '--hard', '--quiet');
  const written = json(folder, '--fix', '--yes');
  assert.equal(written.isWritten, true);
  gitIn(folder, 'add', '--all');
  assert.equal(gitIn(folder, 'write-tree').trim(), byHand, 'the same as the diffs applied by hand');
});

test('the fixes are written with the permissions of the files, and the commands it gives take all of them back', () => {
  const folder = projectWith(sickProject);
  chmodSync(join(folder, 'Makefile'), 0o755);
  gitIn(folder, 'commit', '--quiet', '-am', 'x', '--author', 'T <t@example.org>');
  const { undo, counts } = json(folder, '--fix', '--yes');
  assert.equal(statSync(join(folder, 'Makefile')).mode & 0o777, 0o755);
  assert.ok(existsSync(join(folder, 'settings', 'main.yaml')));
  assert.ok((counts['error'] ?? 0) > 0, 'what cannot be fixed is still told');
  assert.equal(spawnSync('sh', ['-c', undo ?? '']).status, 0, undo ?? '');
  assert.equal(gitIn(folder, 'status', '--porcelain'), '');
});

test('without a terminal nothing is fixed unasked', () => {
  const folder = projectWith(small);
  const { status, error } = json(folder, '--fix');
  assert.deepEqual([status, error?.code], [1, 'DOCTOR_NOT_AGREED']);
  assert.equal(gitIn(folder, 'status', '--porcelain'), '');
});

test('a file with changes that are not committed is left alone, unless forced', () => {
  const folder = projectWith(small);
  const mine = `${small['compose.yaml']}# a thought\n`;
  writeFileSync(join(folder, 'compose.yaml'), mine);
  const refused = json(folder, '--fix', '--yes');
  assert.deepEqual(
    [refused.status, refused.error?.code, refused.error?.details],
    [1, 'DOCTOR_UNCOMMITTED_CHANGES', ['compose.yaml']],
  );
  assert.equal(readFileSync(join(folder, 'compose.yaml'), 'utf8'), mine);
  assert.equal(json(folder, '--fix', '--yes', '--force').status, 0);
  assert.equal(
    readFileSync(join(folder, 'compose.yaml'), 'utf8'),
    'services:\n  a:\n    image: x\n    env_file: [{path: .env, required: false}] # mine\n# a thought\n',
  );
});

test('outside a repository nothing is fixed, since nothing could be undone', () => {
  const folder = projectWith(small, false);
  assert.equal(json(folder, '--fix', '--yes').error?.code, 'DOCTOR_NO_REPOSITORY');
  assert.equal(readFileSync(join(folder, 'compose.yaml'), 'utf8'), small['compose.yaml']);
});

test('a link is never written through', () => {
  const elsewhere = projectWith(small);
  const folder = projectWith({ 'README.md': '# R\n' });
  symlinkSync(join(elsewhere, 'compose.yaml'), join(folder, 'compose.yaml'));
  assert.deepEqual(json(folder, '--fix', '--yes').fixed, []);
  assert.equal(readFileSync(join(elsewhere, 'compose.yaml'), 'utf8'), small['compose.yaml']);
});

test('a folder that is not there, and flags without --fix, are told', () => {
  assert.equal(json('/nowhere/at/all').error?.code, 'DOCTOR_FOLDER_MISSING');
  const { status, said } = doctor(projectWith({}), '--yes');
  assert.equal(status, 2);
  assert.match(said, /go with --fix/);
});
