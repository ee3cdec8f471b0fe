import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { userPython } from './user-python.ts';

let folder = '';
const before = { path: process.env['PATH'], python: process.env['TILTH_PYTHON'] };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tilth python '));
  mkdirSync(join(folder, 'bin'));
  process.env['PATH'] = join(folder, 'bin');
  delete process.env['TILTH_PYTHON'];
});
afterEach(() => {
  process.env['PATH'] = before.path;
  if (before.python !== undefined) process.env['TILTH_PYTHON'] = before.python;
  rmSync(folder, { recursive: true, force: true });
});

const program = (path: string, text = ''): string => {
  writeFileSync(join(folder, path), text);
  chmodSync(join(folder, path), 0o755);
  return join(folder, path);
};

test('hooks run with the Python that is named, else that of the cookiecutter on PATH, else python3', () => {
  assert.equal(userPython(), 'python3');
  const python = program('bin/python3.12');
  program('bin/cookiecutter', `#!/bin/sh\n'''exec' "${python}" "$0" "$@"\n' '''\nimport sys\n`);
  assert.equal(userPython(), python);
  program('bin/cookiecutter', '#!/nowhere/bin/python3\nimport sys\n');
  assert.equal(userPython(), 'python3');
  program('bin/cookiecutter', '#!/bin/sh\necho no python\n');
  assert.equal(userPython(), 'python3');
  process.env['TILTH_PYTHON'] = '/my/python';
  assert.equal(userPython(), '/my/python');
});
