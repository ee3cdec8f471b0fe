import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { artifactKeyOf, checkArtifactLocation, keyOfEncodedPath } from './artifact-keys.ts';

/** One payload per class of published holes in artifact servers. */
const climbingPaths = [
  '../../etc/passwd',
  'a/../../etc/passwd',
  '%2e%2e/%2e%2e/etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%252e%252e%252fetc%252fpasswd',
  '%25252e%25252e/etc/passwd',
  '/etc/passwd',
  '%2fetc%2fpasswd',
  '..\\..\\etc\\passwd',
  '%5c..%5c..%5cetc',
  'C:/windows/win.ini',
  'c%3a/windows',
  'a%00.txt',
  '%ff%fe',
  '%25ff/%252e%252e%252fetc',
] as const;

const isRefused = (thrown: unknown): boolean => thrown instanceof TilthError && thrown.code === 'ARTIFACT_PATH_REFUSED';

test('no path leaves the artifact root, whatever its encoding', () => {
  for (const path of climbingPaths) assert.throws(() => keyOfEncodedPath(path), isRefused, path);
});

test('a path is decoded once, and keeps names that only look odd', () => {
  assert.equal(keyOfEncodedPath('1/abc/artifacts/my%20model/a%2Bb%23c.txt'), 'artifacts/1/abc/artifacts/my model/a+b#c.txt');
  assert.equal(keyOfEncodedPath('1/abc/artifacts/100%25.txt'), 'artifacts/1/abc/artifacts/100%.txt');
  assert.equal(keyOfEncodedPath('1/abc/..dots../x'), 'artifacts/1/abc/..dots../x');
});

test('an artifact address is ours or refused, and hides nothing behind # ? or ;', () => {
  assert.equal(artifactKeyOf('mlflow-artifacts:/1/abc/artifacts/model'), 'artifacts/1/abc/artifacts/model');
  assert.equal(artifactKeyOf('mlflow-artifacts://host:5080/1/abc'), 'artifacts/1/abc');
  for (const uri of ['mlflow-artifacts:/1/../../etc', 'mlflow-artifacts:/1#/../..', 'mlflow-artifacts:/1?x=/../..', 'mlflow-artifacts:/1;/../..']) {
    assert.throws(() => artifactKeyOf(uri), isRefused, uri);
  }
  for (const uri of ['file:///etc/passwd', '/etc/passwd', 's3://bucket/x', 'http://169.254.169.254/latest', 'dbfs:/x']) {
    assert.throws(() => artifactKeyOf(uri), (thrown) => thrown instanceof TilthError && thrown.code === 'ARTIFACT_ELSEWHERE', uri);
  }
});

test('an experiment may keep its artifacts elsewhere, but not behind a climbing address', () => {
  checkArtifactLocation('s3://bucket/folder');
  for (const uri of ['s3://b/../x', 'file:///a#/../../etc', 'http://h/a?b=..%2f..', 's3://b/%2e%2e/x', 's3://b/%252e%252e/x']) {
    assert.throws(() => checkArtifactLocation(uri), isRefused, uri);
  }
});
