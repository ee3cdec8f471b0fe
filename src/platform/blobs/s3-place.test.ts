import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameOfPlace, parseS3Place } from './s3-place.ts';

test('a bucket of Amazon’s needs its name and nothing else', () => {
  assert.deepEqual(parseS3Place('s3://models', {}), {
    bucket: 'models',
    prefix: '',
    endpoint: undefined,
    region: undefined,
    isPathStyle: false,
    hasDirectLinks: true,
  });
});

test('another server is named with its address, in the URL or as the AWS tools have it', () => {
  const expected = {
    bucket: 'models',
    prefix: 'team a/ü',
    endpoint: 'http://127.0.0.1:9000',
    region: 'us-east-1',
    isPathStyle: true,
    hasDirectLinks: false,
  };
  assert.deepEqual(parseS3Place('s3://models/team%20a/%C3%BC/?endpoint_url=http://127.0.0.1:9000', {}), expected);
  assert.deepEqual(parseS3Place('s3://models/team a/ü', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000/' }), expected);
  const { region, isPathStyle, hasDirectLinks } = parseS3Place(
    's3://m?endpoint_url=https://s3.example.com&region=eu-1&path_style=false&direct_links=true',
    { AWS_REGION: 'us-2' },
  );
  assert.deepEqual([region, isPathStyle, hasDirectLinks], ['eu-1', false, true]);
  assert.equal(nameOfPlace(expected), 's3://models/team a/ü at http://127.0.0.1:9000');
});

test('credentials in a URL are refused, and not repeated', () => {
  for (const url of [
    's3://AKIAEXAMPLE:hush@models',
    's3://hush@models',
    's3://models?aws_secret_access_key=hush',
    's3://models?access_key_id=hush',
    's3://models?session_token=hush',
    's3://models?endpoint_url=http://me:hush@127.0.0.1:9000',
  ]) {
    assert.throws(
      () => parseS3Place(url, {}),
      (error: Error & { hint?: string; code?: string }) =>
        error.code === 'BLOBS_URL_REFUSED' && /AWS_SECRET_ACCESS_KEY/.test(error.hint ?? '') && !/hush/.test(`${error.message}${error.hint}`),
      url,
    );
  }
});

test('what is no place of a bucket is refused with the form that is', () => {
  for (const url of ['models', 'http://models', 's3://', 's3:///models', 's3://models:80', 's3://models#x', 's3://models/a%5cb', 's3://models/a%00', 's3://models?endpoint_url=nowhere', 's3://models?endpoint_url=ftp://x', 's3://models?path_style=yes', 's3://models?color=red'])
    assert.throws(() => parseS3Place(url, {}), { code: 'BLOBS_URL_REFUSED', hint: /s3:\/\/BUCKET\/PREFIX/ }, url);
});
