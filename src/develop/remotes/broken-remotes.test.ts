import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openRepository, initRepository, type Repository } from '../dvc-files/repository.ts';
import { writeDvcFile } from '../dvc-files/dvc-file.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { fetch } from './fetch.ts';
import { push } from './push.ts';
import { filesBelow } from './test-colleagues.ts';
import { serveFolder } from './test-http.ts';

const root = mkdtempSync(join(tmpdir(), 'tilth broken '));
const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
  rmSync(root, { recursive: true, force: true });
});

let made = 0;

/** A repository with a folder of `count` files and a large file, recorded and in the cache. */
function repositoryWith(count: number, config: string): Repository {
  const folder = join(root, `repository ${made++}`);
  mkdirSync(join(folder, 'data'), { recursive: true });
  initRepository(folder, false);
  writeFileSync(join(folder, '.dvc', 'config'), `[core]\n    no_scm = True\n    remote = store\n${config}`);
  for (let index = 0; index < count; index++)
    writeFileSync(join(folder, 'data', `f${index}`), `file ${index} of ${folder}`.repeat(40));
  writeFileSync(join(folder, 'large'), Buffer.alloc(3_000_000, folder));
  const repository = openRepository(folder);
  const workspace = new Workspace(repository);
  for (const name of ['data', 'large']) writeDvcFile(join(folder, name), workspace.add(join(folder, name)));
  workspace.close();
  return repository;
}

const store = (url: string, more = ''): string => `['remote "store"']\n    url = ${url}\n${more}`;

const emptyCache = ({ config }: Repository): void =>
  rmSync(config.cacheFolder, { recursive: true, force: true });

/** Objects whose content is not what their name says. */
const damaged = (folder: string): string[] =>
  filesBelow(folder).filter((path) => {
    const [, name] = /md5\/(..\/.{30})(?:\.dir)?$/.exec(`md5/${path}`) ?? [];
    return name === undefined || hash('md5', readFileSync(join(folder, path))) !== name.replace('/', '');
  });

test('an object that a remote damaged never gets into the cache, and is named', async () => {
  const remote = join(root, 'damaged');
  const repository = repositoryWith(3, store(remote));
  await push(repository, {});
  const [, broken = ''] = filesBelow(remote).filter((path) => !path.endsWith('.dir'));
  chmodSync(join(remote, broken), 0o644);
  writeFileSync(join(remote, broken), 'something else');
  emptyCache(repository);
  await assert.rejects(
    fetch(repository, {}),
    (thrown: Error & { code?: string }) =>
      thrown.code === 'REMOTE_OBJECT_DAMAGED' && thrown.message.includes(broken),
  );
  assert.ok(!existsSync(join(repository.config.cacheFolder, broken)));
  assert.deepEqual(damaged(join(repository.cache)), []);
});

test('what broke off is asked for from there on; a server that is away for a moment is asked again', async () => {
  const folder = join(root, 'served');
  const server = await serveFolder(folder);
  closing.push(() => server.stop());
  const repository = repositoryWith(5, store(server.url, '    method = PUT\n'));
  server.refusals = { count: 3, status: 503 };
  assert.equal((await push(repository, {})).sentCount, 7);
  emptyCache(repository);
  server.breaks = { count: 4, after: 700_000 };
  server.refusals = { count: 2, status: 502 };
  assert.equal((await fetch(repository, {})).broughtCount, 7);
  assert.deepEqual(damaged(repository.cache), []);
  assert.equal((await fetch(repository, {})).broughtCount, 0);
});

test('a server that always breaks off is told as such; what came stays, and the next fetch goes on', async () => {
  const folder = join(root, 'breaking');
  const server = await serveFolder(folder);
  closing.push(() => server.stop());
  const repository = repositoryWith(5, store(server.url, '    method = PUT\n'));
  await push(repository, {});
  emptyCache(repository);
  server.breaks = { count: Infinity, after: 0 };
  await assert.rejects(fetch(repository, {}), { code: 'REMOTE_UNAVAILABLE' });
  server.breaks = { count: Infinity, after: 100_000 };
  // each attempt brings a part of the large file, so it comes to its end
  assert.ok((await fetch(repository, {})).broughtCount > 0);
  server.breaks = { count: 0, after: 0 };
  await fetch(repository, {});
  assert.deepEqual([damaged(repository.cache), (await fetch(repository, {})).broughtCount], [[], 0]);
});

