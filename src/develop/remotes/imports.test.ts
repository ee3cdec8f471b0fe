import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startTestBucket } from '../../platform/blobs/test-bucket.ts';
import { needsDvc } from '../dvc-files/test-python.ts';
import { filesBelow, meetColleagues, type Colleagues } from './test-colleagues.ts';
import { serveFolder } from './test-http.ts';

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

function meet(): Colleagues {
  const colleagues = meetColleagues();
  closing.push(() => colleagues.close());
  return colleagues;
}

/** A repository with data of dvc and files of git, in two versions. */
async function makeSource(colleagues: Colleagues, name: string): Promise<string> {
  const { git, dvc } = colleagues;
  const source = await colleagues.repository(name);
  mkdirSync(join(source, 'data', 'sub'), { recursive: true });
  mkdirSync(join(source, 'mix', 'd'), { recursive: true });
  for (const [path, text] of Object.entries({
    'data/a': '1',
    'data/sub/b': '1',
    one: 'one',
    'plain.txt': 'p',
    'mix/m': 'm',
    'mix/d/q': 'q',
  }))
    writeFileSync(join(source, path), text);
  await dvc(source, 'remote', 'add', '-d', 'store', join(source, '..', `${name} store`));
  await dvc(source, 'add', 'data', 'one', 'mix/d');
  await git(source, 'add', '-A');
  await git(source, 'commit', '-qm', '1');
  await git(source, 'tag', 'v1');
  await dvc(source, 'push');
  appendFileSync(join(source, 'data', 'a'), '2');
  await dvc(source, 'add', 'data');
  await dvc(source, 'push');
  await git(source, 'commit', '-qam', '2');
  return source;
}

