import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startTestBucket } from '../../platform/blobs/test-bucket.ts';
import { needsDvc } from '../dvc-files/test-python.ts';
import { filesBelow, meetColleagues } from './test-colleagues.ts';

const colleagues = meetColleagues();
const { dvc, git, tilth, root } = colleagues;
const closing: (() => unknown)[] = [() => colleagues.close()];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

test(
  'what runs of stages left goes along when it is asked for, and the other one need not run them',
  needsDvc,
  async () => {
    const ours = await colleagues.repository('ours');
    writeFileSync(join(ours, 'in'), 'in');
    writeFileSync(
      join(ours, 'dvc.yaml'),
      'stages:\n  one:\n    cmd: cat in > out; echo ran >> log\n    deps: [in]\n    outs: [out]\n',
    );
    await dvc(ours, 'repro', '-q');
    const remote = join(root, 'store');
    await tilth(ours, 'remote', 'add', '-q', '-d', 'store', remote);
    assert.equal((await tilth(ours, 'push', '--run-cache')).stdout, '2 files pushed\n');
    assert.deepEqual(filesBelow(join(remote, 'runs')), filesBelow(join(ours, '.dvc', 'cache', 'runs')));
    assert.equal((await tilth(ours, 'push', '--run-cache')).stdout, 'Everything is up to date.\n');
    await git(ours, 'add', 'in', 'dvc.yaml', '.dvc/config', '.dvcignore', '.dvc/.gitignore');
    await git(ours, 'commit', '-qm', 'without its lock');
    const theirs = join(root, 'theirs');
    await git(root, 'clone', '-q', ours, theirs);
    assert.equal((await tilth(theirs, 'fetch', '--run-cache')).stdout, '1 file fetched\n');
    assert.deepEqual(
      filesBelow(join(theirs, '.dvc', 'cache', 'runs')),
      filesBelow(join(ours, '.dvc', 'cache', 'runs')),
    );
    await dvc(theirs, 'repro', '-q', '--pull');
    assert.equal(readFileSync(join(theirs, 'out'), 'utf8'), 'in');
    assert.ok(!filesBelow(theirs).includes('log'), 'it was not run again');
  },
);

test('objects of DVC 2 go to the remote and come back under their old keys', needsDvc, async () => {
  const ours = await colleagues.repository('old');
  const content = 'a\r\nb\r\n';
  // of text DVC 2 takes the hash with its line ends as LF
  const md5 = 'dd8c6a395b5dd36c56d23275028f526c';
  const key = `${md5.slice(0, 2)}/${md5.slice(2)}`;
  mkdirSync(join(ours, '.dvc', 'cache', md5.slice(0, 2)), { recursive: true });
  writeFileSync(join(ours, '.dvc', 'cache', key), content);
  writeFileSync(join(ours, 'x.txt.dvc'), `outs:\n- md5: ${md5}\n  size: 6\n  path: x.txt\n`);
  const remote = join(root, 'old store');
  await tilth(ours, 'remote', 'add', '-q', '-d', 'store', remote);
  assert.equal((await tilth(ours, 'push')).stdout, '1 file pushed\n');
  assert.deepEqual(filesBelow(remote), [key]);
  assert.equal((await dvc(ours, 'push')).stdout, 'Everything is up to date.\n');
  rmSync(join(ours, '.dvc', 'cache'), { recursive: true });
  await tilth(ours, 'fetch');
  assert.equal(readFileSync(join(ours, '.dvc', 'cache', key), 'utf8'), content);
});

test(
  'a bucket that is not there, a wrong secret and no credentials are told apart, each with what to do',
  needsDvc,
  async () => {
    const bucket = await startTestBucket();
    closing.push(() => bucket.stop());
    const endpoint = new URL(bucket.url).searchParams.get('endpoint_url') ?? '';
    const ours = await colleagues.repository('bad bucket');
    writeFileSync(join(ours, 'x'), 'x');
    await tilth(ours, 'add', '-q', 'x');
    await tilth(ours, 'remote', 'add', '-q', '-d', 'store', 's3://no-such-bucket/data');
    await tilth(ours, 'remote', 'modify', 'store', 'endpointurl', endpoint);
    const environment = {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_REGION: 'us-east-1',
    };
    Object.assign(colleagues.environment, environment);
    const without = await colleagues.tries('tilth', ours, 'push');
    assert.equal(without.status, 1);
    assert.match(without.stderr, /no credentials were found[^]*profile PROFILE/);
    Object.assign(colleagues.environment, { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' });
    const missing = await colleagues.tries('tilth', ours, 'push');
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /The bucket no-such-bucket at http\S+ does not exist[^]*aws s3 mb/);
    await tilth(ours, 'remote', 'modify', 'store', 'endpointurl', 'http://127.0.0.1:9');
    const away = await colleagues.tries('tilth', ours, 'push');
    assert.match(away.stderr, /does not answer or broke off: [^]*ECONNREFUSED/);
  },
);
