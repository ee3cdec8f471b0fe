import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { damageOf, filesOf, sharedFilesOf } from './folders.ts';
import { holdLock } from './lock-holder.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { ended, launcher, twoPeople, type Ended } from './people.ts';

/** A command that must be refused, with dvc's own exit code, in words that name the culprit, and without a trace. */
interface Refusal {
  readonly name: string;
  readonly prepare: (folder: string) => void;
  readonly words: readonly string[];
  readonly says: RegExp;
}

const put = (path: string, text: string) => (folder: string) => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const cycle =
  'stages:\n  a:\n    cmd: echo a\n    deps: [c.txt]\n    outs: [b.txt]\n  b:\n    cmd: echo b\n    deps: [b.txt]\n    outs: [c.txt]\n';

const refusals: readonly Refusal[] = [
  { name: 'a target that is not there', prepare: () => undefined, words: ['add', 'nope.bin'], says: /nope\.bin/ },
  { name: 'a stage that is not there', prepare: put('dvc.yaml', 'stages: {}\n'), words: ['repro', 'nope'], says: /nope/ },
  { name: 'a file that git keeps', prepare: () => undefined, words: ['add', 'in-git.txt'], says: /in-git\.txt/ },
  { name: 'a file inside of what is tracked', prepare: put('sub/x', 'x'), words: ['add', 'data/nope'], says: /data/ },
  { name: 'a file outside of the repository', prepare: put('../outside.bin', 'x'), words: ['add', '../outside.bin'], says: /outside\.bin/ },
  { name: 'a cycle', prepare: put('dvc.yaml', cycle), words: ['repro'], says: /a.*b|b.*a/s },
  { name: 'two stages that make the same file', prepare: put('dvc.yaml', 'stages:\n  a:\n    cmd: echo a\n    outs: [b.txt]\n  b:\n    cmd: echo b\n    outs: [b.txt]\n'), words: ['repro'], says: /b\.txt/ },
  { name: 'one out inside of another', prepare: put('dvc.yaml', 'stages:\n  a:\n    cmd: echo a\n    outs: [o]\n  b:\n    cmd: echo b\n    outs: [o/in.txt]\n'), words: ['repro'], says: /o\/in\.txt|'o'/ },
  { name: 'a pipeline file that is no YAML', prepare: put('dvc.yaml', 'stages:\n  a: [\n'), words: ['repro'], says: /dvc\.yaml/ },
  { name: 'a pipeline file with an unknown key', prepare: put('dvc.yaml', 'stages:\n  a:\n    cmd: echo\n    dep: [x]\n'), words: ['repro'], says: /dvc\.yaml/ },
  { name: 'a stage without a command', prepare: put('dvc.yaml', 'stages:\n  a:\n    outs: [x]\n'), words: ['repro'], says: /dvc\.yaml/ },
  { name: 'a placeholder for what is not there', prepare: put('dvc.yaml', 'stages:\n  a:\n    cmd: echo ${nope.at}\n'), words: ['repro'], says: /nope/ },
  { name: 'a parameter that is not there', prepare: (folder) => { put('dvc.yaml', 'stages:\n  a:\n    cmd: echo\n    params: [nope]\n')(folder); put('params.yaml', 'a: 1\n')(folder); }, words: ['repro'], says: /nope/ },
  { name: 'a dependency that is not there', prepare: put('dvc.yaml', 'stages:\n  a:\n    cmd: echo\n    deps: [nope.txt]\n'), words: ['repro'], says: /nope\.txt/ },
  { name: 'a command that fails', prepare: put('dvc.yaml', 'stages:\n  a:\n    cmd: exit 3\n'), words: ['repro'], says: /'?a'?/ },
  { name: 'an output that is not made', prepare: put('dvc.yaml', 'stages:\n  a:\n    cmd: echo\n    outs: [never.txt]\n'), words: ['repro'], says: /never\.txt/ },
  { name: 'a lock file with marks of a merge', prepare: (folder) => { put('dvc.yaml', 'stages:\n  a:\n    cmd: echo\n')(folder); put('dvc.lock', '<<<<<<< HEAD\nschema: 1\n=======\n')(folder); }, words: ['status'], says: /dvc\.lock/ },
  { name: 'a .dvc file that is no YAML', prepare: put('bad.dvc', 'outs: [\n'), words: ['status'], says: /bad\.dvc/ },
  { name: 'a .dvc file of another shape', prepare: put('bad.dvc', 'outs: 3\n'), words: ['status'], says: /bad\.dvc/ },
  { name: 'a .dvc file with a hash that is none', prepare: put('bad.dvc', 'outs:\n- md5: ../../../../etc\n  hash: md5\n  path: got\n'), words: ['checkout', 'bad.dvc'], says: /bad\.dvc|got|etc/ },
  { name: 'a remote that nobody named', prepare: () => undefined, words: ['push', '-r', 'nope'], says: /nope/ },
  { name: 'no remote at all', prepare: () => undefined, words: ['push'], says: /remote/ },
  { name: 'configuration that cannot be read', prepare: put('.dvc/config', '[core\nremote = x\n'), words: ['status'], says: /config/ },
  { name: 'configuration of a key that does not exist', prepare: () => undefined, words: ['config', 'core.nope', 'x'], says: /nope/ },
  { name: 'garbage collection without a scope', prepare: () => undefined, words: ['gc', '-f'], says: /workspace|scope|-w/ },
  { name: 'a revision that is not there', prepare: () => undefined, words: ['diff', 'nope'], says: /nope/ },
  { name: 'a verb that does not exist', prepare: () => undefined, words: ['nope'], says: /nope/ },
  { name: 'a flag that does not exist', prepare: () => undefined, words: ['add', '--nope', 'x'], says: /nope/ },
  { name: 'a missing object', prepare: (folder) => { rmSync(join(folder, '.dvc', 'cache'), { recursive: true }); rmSync(join(folder, 'data'), { recursive: true }); }, words: ['checkout'], says: /data/ },
  { name: 'changes that checkout would lose', prepare: put('one.bin', 'mine'), words: ['checkout', 'one.bin.dvc'], says: /one\.bin/ },
]; // prettier-ignore

