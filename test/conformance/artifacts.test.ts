import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { useTestBucket, type TestBucket } from '../../src/platform/blobs/test-bucket.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false;

type Request = readonly [method: string, call: string, status: number];

interface Session {
  readonly uploads: readonly Request[];
  readonly whole: readonly Request[];
  readonly chunks: readonly Request[];
  readonly broken: readonly Request[];
  readonly files: Readonly<Record<string, number>>;
}

describe('large files and the unmodified mlflow client', { skip }, () => {
  const home = temporaryHome();
  let server: RunningServer;
  let bucket: TestBucket | undefined;
  let session: Session;

  before(async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny');
    bucket = await useTestBucket('&direct_links=true');
    server = await startServer({ home, port: 0 });
    const script = fileURLToPath(new URL('artifacts_session.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, server.address], { env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } });
    session = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Session;
  });
  after(async () => {
    await server.close();
    await bucket?.stop();
    home.remove();
  });

  const calls = (requests: readonly Request[]): string[] => requests.map(([method, call, status]) => `${method} ${call} ${status}`);

  it('go up in parts without being asked to, small ones whole', () => {
    // a bucket takes the parts itself, and its links are not ours
    const puts = bucket === undefined ? Array.from({ length: 4 }, () => 'PUT signed 200') : [];
    assert.deepEqual(calls(session.uploads), ['GET server-info 200', 'POST mpu/create 200', ...puts, 'POST mpu/complete 200', 'PUT artifacts 200']);
    assert.deepEqual(session.files, { 'models/deep/small.txt': 5, 'models/deep/weights é.bin': 17 * 1024 ** 2 + 3 });
  });

  it('come down in one piece, or by ranges of a signed link when the client is told so', () => {
    assert.ok(!calls(session.whole).some((call) => call.includes('presigned')), 'one request for a file');
    assert.equal(calls(session.chunks).filter((call) => call === 'GET presigned 200').length, 2);
    assert.equal(calls(session.chunks).filter((call) => call === 'GET signed 206').length, bucket === undefined ? 6 : 0, 'five ranges of the large file and one of the small');
  });

  it('leave nothing behind when the client gives up', async () => {
    assert.deepEqual(calls(session.broken).slice(-2), ['POST mpu/create 200', 'POST mpu/abort 200']);
    const unfinished = await server.world.blobs.uploads.unfinished();
    assert.deepEqual(unfinished.filter(({ key }) => key?.endsWith('broken.bin')), []);
  });
});