test('a folder of which a file is lost goes without its .dir, which would promise that file', async () => {
  const remote = join(root, 'lost');
  const repository = repositoryWith(3, store(remote));
  const [lost = ''] = filesBelow(repository.cache).filter((path) => !path.endsWith('.dir'));
  rmSync(join(repository.cache, lost));
  const pushed = await push(repository, {});
  assert.equal(pushed.missing.length, 1);
  assert.ok(lost.startsWith(pushed.missing[0]?.md5.slice(0, 2) ?? '-'));
  const hasFolder = filesBelow(remote).some((path) => path.endsWith('.dir'));
  assert.equal(hasFolder, statLarge(repository) === lost);
});

const statLarge = ({ root: folder }: Repository): string => {
  const md5 = hash('md5', readFileSync(join(folder, 'large')));
  return `${md5.slice(0, 2)}/${md5.slice(2)}`;
};

test('outs go to the remotes that they name, and those that stay here stay', async () => {
  const [first, second] = [join(root, 'first'), join(root, 'second')];
  const repository = repositoryWith(2, `${store(first)}['remote "other"']\n    url = ${second}\n`);
  const large = join(repository.root, 'large.dvc');
  writeFileSync(large, `${readFileSync(large, 'utf8')}  remote: other\n`);
  await push(repository, {});
  assert.deepEqual([filesBelow(first).length, filesBelow(second).length], [3, 1]);
  emptyCache(repository);
  assert.equal((await fetch(repository, {})).broughtCount, 4);
  writeFileSync(large, `${readFileSync(large, 'utf8')}  push: false\n`);
  rmSync(second, { recursive: true });
  assert.equal((await push(repository, {})).sentCount, 0);
});

test('without a remote, with a name that is none, and with an address that is not spoken, the next step is told', async () => {
  const cases = [
    ['', 'REMOTE_UNKNOWN'],
    [store('gs://bucket/x'), 'REMOTE_SCHEME_UNKNOWN'],
    [store('ssh://127.0.0.1:1/x', '    password = x\n'), 'REMOTE_REFUSED'],
    [store('http://127.0.0.1:9/x', '    auth = basic\n'), 'REMOTE_OPTION_MISSING'],
    [store(join(root, 'nowhere')), undefined],
  ] as const;
  for (const [config, code] of cases) {
    const repository = repositoryWith(1, config);
    if (code !== undefined) await assert.rejects(push(repository, {}), { code });
    emptyCache(repository);
    if (code === undefined) await assert.rejects(fetch(repository, {}), { code: 'REMOTE_PLACE_MISSING' });
  }
  await assert.rejects(push(openRepository(repositoryWith(1, store('x')).root), { remote: 'y' }), {
    code: 'REMOTE_UNKNOWN',
  });
});

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** Kills a command after some time. @returns whether it had not ended by itself */
function killed(folder: string, verb: string, afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [main, 'dvc', verb, '-q'], { cwd: folder, stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  return new Promise((resolve) =>
    child.on('close', (_status, signal) => {
      clearTimeout(timer);
      resolve(signal === 'SIGKILL');
    }),
  );
}

test('push and pull that are killed at any moment leave nothing half, and are taken up where they ended', async () => {
  const remote = join(root, 'killed');
  const repository = repositoryWith(1_000, store(remote));
  const startMs = 250;
  let kills = 0;
  for (let round = 0; round < 3; round++) {
    rmSync(remote, { recursive: true, force: true });
    kills += Number(await killed(repository.root, 'push', startMs + round * 200));
    const objects = existsSync(remote)
      ? filesBelow(join(remote)).filter((path) => !path.endsWith('.tmp'))
      : [];
    for (const path of objects)
      assert.equal(
        hash('md5', readFileSync(join(remote, path))),
        path.slice('files/md5/'.length).replace('/', '').slice(0, 32),
      );
    const { sentCount } = await push(repository, {});
    assert.equal(sentCount, 1_002 - objects.length);
  }
  for (let round = 0; round < 3; round++) {
    emptyCache(repository);
    rmSync(join(repository.root, 'data'), { recursive: true, force: true });
    kills += Number(await killed(repository.root, 'pull', startMs + round * 250));
    const here = existsSync(repository.cache) ? filesBelow(repository.cache) : [];
    assert.deepEqual(existsSync(repository.cache) ? damaged(repository.cache) : [], []);
    assert.equal((await fetch(repository, {})).broughtCount, 1_002 - here.length);
  }
  assert.ok(kills >= 1, `${kills} of 6 were killed before their end`);
});

test(
  'rights that are missing on either side are told with the place that they are missing at',
  { skip: process.getuid?.() === 0 ? 'root may do everything' : false },
  async () => {
    const remote = join(root, 'locked');
    mkdirSync(remote, { mode: 0o555 });
    await assert.rejects(push(repositoryWith(1, store(remote)), {}), { code: 'REMOTE_REFUSED' });
  },
);
