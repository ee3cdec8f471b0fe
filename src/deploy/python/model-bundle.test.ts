import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { unpackBundle, writeBundle } from './model-bundle.ts';

const run = promisify(execFile);

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-bundle-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const deep = `${'d'.repeat(60)}/${'e'.repeat(60)}/ünï.txt`;
const files: Record<string, string> = {
  MLmodel: 'flavors: {}',
  empty: '',
  [deep]: 'deep',
  'data/big.bin': 'x'.repeat(100_003),
};

function modelIn(folder: string): string {
  const model = join(folder, 'model');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(model, name, '..'), { recursive: true });
    writeFileSync(join(model, name), content);
  }
  return model;
}

test('a bundle is a tar file that tar reads, and the same files have the same digest', async (context) => {
  const folder = temporaryFolder(context);
  const model = modelIn(folder);
  const { sha256 } = await writeBundle(model, join(folder, 'one'));
  rmSync(model, { recursive: true });
  assert.equal((await writeBundle(modelIn(folder), join(folder, 'two'))).sha256, sha256);
  mkdirSync(join(folder, 'theirs'));
  await run('tar', ['-xf', join(folder, 'one'), '-C', join(folder, 'theirs')]);
  await unpackBundle(join(folder, 'one'), join(folder, 'ours'));
  for (const [name, content] of Object.entries(files)) {
    assert.equal(readFileSync(join(folder, 'theirs', name), 'utf8'), content);
    assert.equal(readFileSync(join(folder, 'ours', name), 'utf8'), content);
  }
});

test('nothing but plain files below the folder comes out of a bundle', async (context) => {
  const folder = temporaryFolder(context);
  const model = modelIn(folder);
  const bundle = join(folder, 'bundle');
  const refuses = async (...args: string[]): Promise<void> => {
    await run('tar', ['--format=ustar', '-cf', bundle, ...args]);
    await assert.rejects(unpackBundle(bundle, join(folder, 'out')), { status: 400 });
    assert.equal(existsSync(join(folder, 'out')), false);
  };
  symlinkSync('/etc/passwd', join(model, 'link'));
  await refuses('-C', model, 'link');
  await refuses('-P', '-C', join(model, 'data'), '../MLmodel');
  await refuses('-P', join(model, 'MLmodel'));
});

test('a bundle that is cut off or damaged is refused as a whole', async (context) => {
  const folder = temporaryFolder(context);
  await writeBundle(modelIn(folder), join(folder, 'bundle'));
  const bytes = readFileSync(join(folder, 'bundle'));
  for (const damaged of [bytes.subarray(0, 2000), Buffer.concat([Buffer.from('?'), bytes.subarray(1)])]) {
    writeFileSync(join(folder, 'damaged'), damaged);
    await assert.rejects(unpackBundle(join(folder, 'damaged'), join(folder, 'out')), {
      code: 'MODEL_BUNDLE_REFUSED',
    });
    assert.equal(existsSync(join(folder, 'out')), false);
  }
});
