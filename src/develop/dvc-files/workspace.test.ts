import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import type { LinkType } from './config.ts';
import { md5Of } from './file-bytes.ts';
import { initRepository, type Repository } from './repository.ts';
import { Workspace } from './workspace.ts';

const outer = mkdtempSync(join(tmpdir(), 'tilth workspace '));
after(() => rmSync(outer, { recursive: true, force: true }));
let made = 0;

function repositoryWith(files: Record<string, string>): Repository {
  const repository = initRepository(join(outer, String(made++)), false);
  write(repository, files);
  return repository;
}

function write({ root }: Repository, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

/** One command of its own. */
function command<T>(repository: Repository, work: (workspace: Workspace) => T, ...linkTypes: LinkType[]): T {
  const workspace = new Workspace(repository, linkTypes.length > 0 ? { linkTypes } : {});
  try {
    return work(workspace);
  } finally {
    workspace.close();
  }
}

const past = (path: string): void => utimesSync(path, 1_000_000, 1_000_000);

/** Every object holds what its name says; drafts are gone. */
function assertSound({ cache, config }: Repository): void {
  for (const name of readdirSync(cache, { recursive: true, encoding: 'utf8' })) {
    const path = join(cache, name);
    if (!statSync(path).isFile()) continue;
    assert.equal(name.replace('/', '').slice(0, 32), md5Of(readFileSync(path)));
    assert.equal(statSync(path).mode & 0o777, 0o444);
  }
  assert.ok(!existsSync(join(config.cacheFolder, 'tilth-drafts')));
}

test('a file that keeps its size and its time within the tick of the clock is still seen to have changed', () => {
  const repository = repositoryWith({ 'data/a': 'one' });
  const path = join(repository.root, 'data');
  for (let round = 0; round < 50; round++) {
    writeFileSync(join(path, 'a'), `${100 + round}`);
    const before = command(repository, (workspace) => workspace.measure(path));
    writeFileSync(join(path, 'a'), `${200 + round}`);
    assert.notEqual(command(repository, (workspace) => workspace.measure(path))?.md5, before?.md5);
  }
});

test('what did not change is not read again; a change, a new file, a renamed one and a lost one are seen', () => {
  const repository = repositoryWith({ 'data/a': 'aaa', 'data/b': 'bbb', 'data/sub/c': 'ccc' });
  const path = join(repository.root, 'data');
  for (const name of ['a', 'b', 'sub/c']) past(join(path, name));
  const measure = (): string | undefined => command(repository, (workspace) => workspace.measure(path))?.md5;
  const first = measure();
  assert.equal(measure(), first);
  // the same size and time: what dvc does not see either is proof that nothing was read
  writeFileSync(join(path, 'a'), 'xxx');
  past(join(path, 'a'));
  assert.equal(measure(), first);
  const seen = new Set([first]);
  const isNew = (): void => {
    const now = measure();
    assert.ok(!seen.has(now));
    assert.equal(measure(), now);
    seen.add(now);
  };
  writeFileSync(join(path, 'b'), 'other');
  isNew();
  write(repository, { 'data/sub/d': 'ccc' });
  isNew();
  rmSync(join(path, 'sub'), { recursive: true });
  isNew();
});

for (const type of ['copy', 'hardlink', 'symlink'] as const)
  test(`what was added comes back as it was (${type}), with hard names, duplicates and empty files`, () => {
    const files = {
      'data/é "q"\\.txt': 'x',
      'data/sub/～': 'y',
      'data/sub/😀': 'x',
      'data/empty': '',
      'data/sub/empty': '',
      one: 'single',
    };
    const repository = repositoryWith(files);
    const at = (name: string): string => join(repository.root, name);
    const bad = Buffer.concat([Buffer.from(`${at('data')}/`), Buffer.from([0x66, 0xff, 0xfe])]);
    writeFileSync(bad, 'not utf-8');
    const [data, one] = command(
      repository,
      (workspace) => [workspace.add(at('data')), workspace.add(at('one'))],
      type,
    );
    assert.equal(data?.nfiles, 6);
    assertSound(repository);
    assert.equal(lstatSync(at('one')).isSymbolicLink(), type === 'symlink');
    assert.equal(statSync(at('one')).mode & 0o200, type === 'copy' ? 0o200 : 0);
    assert.equal(command(repository, (workspace) => workspace.add(at('data')), type).md5, data?.md5);

    rmSync(at('data'), { recursive: true });
    rmSync(at('one'));
    command(
      repository,
      (workspace) => {
        assert.equal(workspace.restore(at('data'), data?.md5 ?? ''), 'added');
        assert.equal(workspace.restore(at('one'), one?.md5 ?? ''), 'added');
        assert.equal(workspace.restore(at('data'), data?.md5 ?? ''), 'unchanged');
      },
      type,
    );
    for (const [name, text] of Object.entries(files)) assert.equal(readFileSync(at(name), 'utf8'), text);
    assert.equal(readFileSync(bad, 'utf8'), 'not utf-8');
    assertSound(repository);
    command(repository, (workspace) => workspace.unprotect(at('data')));
    for (const name of readdirSync(at('data'), { recursive: true, encoding: 'utf8' }))
      if (!name.includes('\ufffd'))
        assert.ok(
          (lstatSync(join(at('data'), name)).mode & 0o200) !== 0 &&
            (lstatSync(join(at('data'), name)).nlink === 1 || statSync(join(at('data'), name)).isDirectory()),
        );
    assertSound(repository);
  });

test('a checkout keeps what is stored nowhere else, and touches nothing when an object is missing', () => {
  const repository = repositoryWith({ 'data/a': 'a1', 'data/b': 'b1' });
  const path = join(repository.root, 'data');
  const first = command(repository, (workspace) => workspace.add(path));
  write(repository, { 'data/a': 'a2 unsaved', 'data/c': 'c' });
  assert.throws(() => command(repository, (workspace) => workspace.restore(path, first.md5)), {
    code: 'DATA_UNSAVED',
    message: /data\/a/,
  });
  assert.equal(readFileSync(join(path, 'a'), 'utf8'), 'a2 unsaved');
  command(repository, (workspace) => rmSync(workspace.cache.pathOf(md5Of(Buffer.from('a1')))));
  assert.throws(() => command(repository, (workspace) => workspace.restore(path, first.md5, true)), {
    code: 'DATA_NOT_IN_CACHE',
    message: /data\/a/,
  });
  assert.deepEqual(readdirSync(path), ['a', 'b', 'c']);
});

test('a damaged object is named, taken out of the cache and not spread', () => {
  const repository = repositoryWith({ 'data/a': 'good', 'data/b': 'fine' });
  const path = join(repository.root, 'data');
  for (const type of ['copy', 'hardlink'] as const) {
    const { md5 } = command(repository, (workspace) => workspace.add(path));
    const object = command(repository, (workspace) => workspace.cache.pathOf(md5Of(Buffer.from('good'))));
    chmodSync(object, 0o644);
    writeFileSync(object, 'evil');
    rmSync(path, { recursive: true });
    assert.throws(() => command(repository, (workspace) => workspace.restore(path, md5), type), {
      code: 'DATA_CACHE_DAMAGED',
      message: /data\/a/,
    });
    assert.ok(!existsSync(join(path, 'a')));
    assert.ok(!existsSync(object));
    rmSync(path, { recursive: true, force: true });
    write(repository, { 'data/a': 'good', 'data/b': 'fine' });
  }
  // one that is read-only again, but was written after it came
  const { md5 } = command(repository, (workspace) => workspace.add(path), 'copy');
  const object = command(repository, (workspace) => workspace.cache.pathOf(md5Of(Buffer.from('good'))));
  chmodSync(object, 0o644);
  writeFileSync(object, 'evil');
  chmodSync(object, 0o444);
  utimesSync(object, Date.now() / 1000 + 10, Date.now() / 1000 + 10);
  rmSync(path, { recursive: true });
  assert.throws(() => command(repository, (workspace) => workspace.restore(path, md5), 'copy'), {
    code: 'DATA_CACHE_DAMAGED',
  });
});

test('links inside data are as in dvc: to a file it is a file, to a folder it is left out, to nothing an error', () => {
  const repository = repositoryWith({ 'data/a': 'a', 'elsewhere/b': 'b' });
  const path = join(repository.root, 'data');
  symlinkSync(join(repository.root, 'elsewhere', 'b'), join(path, 'to-file'));
  symlinkSync(join(repository.root, 'elsewhere'), join(path, 'to-folder'));
  linkSync(join(repository.root, 'elsewhere', 'b'), join(path, 'second-name'));
  assert.equal(command(repository, (workspace) => workspace.add(path)).nfiles, 3);
  // of its own now, so that a change of the data is no change elsewhere
  assert.ok(!lstatSync(join(path, 'to-file')).isSymbolicLink());
  writeFileSync(join(path, 'to-file'), 'changed');
  writeFileSync(join(path, 'second-name'), 'changed');
  assert.equal(readFileSync(join(repository.root, 'elsewhere', 'b'), 'utf8'), 'b');
  symlinkSync('nowhere', join(path, 'broken'));
  assert.throws(() => command(repository, (workspace) => workspace.measure(path)), {
    code: 'DATA_PATH_MISSING',
    message: /broken/,
  });
});

test('a memory that can not be read begins anew', () => {
  const repository = repositoryWith({ 'data/a': 'a' });
  const path = join(repository.root, 'data');
  const { md5 } = command(repository, (workspace) => workspace.add(path));
  writeFileSync(
    join(repository.state, 'hash-memory.db'),
    'this is no database, however long it may be '.repeat(100),
  );
  assert.equal(command(repository, (workspace) => workspace.measure(path))?.md5, md5);
});

test('a large file, hashed by a second thread while it is copied, arrives whole', () => {
  const repository = repositoryWith({});
  const path = join(repository.root, 'large.bin');
  const bytes = Buffer.alloc(70 * 1024 * 1024 + 17);
  for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, Math.min(at, bytes.length - 4));
  writeFileSync(path, bytes);
  const { md5 } = command(repository, (workspace) => workspace.add(path), 'copy');
  assert.equal(md5, md5Of(bytes));
  assertSound(repository);
  rmSync(path);
  command(repository, (workspace) => workspace.restore(path, md5), 'copy');
  assert.ok(readFileSync(path).equals(bytes));
});

test('versions that are checked out right after each other, over the same inodes, are told apart', () => {
  const repository = repositoryWith({});
  const path = join(repository.root, 'data');
  const versions = ['a', 'b'].map((letter) => {
    for (let index = 0; index < 50; index++) write(repository, { [`data/${index}`]: letter + String(index) });
    return command(repository, (workspace) => workspace.add(path)).md5;
  });
  for (let round = 0; round < 20; round++) {
    const md5 = versions[round % 2] ?? '';
    rmSync(path, { recursive: true });
    command(repository, (workspace) => workspace.restore(path, md5), 'copy');
    assert.equal(command(repository, (workspace) => workspace.measure(path))?.md5, md5);
    assert.equal(readFileSync(join(path, '7'), 'utf8'), `${'ab'[round % 2] ?? ''}7`);
  }
});
