import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { programEntry } from '../platform/package-root.ts';

/** Tells which packages a command loaded. */
const witness = `
import { registerHooks } from 'node:module';
const seen = new Set();
registerHooks({
  load(url, context, next) {
    const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
    if (name !== undefined) seen.add(name);
    return next(url, context);
  },
});
process.on('exit', () => process.stderr.write([...seen].sort().join(' ')));
`;

function packagesOf(...words: string[]): string {
  const args = ['--import', `data:text/javascript,${encodeURIComponent(witness)}`, programEntry, ...words];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr;
}

test('the help of all commands loads nothing that only a command needs', () => {
  assert.equal(packagesOf('--help'), 'commander picocolors');
});

test('the version loads no package at all', () => {
  assert.equal(packagesOf('--version'), '');
});

/** What a command line says, on both streams, and its exit code. */
function said(...words: string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [programEntry, ...words], { encoding: 'utf8' });
  return `${stdout}${stderr}${status}`;
}

test('a command line that names no command is answered with all that there are', () => {
  assert.match(said('dvc', 'remote'), /^ {2}add .*^ {2}modify .*\d$/ms);
  assert.match(said('dvc', 'pish'), /Did you mean push/);
  assert.match(said('data', 'push', '--help'), /--run-cache/);
  assert.match(said('data', 'list', '--nonsense'), /unknown option '--nonsense'/);
});
