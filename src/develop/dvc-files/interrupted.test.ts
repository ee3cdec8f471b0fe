import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { LinkType } from './config.ts';
import { writeDvcFile } from './dvc-file.ts';
import { md5Of } from './file-bytes.ts';
import { initRepository, openRepository, type Repository } from './repository.ts';
import { dvc, needsPython } from './test-python.ts';
import { Workspace } from './workspace.ts';

const outer = mkdtempSync(join(tmpdir(), 'tilth interrupted '));
after(() => rmSync(outer, { recursive: true, force: true }));

const fileCount = 400;
const rounds = 4;

/** Bytes by name and version, so that a file that is not whole is found out. */
const bytesOf = (name: string, version: number): Buffer =>
  Buffer.alloc(3000 + ((name.length * 37) % 2000), `${name} of version ${version} `);

const smallNames = Array.from({ length: fileCount }, (_, index) => `part-${index % 7}/${index}.bin`);
const allNames = [...smallNames, 'one large.bin'];

function writeData({ root }: Repository, version: number, names: readonly string[]): void {
  rmSync(join(root, 'data'), { recursive: true, force: true });
  for (let part = 0; part < 7; part++) mkdirSync(join(root, 'data', `part-${part}`), { recursive: true });
  for (const name of names) writeFileSync(join(root, 'data', name), contentOf(name, version));
}

const large = new Map<number, Buffer>();
function contentOf(name: string, version: number): Buffer {
  if (!name.startsWith('one large')) return bytesOf(name, version);
  const known = large.get(version) ?? Buffer.alloc(68 * 1024 * 1024, bytesOf(name, version));
  large.set(version, known);
  return known;
}

/** Every object holds what its name says, by reading all of them. */
function assertCacheSound({ cache }: Repository): void {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache, { recursive: true, encoding: 'utf8' })) {
    const path = join(cache, name);
    if (statSync(path).isFile()) assert.equal(md5Of(readFileSync(path)), name.replace('/', '').slice(0, 32));
  }
}

/** One command in a process of its own, killed after some time; undefined lets it end. */
async function command(
  repository: Repository,
  work: string,
  killAfterMs: number | undefined,
): Promise<number> {
  const source = `
    import { openRepository } from ${JSON.stringify(import.meta.resolve('./repository.ts'))};
    import { Workspace } from ${JSON.stringify(import.meta.resolve('./workspace.ts'))};
    const workspace = new Workspace(openRepository(process.cwd()));
    const path = process.cwd() + '/data';
    console.log('begun');
    ${work};
    workspace.close();
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', source], {
    cwd: repository.root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const begunAt = performance.now();
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  if (killAfterMs !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, killAfterMs));
    child.kill('SIGKILL');
  }
  const status = await ended;
  if (killAfterMs === undefined) assert.equal(status, 0, said);
  return performance.now() - begunAt;
}

function repositoryOf(type: LinkType): Repository {
  const { root } = initRepository(join(outer, type), false);
  writeFileSync(join(root, '.dvc', 'config'), `[core]\n    no_scm = True\n[cache]\n    type = ${type}\n`);
  return openRepository(root);
}

function inWorkspace<T>(repository: Repository, work: (workspace: Workspace) => T): T {
  const workspace = new Workspace(repository);
  try {
    return work(workspace);
  } finally {
    workspace.close();
  }
}

for (const type of ['copy', 'hardlink'] as const)
  test(
    `an add that is killed leaves no damaged object, and the next one ends it (${type})`,
    needsPython,
    async () => {
      const repository = repositoryOf(type);
      const path = join(repository.root, 'data');
      const names = type === 'copy' ? allNames : smallNames;
      writeData(repository, 0, names);
      const wholeMs = await command(repository, 'workspace.add(path)', undefined);
      for (let round = 1; round <= rounds; round++) {
        writeData(repository, round, names);
        await command(repository, 'workspace.add(path)', Math.random() * wholeMs);
        assertCacheSound(repository);
        for (const name of names)
          assert.ok(
            readFileSync(join(path, name)).equals(contentOf(name, round)),
            `${name} of the workspace is whole`,
          );
        const { md5 } = inWorkspace(repository, (workspace) => workspace.add(path));
        assert.ok(inWorkspace(repository, (workspace) => workspace.isCached(md5)));
        large.delete(round);
        rmSync(join(repository.cache), { recursive: true });
      }
      writeData(repository, 99, names);
      writeDvcFile(
        path,
        inWorkspace(repository, (workspace) => workspace.add(path)),
      );
      assertCacheSound(repository);
      assert.ok(!existsSync(join(repository.config.cacheFolder, 'tilth-drafts')));
      assert.match(dvc(repository.root, 'status'), /up to date/);
      large.clear();
      rmSync(repository.root, { recursive: true });
    },
  );

for (const type of ['copy', 'hardlink', 'symlink'] as const)
  test(
    `a checkout that is killed leaves whole files only, and the next one ends it (${type})`,
    needsPython,
    async () => {
      const repository = repositoryOf(type);
      const path = join(repository.root, 'data');
      const names = type === 'copy' ? allNames : smallNames;
      const versions = [1, 2].map((version) => {
        writeData(repository, version, names);
        return inWorkspace(repository, (workspace) => workspace.add(path)).md5;
      });
      const restore = (version: number): string =>
        `workspace.restore(path, '${versions[version - 1] ?? ''}')`;
      rmSync(path, { recursive: true });
      const wholeMs = await command(repository, restore(1), undefined);
      for (let round = 1; round <= rounds; round++) {
        const [from, to] = round % 2 === 0 ? [2, 1] : [1, 2];
        await command(repository, restore(to), Math.random() * wholeMs);
        for (const name of names) {
          const file = join(path, name);
          // it is one version or the other: a killed checkout never leaves a hole, because a file is replaced in one step
          const bytes = readFileSync(file);
          assert.ok(
            bytes.equals(contentOf(name, from)) || bytes.equals(contentOf(name, to)),
            `${name} is whole`,
          );
        }
        assertCacheSound(repository);
        await command(repository, restore(to), undefined);
        assert.equal(inWorkspace(repository, (workspace) => workspace.measure(path))?.md5, versions[to - 1]);
      }
      const { md5, size, nfiles } = inWorkspace(repository, (workspace) => workspace.measure(path)) ?? {
        md5: '',
        size: 0,
      };
      writeDvcFile(path, { md5, size, ...(nfiles === undefined ? {} : { nfiles }) });
      assert.match(dvc(repository.root, 'status'), /up to date/);
      // what a killed one left goes with the next checkout that has something to write
      rmSync(path, { recursive: true });
      await command(repository, restore(1), undefined);
      assert.deepEqual(
        readdirSync(repository.state).filter((name) => name === 'drafts'),
        [],
      );
      large.clear();
      rmSync(repository.root, { recursive: true });
    },
  );
