// large files once more, with the artifacts in a bucket to which the client is sent
process.env['TILTH_TEST_BLOBS'] = 's3';
await import('./artifacts.test.ts');