/** The same command by both, each in a repository of its own: their `.dvc` files are equal, and so is what they brought. */
async function bothDo(
  colleagues: Colleagues,
  ours: string,
  theirs: string,
  commands: readonly string[][],
): Promise<void> {
  for (const command of commands) {
    await colleagues.tilth(ours, ...command);
    await colleagues.dvc(theirs, ...command);
  }
  const own = (folder: string): string[] => filesBelow(folder).filter((path) => !/^\.(git|dvc)\//.test(path));
  assert.deepEqual(own(ours), own(theirs));
  for (const path of own(ours))
    assert.equal(readFileSync(join(ours, path), 'utf8'), readFileSync(join(theirs, path), 'utf8'), path);
  // ours keeps the list of a folder that it took a part of, dvc one of a bucket's marks; neither harms
  const objects = (folder: string): string[] =>
    filesBelow(join(folder, '.dvc', 'cache')).filter((path) => !path.endsWith('.dir'));
  assert.deepEqual(objects(ours), objects(theirs));
}

test(
  'imports from a repository are written as dvc writes them, brought again, and updated',
  needsDvc,
  async () => {
    const colleagues = meet();
    const source = await makeSource(colleagues, 'source');
    const [ours, theirs] = [await colleagues.repository('ours'), await colleagues.repository('theirs')];
    await bothDo(colleagues, ours, theirs, [
      ['import', '../source', 'data'],
      ['import', '../source', 'data', '--rev', 'v1', '-o', 'old'],
      ['import', source, 'data/sub', '-o', 'part'],
      ['import', '../source', 'data/sub/b'],
      ['import', '../source', 'plain.txt'],
      ['import', `file://${source}`, 'mix'],
      ['import', '../source', 'one', '--no-download', '-o', 'later'],
      ['import', '../source', 'one', '--no-exec', '-o', 'named'],
      ['get', '../source', 'data', '-o', 'got'],
    ]);
    assert.equal(
      (await colleagues.tilth(ours, 'push')).stdout,
      'Everything is up to date.\n',
      'it belongs to the other one',
    );

    writeFileSync(join(source, 'plain.txt'), 'changed');
    await colleagues.git(source, 'commit', '-qam', '3');
    await bothDo(colleagues, ours, theirs, [
      ['update', 'plain.txt.dvc'],
      ['update', 'later.dvc'],
      ['update', 'data.dvc', '--rev', 'v1'],
      ['update', 'old.dvc'],
    ]);
    assert.equal(
      (await colleagues.tilth(ours, 'update', 'old.dvc')).stdout,
      "'old.dvc' didn't change, skipping\n",
    );

    rmSync(join(ours, '.dvc', 'cache'), { recursive: true });
    for (const path of ['data', 'old', 'part', 'mix']) rmSync(join(ours, path), { recursive: true });
    await colleagues.tilth(ours, 'pull', 'data.dvc', 'old.dvc', 'part.dvc', 'mix.dvc');
    assert.equal(readFileSync(join(ours, 'data', 'a'), 'utf8'), '1');
    assert.equal(readFileSync(join(ours, 'old', 'a'), 'utf8'), '1');
    assert.equal(readFileSync(join(ours, 'mix', 'd', 'q'), 'utf8'), 'q');
  },
);

test(
  'imports from a web server carry the mark that dvc sees, and are fetched again when it changes',
  needsDvc,
  async () => {
    const colleagues = meet();
    const folder = join(colleagues.root, 'served');
    mkdirSync(folder);
    writeFileSync(join(folder, 'f.bin'), 'first');
    const server = await serveFolder(folder);
    closing.push(() => server.stop());
    const [ours, theirs] = [await colleagues.repository('ours'), await colleagues.repository('theirs')];
    await bothDo(colleagues, ours, theirs, [
      ['import-url', `${server.url}/f.bin`],
      ['import-url', `${server.url}/f.bin`, 'other', '--no-download'],
      ['import-url', `${server.url}/f.bin`, 'named', '--no-exec'],
      ['get-url', `${server.url}/f.bin`, 'got'],
    ]);
    assert.equal(
      (await colleagues.tilth(ours, 'update', 'f.bin.dvc')).stdout,
      "'f.bin.dvc' didn't change, skipping\n",
    );
    writeFileSync(join(folder, 'f.bin'), 'second one');
    await bothDo(colleagues, ours, theirs, [['update', 'f.bin.dvc']]);
    assert.equal(readFileSync(join(ours, 'f.bin'), 'utf8'), 'second one');
    const failed = await colleagues.tries('tilth', ours, 'import-url', `${server.url}/none`);
    assert.deepEqual([failed.status, existsSync(join(ours, 'none.dvc'))], [1, false]);
    assert.match(failed.stderr, /none does not exist/);
  },
);

test(
  'imports from a server without marks, from a bucket and from this machine are written as dvc writes them',
  needsDvc,
  async () => {
    const colleagues = meet();
    const bucket = await startTestBucket();
    closing.push(() => bucket.stop());
    for (const [Key, Body] of Object.entries({
      'p/f1': 'one',
      'p/dir/a': 'a',
      'p/dir/ü': 'bb',
      'p/dir/sub/c': 'c',
    }))
      await bucket.s3.putObject({ Bucket: bucket.name, Key, Body });
    Object.assign(colleagues.environment, {
      AWS_ACCESS_KEY_ID: 'testing',
      AWS_SECRET_ACCESS_KEY: 'testing',
      AWS_DEFAULT_REGION: 'us-east-1',
    });
    const endpoint = `endpointurl=${new URL(bucket.url).searchParams.get('endpoint_url')}`;
    const outside = join(colleagues.root, 'outside');
    mkdirSync(join(outside, 'inner'), { recursive: true });
    writeFileSync(join(outside, 'inner', 'x'), 'x');
    writeFileSync(join(outside, 'y'), 'y');
    const [ours, theirs] = [await colleagues.repository('ours'), await colleagues.repository('theirs')];
    for (const folder of [ours, theirs]) {
      await colleagues.dvc(folder, 'remote', 'add', 'store', `s3://${bucket.name}/p`);
      await colleagues.dvc(
        folder,
        'remote',
        'modify',
        'store',
        'endpointurl',
        endpoint.slice('endpointurl='.length),
      );
    }
    await bothDo(colleagues, ours, theirs, [
      ['import-url', 'remote://store/f1', 'by-remote'],
      ['import-url', 'remote://store/dir', 'folder'],
      ['import-url', `s3://${bucket.name}/p/f1`, 'by-config', '--fs-config', endpoint],
      ['import-url', 'remote://store/f1', 'later', '--no-download'],
      ['import-url', join(outside, 'y')],
      ['import-url', outside, 'both'],
    ]);
    assert.equal(
      (await colleagues.tilth(ours, 'update', 'folder.dvc')).stdout,
      "'folder.dvc' didn't change, skipping\n",
    );
    await bucket.s3.putObject({ Bucket: bucket.name, Key: 'p/dir/new', Body: 'new' });
    writeFileSync(join(outside, 'y'), 'yy');
    await bothDo(colleagues, ours, theirs, [
      ['update', 'folder.dvc'],
      ['update', 'y.dvc'],
    ]);
  },
);

test(
  'a repository at an address is copied once, and asked again only for what the copy does not have',
  needsDvc,
  async () => {
    const colleagues = meet();
    const { git, tilth, root, environment } = colleagues;
    const source = await makeSource(colleagues, 'source');
    const url = 'https://example.invalid/source.git';
    // git itself goes to the folder in place of the address
    writeFileSync(
      environment['GIT_CONFIG_GLOBAL'] ?? '',
      `[url ${JSON.stringify(source)}]\n\tinsteadOf = ${url}\n`,
    );
    const ours = await colleagues.repository('ours');
    await tilth(ours, 'import', url, 'data', '--rev', 'v1');
    await tilth(ours, 'import', url, 'plain.txt');
    assert.equal(readFileSync(join(ours, 'data', 'a'), 'utf8'), '1');
    writeFileSync(join(source, 'plain.txt'), 'changed');
    await git(source, 'commit', '-qam', '3');
    await tilth(ours, 'update', 'plain.txt.dvc');
    assert.equal(readFileSync(join(ours, 'plain.txt'), 'utf8'), 'changed');

    // the commit that was recorded is in the copy: the source may be away, its remote may not
    writeFileSync(environment['GIT_CONFIG_GLOBAL'] ?? '', '');
    rmSync(join(ours, '.dvc', 'cache'), { recursive: true });
    rmSync(join(ours, 'data'), { recursive: true });
    await tilth(ours, 'pull', 'data.dvc');
    assert.equal(readFileSync(join(ours, 'data', 'a'), 'utf8'), '1');
    const failed = await colleagues.tries('tilth', ours, 'import', 'https://example.invalid/other.git', 'x');
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /git can't read the repository https:\/\/example\.invalid\/other\.git/);
    assert.ok(!existsSync(join(root, 'ours', 'x.dvc')));
  },
);
