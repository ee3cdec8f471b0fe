import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { resolveHome } from '../../platform/home.ts';
import { createLogger } from '../../platform/log.ts';
import { programEntry } from '../../platform/package-root.ts';
import { startServer } from '../../server/server.ts';
import { fileKeyOf } from '../registry/served-file.ts';
import { base, sealedLate } from './test-deployment.ts';

interface Outcome {
  readonly code: number;
  readonly result: {
    isSame: boolean;
    missing: string[];
    versions: { version: number; approval: string }[];
    error?: { code: string };
  };
}

it(
  'tilth deploy manifests writes the folder, --check tells whether it still fits, and usage is checked before anything is asked',
  { timeout: 60_000 },
  async (context) => {
    const late = await sealedLate();
    const work = mkdtempSync(join(tmpdir(), 'tilth deploy '));
    context.after(() => rmSync(work, { recursive: true, force: true }));
    for (const digest of late.digests)
      await late.world.blobs.put(fileKeyOf('onnx', digest), await late.modelFile(digest));
    cpSync(late.world.home.root, join(work, 'home'), { recursive: true });
    await late.close();
    const server = await startServer({
      home: resolveHome(join(work, 'home')),
      port: 0,
      log: createLogger('test', 'silent'),
    });
    context.after(() => server.close());
    const out = join(work, 'cluster');
    const tilth = (...args: string[]): Promise<Outcome> =>
      new Promise((resolve) => {
        const all = [
          programEntry,
          'deploy',
          'manifests',
          'late',
          '--json',
          '--server',
          server.address,
          '--out',
          out,
          ...args,
        ];
        execFile(process.execPath, all, { env: { ...process.env, TILTH_TOKEN: '' } }, (failure, stdout) =>
          resolve({
            code: failure === null ? 0 : Number(failure.code),
            result: JSON.parse(stdout || '{}') as Outcome['result'],
          }),
        );
      });
    const usual = ['--target', 'kubernetes', '--registry', 'registry.example/models', '--base', base];
    assert.equal((await tilth(...usual, '--check')).code, 1);
    const written = await tilth(...usual);
    assert.deepEqual(
      [written.code, written.result.versions.map(({ version }) => version)],
      [0, [1]],
      JSON.stringify(written),
    );
    const [model = ''] = readdirSync(join(out, 'image/models/models'));
    assert.equal(
      `${createHash('sha256')
        .update(readFileSync(join(out, 'image/models/models', model)))
        .digest('hex')}.onnx`,
      model,
    );
    const checked = await tilth(...usual, '--check');
    assert.deepEqual([checked.code, checked.result.isSame], [0, true]);
    assert.equal((await tilth(...usual, '--check', '--memory', '2Gi')).code, 1);
    for (const wrong of [
      ['--target', 'nomad'],
      ['--memory', 'much'],
      ['--replicas', '0'],
      ['--replicas', '20'],
      ['--beside', 'x'],
    ]) {
      const { code, result } = await tilth(...usual, ...wrong);
      assert.deepEqual([code, result.error?.code], [2, 'USAGE'], wrong.join(' '));
    }
  },
);
