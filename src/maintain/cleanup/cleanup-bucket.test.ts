import { test } from 'node:test';
import { skipBucket } from '../../platform/blobs/test-bucket.ts';

// the same tests once more, with the artifacts in a bucket
process.env['TILTH_TEST_BLOBS'] = 's3';
if (skipBucket === false) await import('./cleanup.test.ts');
else test('a cleanup, with a bucket', { skip: skipBucket }, () => undefined);
