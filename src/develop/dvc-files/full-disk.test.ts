import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const outer = mkdtempSync(join(tmpdir(), 'tilth full disk '));
after(() => rmSync(outer, { recursive: true, force: true }));

/** A file system of our own, of three megabytes, that only this one child sees. */
const inSmallDisk = (command: readonly string[]): ReturnType<typeof spawnSync> =>
  spawnSync(
    'unshare',
    [
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs -o size=3m none "$0" && cd "$0" && exec "$@"',
      outer,
      ...command,
    ],
    { encoding: 'utf8' },
  );

const canMount = inSmallDisk(['true']).status === 0;

test(
  'a full disk is named with the file, nothing is lost, and with more room the same command ends its work',
  { skip: canMount ? false : 'needs unshare and user namespaces, to have a small disk' },
  () => {
    const program = `
      import assert from 'node:assert/strict';
      import { execFileSync } from 'node:child_process';
      import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
      import { hash, randomBytes } from 'node:crypto';
      import { initRepository, openRepository } from ${JSON.stringify(import.meta.resolve('./repository.ts'))};
      import { Workspace } from ${JSON.stringify(import.meta.resolve('./workspace.ts'))};
      const root = process.cwd();
      initRepository(root, false);
      const repository = openRepository(root);
      const resize = (size) => execFileSync('mount', ['-o', 'remount,size=' + size, root]);
      const run = (work) => {
        const workspace = new Workspace(repository, { linkTypes: ['copy'] });
        try { return work(workspace); } finally { workspace.close(); }
      };
      const assertSound = () => {
        for (const name of readdirSync(repository.cache, { recursive: true })) {
          const path = repository.cache + '/' + name;
          if (statSync(path).isFile()) assert.equal(hash('md5', readFileSync(path)), name.replace('/', '').slice(0, 32));
        }
      };
      mkdirSync('data');
      const made = new Map();
      for (let index = 0; index < 60; index++) {
        made.set(String(index), randomBytes(30_000));
        writeFileSync('data/' + index, made.get(String(index)));
      }
      const told = (work) => assert.throws(work, (reason) => {
        assert.equal(reason.code, 'DATA_DISK_FULL');
        assert.ok(reason.message.startsWith(root), reason.message);
        return true;
      });
      told(() => run((workspace) => workspace.add(root + '/data')));
      for (const [name, bytes] of made) assert.ok(readFileSync('data/' + name).equals(bytes));
      assertSound();
      resize('12m');
      const { md5 } = run((workspace) => workspace.add(root + '/data'));
      assertSound();
      rmSync('data', { recursive: true });
      resize('3m');
      told(() => run((workspace) => workspace.restore(root + '/data', md5)));
      for (const name of readdirSync('data')) assert.ok(readFileSync('data/' + name).equals(made.get(name)));
      assertSound();
      resize('12m');
      run((workspace) => workspace.restore(root + '/data', md5));
      for (const [name, bytes] of made) assert.ok(readFileSync('data/' + name).equals(bytes));
      console.log('all is well');
    `;
    const { stdout, stderr } = inSmallDisk([process.execPath, '--input-type=module', '-e', program]);
    assert.equal(stdout, 'all is well\n', String(stderr));
  },
);