describe('bad input', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth bad '));
  const { ours, theirs, leave } = twoPeople(root);
  const pattern = join(root, 'pattern', 'repository');
  let count = 0;
  let isBegun = false;

  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  describe('is refused as dvc refuses it, in words that name the culprit, and changes nothing', () => {
    for (const { name, prepare, words, says } of refusals)
      it(name, async () => {
        const there = await copy();
        prepare(there);
        const expected = await theirs.tries(there, ...words);
        const here = await copy();
        prepare(here);
        const before = sharedFilesOf(here);
        const said = await ours.tries(here, ...words);
        assert.notEqual(expected.code, 0, `dvc takes it:\n${expected.stdout}${expected.stderr}`);
        assert.equal(
          said.code,
          expected.code,
          `dvc:\n${expected.stderr}\nours:\n${said.stdout}${said.stderr}`,
        );
        assert.match(said.stderr, says);
        assertNoFault(said);
        assert.deepEqual(sharedFilesOf(here), before);
      });

    it('a folder that is no repository', async () => {
      const folder = join(root, 'elsewhere');
      mkdirSync(folder, { recursive: true });
      for (const words of [['status'], ['add', 'x'], ['push'], ['repro']]) {
        const said = await ours.tries(folder, ...words);
        assert.equal(said.code, (await theirs.tries(folder, ...words)).code, said.stderr);
        assertNoFault(said);
      }
    });
  });

  describe('from the disk and from the cache', () => {
    it('a file that may not be read is named, and what was recorded stays', async () => {
      const folder = await copy();
      writeFileSync(join(folder, 'data', 'secret.txt'), 'x', { mode: 0 });
      const before = sharedFilesOfReadable(folder);
      const said = await asNobody(folder, 'add', 'data');
      assert.notEqual(said.code, 0);
      assert.match(said.stderr, /secret\.txt/);
      assertNoFault(said);
      assert.deepEqual(sharedFilesOfReadable(folder), before);
    });

    it('a folder that may not be read is named', async () => {
      const folder = await copy();
      mkdirSync(join(folder, 'data', 'closed'), { mode: 0 });
      const said = await asNobody(folder, 'add', 'data');
      assert.notEqual(said.code, 0);
      assert.match(said.stderr, /closed/);
      assertNoFault(said);
      chmodSync(join(folder, 'data', 'closed'), 0o755);
      assert.equal(await ours.git(folder, 'status', '--porcelain'), '');
    });

    it('a disk that is full is told, nothing half-written stays, and a second run with room completes', async () => {
      const folder = await copy();
      writeFileSync(join(folder, 'data', 'large.bin'), Buffer.alloc(3_000_000, 7));
      const before = readFileSync(join(folder, 'data.dvc'), 'utf8');
      // no file may grow over 1 MB
      const said = await ended('sh', ['-c', 'ulimit -f 2000; exec "$@"', 'sh', process.execPath, launcher, 'dvc', 'add', 'data'], folder, ours.environment); // prettier-ignore
      assert.notEqual(said.code, 0);
      assert.match(said.stderr, /large\.bin|cache/);
      assertNoFault(said);
      assert.deepEqual(damageOf(join(folder, '.dvc', 'cache')), []);
      assert.equal(readFileSync(join(folder, 'data.dvc'), 'utf8'), before);
      await ours.does(folder, 'add', 'data');
      assert.deepEqual(await theirs.asks(folder, 'status', '--json'), {});
    });

    it('a remote whose disk is full takes nothing half, and a second push completes', async (context) => {
      const disk = join(root, 'small disk');
      mkdirSync(disk);
      const mounted = await ended(
        'mount',
        ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk],
        root,
        process.env,
      ).catch(() => undefined);
      if (mounted?.code !== 0) return context.skip('no file system may be mounted here');
      try {
        const folder = await copy();
        for (let index = 0; index < 40; index += 1) writeFileSync(join(folder, 'data', `${index}.bin`), Buffer.alloc(60_000, index)); // prettier-ignore
        await ours.does(folder, 'add', 'data');
        await ours.does(folder, 'remote', 'add', '-d', 'store', join(disk, 'store'));
        const said = await ours.tries(folder, 'push');
        assert.notEqual(said.code, 0);
        assert.match(said.stderr, /space|full|ENOSPC/i);
        assertNoFault(said);
        assert.deepEqual(damageOf(join(disk, 'store')), []);
        await ended('mount', ['-o', 'remount,size=8m', disk], root, process.env);
        await ours.does(folder, 'push');
        assert.match(await theirs.does(folder, 'push'), /Everything is up to date\./);
        assert.deepEqual(damageOf(join(disk, 'store')), []);
      } finally {
        await ended('umount', ['-l', disk], root, process.env);
      }
    });

    it('a damaged object is named and never handed out as if it were sound', async () => {
      const folder = await copy();
      const [path] = Object.keys(filesOf(join(folder, '.dvc', 'cache', 'files', 'md5'))).filter(
        (one) => !one.endsWith('.dir'),
      );
      assert.ok(path !== undefined);
      const object = join(folder, '.dvc', 'cache', 'files', 'md5', path);
      chmodSync(object, 0o644);
      writeFileSync(object, 'damaged and longer than it was');
      for (const name of ['data', 'one.bin']) rmSync(join(folder, name), { recursive: true });
      const said = await ours.tries(folder, 'checkout');
      assert.notEqual(said.code, 0);
      assertNoFault(said);
      const handedOut = [...Object.values(filesOf(join(folder, 'data'))), ...Object.values(filesOf(folder))];
      assert.ok(!handedOut.includes(filesOfText('damaged and longer than it was')), said.stderr);
    });

    it('a lock that somebody holds is told', async () => {
      const folder = await copy();
      const holder = await holdLock(join(folder, '.dvc', 'tmp', 'lock'));
      try {
        const said = await ours.tries(folder, 'add', 'data');
        assert.equal(said.code, 1, said.stderr);
        assert.match(said.stderr, /lock/);
      } finally {
        await holder.release();
      }
    });

    it('a .dvc file never writes outside of the repository', async () => {
      for (const path of ['../out.txt', '../../out.txt', join(root, 'absolute.txt'), 'link/out.txt']) {
        const folder = await copy();
        const outside = join(folder, '..', 'outside');
        mkdirSync(outside, { recursive: true });
        symlinkSync(outside, join(folder, 'link'));
        const text = readFileSync(join(folder, 'one.bin.dvc'), 'utf8');
        writeFileSync(
          join(folder, 'bad.dvc'),
          text.replace('path: one.bin', `path: ${JSON.stringify(path)}`),
        );
        const said = await ours.tries(folder, 'checkout', 'bad.dvc');
        assert.notEqual(said.code, 0, `${path}\n${said.stdout}`);
        assert.match(said.stderr, /bad\.dvc|out\.txt|absolute\.txt/);
        assertNoFault(said);
        for (const file of [
          join(folder, '..', 'out.txt'),
          join(folder, '..', '..', 'out.txt'),
          join(root, 'absolute.txt'),
          join(outside, 'out.txt'),
        ])
          // prettier-ignore
          assert.equal(existsSync(file), false, file);
      }
    });

    it('a .dir object never writes outside of its folder', async () => {
      for (const relpath of [
        '../evil.txt',
        '/tmp/tilth-evil.txt',
        'a/../../evil.txt',
        '..',
        '',
        '.',
        'a//b',
        '.git/hooks/x',
        'a\0b',
      ]) {
        const folder = await copy();
        const object = '900150983cd24fb0d6963f7d28e17f72';
        const store = join(folder, '.dvc', 'cache', 'files', 'md5');
        put(`.dvc/cache/files/md5/${object.slice(0, 2)}/${object.slice(2)}`, 'abc')(folder);
        const tree = JSON.stringify([{ md5: object, relpath }])
          .replaceAll('":"', '": "')
          .replace('","', '", "');
        const md5 = filesOfText(tree);
        mkdirSync(join(store, md5.slice(0, 2)), { recursive: true });
        writeFileSync(join(store, md5.slice(0, 2), `${md5.slice(2)}.dir`), tree);
        writeFileSync(
          join(folder, 'bad.dvc'),
          `outs:\n- md5: ${md5}.dir\n  size: 3\n  nfiles: 1\n  hash: md5\n  path: bad\n`,
        );
        const said = await ours.tries(folder, 'checkout', 'bad.dvc');
        if (relpath !== '.git/hooks/x' && relpath !== 'a//b')
          assert.notEqual(said.code, 0, `${relpath}\n${said.stdout}`);
        assertNoFault(said);
        for (const file of [join(folder, 'evil.txt'), join(folder, '..', 'evil.txt'), '/tmp/tilth-evil.txt'])
          assert.equal(existsSync(file), false, file);
      }
    });
  });

  describe('from a remote', () => {
    it('a remote that refuses is told, and nothing is lost', async () => {
      const folder = await copy();
      await ours.does(folder, 'remote', 'add', '-d', 'store', 'http://127.0.0.1:9/store');
      const before = sharedFilesOf(folder);
      for (const verb of ['push', 'fetch', 'pull']) {
        if (verb === 'fetch') rmSync(join(folder, '.dvc', 'cache'), { recursive: true });
        const said = await ours.tries(folder, verb);
        assert.notEqual(said.code, 0, verb);
        assert.match(said.stderr, /127\.0\.0\.1:9|store/);
        assertNoFault(said);
      }
      const left = sharedFilesOf(folder);
      for (const path of Object.keys(before).filter((one) => !one.startsWith('.dvc/cache'))) assert.equal(left[path], before[path], path); // prettier-ignore
    });

    it('a remote that breaks off leaves no damaged object, and a second pull completes', async () => {
      const folder = await copy();
      const store = join(root, 'whole store');
      await ours.does(folder, 'remote', 'add', '-d', 'whole', store);
      await ours.does(folder, 'push');
      let isBroken = true;
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (head) => {
          const path = decodeURIComponent(/^\w+ (\S+)/.exec(head.toString())?.[1] ?? '');
          const file = join(store, path);
          if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true)
            return socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
          const bytes = readFileSync(file);
          socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.length}\r\nconnection: close\r\n\r\n`);
          if (isBroken && !head.toString().startsWith('HEAD')) {
            socket.write(bytes.subarray(0, bytes.length - 1));
            return socket.destroy();
          }
          return head.toString().startsWith('HEAD') ? socket.end() : socket.end(bytes);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const { port } = server.address() as AddressInfo;
        await ours.does(folder, 'remote', 'add', '-f', '-d', 'broken', `http://127.0.0.1:${port}`);
        const data = filesOf(join(folder, 'data'));
        for (const path of ['.dvc/cache', 'data', 'one.bin']) rmSync(join(folder, path), { recursive: true });
        const said = await ours.tries(folder, 'pull');
        assert.notEqual(said.code, 0, said.stdout);
        assertNoFault(said);
        assert.deepEqual(damageOf(join(folder, '.dvc', 'cache')), []);
        isBroken = false;
        await ours.does(folder, 'pull');
        assert.deepEqual(filesOf(join(folder, 'data')), data);
      } finally {
        server.close();
      }
    });

    it('a remote whose objects are not what their names say is told, and they are not kept', async () => {
      const folder = await copy();
      const store = join(root, 'false store');
      await ours.does(folder, 'remote', 'add', '-d', 'store', store);
      await ours.does(folder, 'push');
      for (const path of Object.keys(filesOf(join(store, 'files', 'md5'))).filter(
        (one) => !one.endsWith('.dir'),
      )) {
        chmodSync(join(store, 'files', 'md5', path), 0o644);
        writeFileSync(join(store, 'files', 'md5', path), 'something else');
      }
      for (const path of ['.dvc/cache', 'data', 'one.bin']) rmSync(join(folder, path), { recursive: true });
      await ours.does(folder, 'remote', 'modify', 'store', 'verify', 'true');
      const said = await ours.tries(folder, 'pull');
      assert.notEqual(said.code, 0);
      assertNoFault(said);
      assert.deepEqual(damageOf(join(folder, '.dvc', 'cache'), { isWhole: false }), []);
    });
  });

  /** A repository with `data` and `one.bin` under dvc and `in-git.txt` under git. */
  async function copy(): Promise<string> {
    if (!isBegun) {
      isBegun = true;
      mkdirSync(join(pattern, 'data', 'sub'), { recursive: true });
      await theirs.git(pattern, 'init', '-q');
      await theirs.does(pattern, 'init', '-q');
      for (const [path, text] of Object.entries({
        'in-git.txt': 'git\n',
        'one.bin': 'one',
        'data/a.txt': 'a\n',
        'data/sub/b.txt': 'b\n',
      }))
        // prettier-ignore
        writeFileSync(join(pattern, path), text);
      await theirs.does(pattern, 'add', 'data', 'one.bin');
      await theirs.git(pattern, 'add', '-A');
      await theirs.git(pattern, 'commit', '-qm', 'begin');
    }
    const folder = join(root, `c${(count += 1)}`, 'repository');
    cpSync(pattern, folder, { recursive: true });
    return folder;
  }

  /** The administrator may read every file, so the command is run by somebody else then. */
  async function asNobody(folder: string, ...words: string[]): Promise<Ended> {
    const nobody = 65_534;
    const isAdministrator = process.getuid?.() === 0;
    if (isAdministrator) {
      chmodSync(root, 0o755);
      await ended('chown', ['-R', String(nobody), folder, join(root, 'ours')], root, process.env);
    }
    const ids = isAdministrator ? { uid: nobody, gid: nobody } : {};
    return ended(process.execPath, [launcher, 'dvc', ...words], folder, ours.environment, ids);
  }
});

/** A fault in the program is never an answer to bad input. */
function assertNoFault({ stderr }: Ended): void {
  assert.doesNotMatch(stderr, /fault in tilth|\bat .*\.[jt]s:\d+/);
}

const filesOfText = (text: string): string => createHash('md5').update(text).digest('hex');

/** As the administrator sees it, or without what nobody may read. */
function sharedFilesOfReadable(folder: string): Record<string, string> {
  return filesOf(folder, (path) => path === '.git' || path === '.dvc/tmp' || path === 'data/secret.txt');
}
