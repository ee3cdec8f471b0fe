import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { S3 } from '@aws-sdk/client-s3';

/** Why a test of a bucket can't run here; in CI it must. */
export const skipBucket =
  process.env['TILTH_TEST_PYTHON'] === undefined && process.env['TILTH_TEST_S3'] === undefined && process.env['CI'] === undefined
    ? 'TILTH_TEST_PYTHON is not set: npm test sets it up'
    : false;

export interface TestBucket {
  /** for `TILTH_BLOBS_URL` */
  readonly url: string;
  readonly name: string;
  /** to look at the bucket without the code that is tested */
  readonly s3: S3;
  stop(): Promise<void>;
}

/**
 * An empty bucket on an S3 server: the one at `TILTH_TEST_S3`, else moto, a public stand-in written in Python. It sets
 * the credentials in the environment of this process.
 *
 * @param parameters for the end of the URL, `&direct_links=true`
 * @see https://docs.getmoto.org
 */
export async function startTestBucket(parameters = ''): Promise<TestBucket> {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'testing';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'testing';
  const running = process.env['TILTH_TEST_S3'];
  const { endpoint, stop } = running === undefined ? await startMoto() : { endpoint: running, stop: () => Promise.resolve() };
  const s3 = new S3({ endpoint, region: 'us-east-1', forcePathStyle: true });
  const name = `tilth-${randomUUID()}`;
  await s3.createBucket({ Bucket: name });
  return {
    url: `s3://${name}/team?endpoint_url=${endpoint}&region=us-east-1${parameters}`,
    name,
    s3,
    stop: async () => {
      s3.destroy();
      await stop();
    },
  };
}

/** moto fails with a 500 where S3 says that there is no such upload. */
const motoScript = `
from moto.s3 import models
from moto.s3.exceptions import NoSuchUpload
from moto.server import main

class Uploads(models.MultipartDict):
    def __missing__(self, id):
        raise NoSuchUpload(upload_id=id)

make = models.FakeBucket.__init__
def make_bucket(self, *args, **named):
    make(self, *args, **named)
    self.multiparts = Uploads()
models.FakeBucket.__init__ = make_bucket
main(['--host', '127.0.0.1', '--port', '0'])
`;

async function startMoto(): Promise<{ endpoint: string; stop: () => Promise<void> }> {
  const python = process.env['TILTH_TEST_PYTHON'];
  if (python === undefined) throw new Error('TILTH_TEST_PYTHON must name a Python with moto');
  const child = spawn(python, ['-c', motoScript], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const endpoint = /Running on (http:\S+)/.exec(line)?.[1];
    if (endpoint === undefined) continue;
    // what nobody reads would fill the pipe, and stop the server
    child.stderr.resume();
    return {
      endpoint,
      stop: () => {
        child.kill('SIGKILL');
        return ended;
      },
    };
  }
  throw new Error(`moto did not start: ${said.slice(-5).join(' | ')}`);
}

/**
 * Lets the servers that this process starts from now on keep their blobs in a bucket, where `TILTH_TEST_BLOBS` is `s3`.
 *
 * @returns the bucket, undefined where they are in folders
 */
export async function useTestBucket(parameters = ''): Promise<TestBucket | undefined> {
  if (process.env['TILTH_TEST_BLOBS'] !== 's3') return undefined;
  const bucket = await startTestBucket(parameters);
  process.env['TILTH_BLOBS_URL'] = bucket.url;
  return bucket;
}
