import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { damageOf, filesOf } from './folders.ts';
import { holdLock } from './lock-holder.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople, type Person } from './people.ts';

describe('two colleagues, one repository', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth together '));
  const people = twoPeople(root);
  const ways = [
    { way: 'tilth begins, dvc follows', one: people.ours, other: people.theirs },
    { way: 'dvc begins, tilth follows', one: people.theirs, other: people.ours },
  ];
  let count = 0;
  const newFolder = (): string => join(root, `r${(count += 1)}`);

  after(() => {
    people.leave();
    rmSync(root, { recursive: true, force: true });
  });

  for (const { way, one, other } of ways)
    describe(way, () => {
      it('what one adds is up to date for the other, and adding it again changes nothing', async () => {
        const folder = await repositoryWithData(one);
        assert.match(await other.does(folder, 'status'), /Data and pipelines are up to date\./);
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
        assert.deepEqual(await other.asks(folder, 'data', 'status', '--json'), {});
        await other.does(folder, 'add', 'data', 'one.bin');
        assert.equal(await one.git(folder, 'status', '--porcelain'), '');
      });

      it('what one changes the other sees, adds and gives back', async () => {
        const folder = await repositoryWithData(one);
        writeFileSync(join(folder, 'data', 'a.txt'), 'changed\n');
        rmSync(join(folder, 'data', 'sub', 'c.txt'));
        writeFileSync(join(folder, 'data', 'new.txt'), 'new\n');
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {
          'data.dvc': [{ 'changed outs': { data: 'modified' } }],
        });
        await other.does(folder, 'add', 'data');
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
        await one.git(folder, 'checkout', '-q', 'data.dvc');
        await one.does(folder, 'checkout');
        assert.equal(readFileSync(join(folder, 'data', 'a.txt'), 'utf8'), 'hello\n');
        assert.equal(existsSync(join(folder, 'data', 'new.txt')), false);
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
      });

      it('what one pushes the other pulls, whole, and has nothing to push', async () => {
        const folder = await repositoryWithData(one);
        const remote = newFolder();
        await one.does(folder, 'remote', 'add', '-d', 'store', remote);
        await one.git(folder, 'commit', '-qam', 'remote');
        await one.does(folder, 'push');
        const clone = await cloneOf(other, folder);
        await other.does(clone, 'pull');
        assert.deepEqual(filesOf(join(clone, 'data')), filesOf(join(folder, 'data')));
        assert.match(await other.does(clone, 'push'), /Everything is up to date\./);
        assert.deepEqual(damageOf(remote), []);
        const direct = newFolder();
        await other.does(clone, 'remote', 'add', 'direct', direct);
        await other.does(clone, 'push', '-r', 'direct');
        assert.deepEqual(filesOf(direct), filesOf(remote));
      });

      it('one file changed goes back and forth', async () => {
        const folder = await repositoryWithData(one);
        await one.does(folder, 'remote', 'add', '-d', 'store', newFolder());
        await one.git(folder, 'commit', '-qam', 'remote');
        await one.does(folder, 'push');
        const clone = await cloneOf(other, folder);
        await other.does(clone, 'pull');
        writeFileSync(join(clone, 'data', 'a.txt'), 'by the other\n');
        await other.does(clone, 'add', 'data');
        await other.git(clone, 'commit', '-qam', 'changed');
        await other.does(clone, 'push');
        await other.git(clone, 'push', '-q', 'origin', 'HEAD:changed');
        await one.git(folder, 'merge', '-q', 'changed');
        await one.does(folder, 'pull');
        assert.deepEqual(filesOf(join(folder, 'data')), filesOf(join(clone, 'data')));
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
      });

      it('a pipeline that one ran is up to date for the other, whose run changes nothing', async () => {
        const folder = await repositoryWithPipeline(one);
        await one.does(folder, 'repro');
        await commitAll(one, folder);
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
        await other.does(folder, 'repro');
        assert.equal(await one.git(folder, 'status', '--porcelain'), '');
        assert.equal(logOf(folder), 'prepare\ntrain\n');
        writeFileSync(join(folder, 'params.yaml'), 'train:\n  rate: 0.5\n');
        await other.does(folder, 'repro');
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
        assert.equal(logOf(folder), 'prepare\ntrain\ntrain\n');
      });

      it('from the run cache of one the other brings back what was made, without running it', async () => {
        const folder = await repositoryWithPipeline(one);
        await one.does(folder, 'repro');
        for (const path of ['dvc.lock', 'prepared.txt', 'model'])
          rmSync(join(folder, path), { recursive: true });
        await other.does(folder, 'repro');
        assert.equal(logOf(folder), 'prepare\ntrain\n');
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
      });

      it('a run cache pushed by one is pulled by the other', async () => {
        const folder = await repositoryWithPipeline(one);
        await one.does(folder, 'repro');
        const remote = newFolder();
        await one.does(folder, 'remote', 'add', '-d', 'store', remote);
        await one.does(folder, 'push', '--run-cache');
        assert.deepEqual(filesOf(join(remote, 'runs')), filesOf(join(folder, '.dvc', 'cache', 'runs')));
        rmSync(join(folder, '.dvc', 'cache'), { recursive: true });
        for (const path of ['dvc.lock', 'prepared.txt', 'model'])
          rmSync(join(folder, path), { recursive: true });
        await other.does(folder, 'pull', '--run-cache', 'raw.txt');
        await other.does(folder, 'repro', '--pull', 'prepare');
        assert.equal(logOf(folder), 'prepare\ntrain\n');
      });

      it('what one imports from a repository the other sees, brings back and updates', async () => {
        const source = await repositoryWithData(one);
        const folder = await emptyRepository(one);
        await one.does(folder, 'import', source, 'data', '-o', 'theirs');
        await one.does(folder, 'import', source, 'plain.txt');
        await commitAll(one, folder);
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
        rmSync(join(folder, 'theirs'), { recursive: true });
        rmSync(join(folder, '.dvc', 'cache'), { recursive: true, force: true });
        await other.does(folder, 'pull');
        assert.deepEqual(filesOf(join(folder, 'theirs')), filesOf(join(source, 'data')));
        writeFileSync(join(source, 'data', 'a.txt'), 'newer\n');
        await one.does(source, 'add', 'data');
        await one.git(source, 'commit', '-qam', 'newer');
        const twin = twinOf(folder);
        await other.does(folder, 'update', 'theirs.dvc');
        await one.does(twin, 'update', 'theirs.dvc');
        assert.equal(readFileSync(join(folder, 'theirs', 'a.txt'), 'utf8'), 'newer\n');
        assert.equal(
          readFileSync(join(folder, 'theirs.dvc'), 'utf8'),
          readFileSync(join(twin, 'theirs.dvc'), 'utf8'),
        );
      });

      it('what one imports from a path or URL the other sees and updates', async () => {
        const outside = newFolder();
        mkdirSync(outside);
        writeFileSync(join(outside, 'far.txt'), 'far\n');
        const folder = await emptyRepository(one);
        await one.does(folder, 'import-url', join(outside, 'far.txt'));
        await commitAll(one, folder);
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
        writeFileSync(join(outside, 'far.txt'), 'farther\n');
        const status = await one.asks(folder, 'status', '--json');
        assert.deepEqual(await other.asks(folder, 'status', '--json'), status);
        const twin = twinOf(folder);
        await other.does(folder, 'update', 'far.txt.dvc');
        await one.does(twin, 'update', 'far.txt.dvc');
        assert.equal(readFileSync(join(folder, 'far.txt'), 'utf8'), 'farther\n');
        assert.equal(
          readFileSync(join(folder, 'far.txt.dvc'), 'utf8'),
          readFileSync(join(twin, 'far.txt.dvc'), 'utf8'),
        );
      });

      it('moves, removes and commits of one are understood by the other', async () => {
        const folder = await repositoryWithData(one);
        await one.does(folder, 'move', 'one.bin', 'two.bin');
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
        assert.equal(existsSync(join(folder, 'one.bin.dvc')), false);
        await other.does(folder, 'remove', 'two.bin.dvc');
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
        writeFileSync(join(folder, 'data', 'a.txt'), 'committed\n');
        await one.does(folder, 'commit', '-f', 'data.dvc');
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
      });

      it('a repository of DVC 2 is read by the other, checked out, and left as it is', async () => {
        const folder = await repositoryOfDvc2(one);
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
        rmSync(join(folder, 'old'), { recursive: true });
        rmSync(join(folder, 'old.txt'));
        const missing = await one.asks(folder, 'status', '--json');
        assert.deepEqual(await other.asks(folder, 'status', '--json'), missing);
        await other.does(folder, 'checkout');
        assert.equal(readFileSync(join(folder, 'old.txt'), 'utf8'), 'two\r\nlines\r\n');
        assert.equal(readFileSync(join(folder, 'old', 'sub', 'b.txt'), 'utf8'), 'b\n');
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
        assert.equal(await one.git(folder, 'status', '--porcelain'), '');
      });

      it('while one holds the lock the other waits or says so, and nothing is damaged', async () => {
        const folder = await repositoryWithData(one);
        writeFileSync(join(folder, 'data', 'a.txt'), 'while locked\n');
        const before = filesOf(join(folder, '.dvc', 'cache'));
        const holder = await holdLock(join(folder, '.dvc', 'tmp', 'lock'));
        const { code, stdout, stderr } = await other.tries(folder, 'add', 'data');
        await holder.release();
        assert.equal(code, 1, stdout + stderr);
        assert.match(stdout + stderr, /lock/);
        assert.deepEqual(filesOf(join(folder, '.dvc', 'cache')), before);
        await other.does(folder, 'add', 'data');
        assert.deepEqual(await one.asks(folder, 'status', '--json'), {});
      });

      it('what is ignored is the same for both', async () => {
        const folder = await emptyRepository(one);
        const paths = [
          'a.log',
          'keep.log',
          'sub/a.log',
          'sub/keep.log',
          'tmp/x',
          'sub/tmp/x',
          'build',
          'sub/build/y',
        ];
        const more = [
          'docs/a.md',
          'docs/deep/b.md',
          'docs/deep/c.txt',
          'sub/.hidden',
          'x y.txt',
          'sub/only here',
          '#a',
          '!b',
        ];
        for (const path of [...paths, ...more]) {
          mkdirSync(join(folder, 'top', 'data', path, '..'), { recursive: true });
          writeFileSync(join(folder, 'top', 'data', path), path);
        }
        appendFileSync(
          join(folder, '.dvcignore'),
          '*.log\n!keep.log\n/top/data/tmp/\nbuild/\n**/deep/*.md\nx\\ y.txt\n\\#a\n\\!b\n',
        );
        writeFileSync(join(folder, 'top', '.dvcignore'), '!a.log\n.hidden\n/data/sub/only here\n');
        const asked = [...paths, ...more].map((path) => `top/data/${path}`);
        const { stdout: details } = await one.tries(folder, 'check-ignore', '-d', '-n', ...asked);
        assert.equal((await other.tries(folder, 'check-ignore', '-d', '-n', ...asked)).stdout, details);
        const { stdout: names } = await one.tries(folder, 'check-ignore', ...asked);
        assert.equal((await other.tries(folder, 'check-ignore', ...asked)).stdout, names);
        await one.does(folder, 'add', 'top/data');
        await commitAll(one, folder);
        await other.does(folder, 'add', 'top/data');
        assert.equal(await one.git(folder, 'status', '--porcelain'), '');
      });

      it('rules of what to ignore inside of what is tracked are refused by both', async () => {
        const folder = await repositoryWithData(one);
        writeFileSync(join(folder, 'data', 'sub', '.dvcignore'), '*.log\n');
        const { code, stdout, stderr } = await other.tries(folder, 'add', 'data');
        assert.equal(code, 255, stdout + stderr);
        assert.match(stdout + stderr, /\.dvcignore/);
        assert.equal(await one.git(folder, 'status', '--porcelain'), '');
      });

      it('what one collects as garbage is exactly what the other would', async () => {
        const folder = await repositoryWithData(one);
        writeFileSync(join(folder, 'data', 'a.txt'), 'a second time\n');
        await one.does(folder, 'add', 'data');
        const twin = twinOf(folder);
        await one.does(folder, 'gc', '-w', '-f');
        await other.does(twin, 'gc', '-w', '-f');
        assert.deepEqual(
          filesOf(join(folder, '.dvc', 'cache', 'files')),
          filesOf(join(twin, '.dvc', 'cache', 'files')),
        );
        assert.deepEqual(await other.asks(folder, 'status', '--json'), {});
      });
    });

  async function emptyRepository(person: Person): Promise<string> {
    const folder = newFolder();
    mkdirSync(folder);
    await person.git(folder, 'init', '-q');
    await person.does(folder, 'init', '-q');
    await commitAll(person, folder);
    return folder;
  }

  async function repositoryWithData(person: Person): Promise<string> {
    const folder = await emptyRepository(person);
    mkdirSync(join(folder, 'data', 'sub'), { recursive: true });
    for (const [path, text] of Object.entries({
      'one.bin': '\0\u0001\u0002',
      'plain.txt': 'in git\n',
      'data/a.txt': 'hello\n',
      'data/é.txt': 'accent\n',
      'data/Z.txt': '',
      'data/sub/c.txt': 'hello\n',
    }))
      writeFileSync(join(folder, path), text);
    await person.does(folder, 'add', 'data', 'one.bin');
    await commitAll(person, folder);
    return folder;
  }

  async function repositoryWithPipeline(person: Person): Promise<string> {
    const folder = await emptyRepository(person);
    writeFileSync(join(folder, 'raw.txt'), 'raw\n');
    writeFileSync(join(folder, 'params.yaml'), 'train:\n  rate: 0.1\n');
    writeFileSync(join(folder, '.gitignore'), '/runs.log\n');
    writeFileSync(
      join(folder, 'dvc.yaml'),
      [
        'stages:',
        '  prepare:',
        '    cmd: echo prepare >> runs.log && cp raw.txt prepared.txt',
        '    deps:',
        '    - raw.txt',
        '    outs:',
        '    - prepared.txt',
        '  train:',
        '    cmd: echo train >> runs.log && mkdir -p model && echo ${train.rate} > model/w && echo {"acc":0.5} > m.json',
        '    deps:',
        '    - prepared.txt',
        '    params:',
        '    - train.rate',
        '    outs:',
        '    - model',
        '    metrics:',
        '    - m.json:',
        '        cache: false',
        '',
      ].join('\n'),
    );
    await person.does(folder, 'add', 'raw.txt');
    await commitAll(person, folder);
    return folder;
  }

  /** As DVC 2 kept it: no `hash:`, objects right below `.dvc/cache`, line ends of text files not in the hash. */
  async function repositoryOfDvc2(person: Person): Promise<string> {
    const folder = await emptyRepository(person);
    const object = (md5: string, bytes: string): void => {
      mkdirSync(join(folder, '.dvc', 'cache', md5.slice(0, 2)), { recursive: true });
      writeFileSync(join(folder, '.dvc', 'cache', md5.slice(0, 2), md5.slice(2)), bytes, { mode: 0o444 });
    };
    const md5Of = (text: string): string => createHash('md5').update(text).digest('hex');
    const windows = 'two\r\nlines\r\n';
    const windowsMd5 = md5Of('two\nlines\n');
    object(windowsMd5, windows);
    const files = { 'a.txt': 'a\n', 'sub/b.txt': 'b\n' };
    for (const text of Object.values(files)) object(md5Of(text), text);
    const tree = Object.entries(files).map(
      ([relpath, text]) => `{"md5": "${md5Of(text)}", "relpath": "${relpath}"}`,
    );
    const treeMd5 = md5Of(`[${tree.join(', ')}]`);
    object(`${treeMd5}.dir`, `[${tree.join(', ')}]`);
    mkdirSync(join(folder, 'old', 'sub'), { recursive: true });
    writeFileSync(join(folder, 'old.txt'), windows);
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, 'old', path), text);
    writeFileSync(join(folder, 'old.txt.dvc'), `outs:\n- md5: ${windowsMd5}\n  size: 12\n  path: old.txt\n`);
    writeFileSync(
      join(folder, 'old.dvc'),
      `outs:\n- md5: ${treeMd5}.dir\n  size: 4\n  nfiles: 2\n  path: old\n`,
    );
    writeFileSync(join(folder, '.gitignore'), '/old\n/old.txt\n');
    await commitAll(person, folder);
    return folder;
  }

  async function commitAll(person: Person, folder: string): Promise<void> {
    await person.git(folder, 'add', '-A');
    await person.git(folder, 'commit', '-q', '--allow-empty', '-m', 'step');
  }

  async function cloneOf(person: Person, folder: string): Promise<string> {
    const clone = newFolder();
    await person.git(root, 'clone', '-q', folder, clone);
    return clone;
  }

  function twinOf(folder: string): string {
    const twin = newFolder();
    cpSync(folder, twin, { recursive: true, verbatimSymlinks: true });
    return twin;
  }

  const logOf = (folder: string): string => readFileSync(join(folder, 'runs.log'), 'utf8');
});
