import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startTestBucket } from '../../platform/blobs/test-bucket.ts';
import { needsDvc } from '../dvc-files/test-python.ts';
import { filesBelow, meetColleagues, type Colleagues } from './test-colleagues.ts';
import { serveFolder } from './test-http.ts';
import { startSsh } from './test-ssh.ts';

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

function meet(): Colleagues {
  const colleagues = meetColleagues();
  closing.push(() => colleagues.close());
  return colleagues;
}

interface Place {
  readonly url: string;
  readonly options: Readonly<Record<string, string>>;
  /** what lies there, as keys */
  keys(): Promise<readonly string[]>;
}

const upToDate = 'Everything is up to date.\n';

/** Ours pushes, dvc pulls, changes and pushes, ours pulls; neither finds anything left to do. */
async function workTogether(colleagues: Colleagues, place: Place): Promise<void> {
  const { tilth, dvc, git, root } = colleagues;
  const ours = await colleagues.repository('ours');
  for (const [path, text] of Object.entries({
    'a.txt': 'a',
    'sub/ü b.txt': 'b',
    'sub/deep/empty': '',
    'same.txt': 'a',
  })) {
    mkdirSync(join(ours, 'data', path, '..'), { recursive: true });
    writeFileSync(join(ours, 'data', path), text);
  }
  writeFileSync(join(ours, 'large.bin'), Buffer.alloc(9_000_000, 'large'));
  await tilth(ours, 'add', 'data', 'large.bin');
  await tilth(ours, 'remote', 'add', '-d', 'store', place.url);
  for (const [option, value] of Object.entries(place.options))
    await tilth(ours, 'remote', 'modify', 'store', option, value);
  await git(ours, 'add', '-A');
  await git(ours, 'commit', '-qm', 'data');

  assert.equal((await tilth(ours, 'push')).stdout, '5 files pushed\n');
  assert.equal((await tilth(ours, 'push')).stdout, upToDate);
  assert.equal((await dvc(ours, 'push')).stdout, upToDate);
  assert.deepEqual(await place.keys(), filesBelow(join(ours, '.dvc', 'cache')));

  const theirs = join(root, 'theirs');
  await git(root, 'clone', '-q', ours, theirs);
  await dvc(theirs, 'pull');
  for (const path of filesBelow(join(ours, 'data')))
    assert.deepEqual(readFileSync(join(theirs, 'data', path)), readFileSync(join(ours, 'data', path)));
  appendFileSync(join(theirs, 'data', 'a.txt'), ' changed');
  writeFileSync(join(theirs, 'data', 'new'), 'new');
  await dvc(theirs, 'add', 'data');
  await dvc(theirs, 'push');
  await git(theirs, 'commit', '-qam', 'changed');
  assert.equal((await tilth(theirs, 'push')).stdout, upToDate);

  await git(ours, 'pull', '-q', theirs, 'main');
  assert.equal(
    (await tilth(ours, 'pull')).stdout,
    'M       data/\n3 files fetched, 1 file modified and 1 file added\n',
  );
  assert.equal(readFileSync(join(ours, 'data', 'a.txt'), 'utf8'), 'a changed');
  assert.equal((await dvc(ours, 'status')).stdout, 'Data and pipelines are up to date.\n');

  rmSync(join(ours, '.dvc', 'cache'), { recursive: true });
  rmSync(join(ours, 'data'), { recursive: true });
  assert.equal((await tilth(ours, 'pull', 'data/sub')).status, 0);
  assert.deepEqual(filesBelow(join(ours, 'data')), ['sub/deep/empty', 'sub/ü b.txt']);
  await tilth(ours, 'pull');
  assert.equal((await dvc(ours, 'fetch')).stdout, upToDate);
  assert.equal((await dvc(ours, 'status')).stdout, 'Data and pipelines are up to date.\n');
}

test('a folder serves tilth and dvc alike, both ways round', needsDvc, async () => {
  const colleagues = meet();
  const folder = join(colleagues.root, 'remote folder');
  await workTogether(colleagues, {
    url: folder,
    options: {},
    keys: () => Promise.resolve(filesBelow(folder)),
  });
});

test('a bucket serves tilth and dvc alike, both ways round', needsDvc, async () => {
  const bucket = await startTestBucket();
  closing.push(() => bucket.stop());
  const endpoint = new URL(bucket.url).searchParams.get('endpoint_url') ?? '';
  const options = {
    endpointurl: endpoint,
    access_key_id: 'testing',
    secret_access_key: 'testing',
    region: 'us-east-1',
  };
  const keys = async (): Promise<string[]> => {
    const { Contents = [] } = await bucket.s3.listObjectsV2({ Bucket: bucket.name, Prefix: 'team/data/' });
    return Contents.map(({ Key }) => (Key ?? '').slice('team/data/'.length)).sort();
  };
  await workTogether(meet(), { url: `s3://${bucket.name}/team/data`, options, keys });
});

test('a web server serves tilth and dvc alike, both ways round', needsDvc, async () => {
  const colleagues = meet();
  const folder = join(colleagues.root, 'served');
  const basic = `Basic ${Buffer.from('eva:se cret').toString('base64')}`;
  const server = await serveFolder(folder, basic);
  closing.push(() => server.stop());
  const options = { auth: 'basic', user: 'eva', password: 'se cret', method: 'PUT' };
  await workTogether(colleagues, {
    url: `${server.url}/some/where`,
    options,
    keys: () => Promise.resolve(filesBelow(join(folder, 'some', 'where'))),
  });
});

test('another machine serves tilth and dvc alike by SSH, both ways round', needsDvc, async () => {
  const colleagues = meet();
  const server = await startSsh(join(colleagues.root, 'ssh'));
  closing.push(() => server.stop());
  colleagues.environment['PATH'] = `${server.programs}:${process.env['PATH']}`;
  const folder = join(colleagues.root, 'far');
  const url = `ssh://eva@127.0.0.1:${server.port}${folder}`;
  await workTogether(colleagues, {
    url,
    options: { keyfile: server.keyFile },
    keys: () => Promise.resolve(filesBelow(folder)),
  });
});
