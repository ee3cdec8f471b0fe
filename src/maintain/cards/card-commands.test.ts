import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { describe as describeModel, registerVersion } from '../../deploy/registry/versions.ts';
import { createLogger } from '../../platform/log.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';

const home = temporaryHome();
const folder = mkdtempSync(join(tmpdir(), 'tilth card '));
const file = join(folder, 'MODEL_CARD.md');
let server: RunningServer;
before(async () => {
  server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
  await registerVersion(server.world, localActor, { model: 'late arrival', source: 's3://bucket/model', createsModel: true });
});
after(async () => {
  await server.close();
  home.remove();
  rmSync(folder, { recursive: true, force: true });
});

interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

const tilth = (...words: string[]): Promise<Said> =>
  new Promise((resolve) => {
    const main = join(import.meta.dirname, '../../cli/main.ts');
    execFile(process.execPath, [main, ...words, '--server', server.address], { env: { ...process.env, TILTH_TOKEN: '' } }, (error, out, err) =>
      resolve({ status: error === null ? 0 : Number(error.code), out, err }),
    );
  });

describe('tilth model card', () => {
  it('prints the card and asks for what only a person can say, apart from it', async () => {
    const { status, out, err } = await tilth('model', 'card', 'late arrival');
    assert.equal(status, 0, err);
    assert.match(out, /^---\nlicense: unknown\n[\s\S]*# Model card: late arrival\n/);
    assert.match(err, /not said yet: Intended use: what the answers are for/);
    const json = JSON.parse((await tilth('model', 'card', 'late arrival', '1', '--json')).out) as { parts: unknown[]; isStale: boolean };
    assert.deepEqual([json.parts.length, json.isStale], [9, false]);
  });

  it('writes the file, and says later that the record has moved on', async () => {
    assert.equal((await tilth('model', 'card', 'late arrival', '--out', file)).status, 0);
    assert.match(readFileSync(file, 'utf8'), /## Training data/);
    assert.equal((await tilth('model', 'card', 'late arrival', '--check', file)).status, 0);
    await describeModel(server.world, localActor, { model: 'late arrival', version: 1 }, { description: 'first try' });
    const moved = await tilth('model', 'card', 'late arrival', '--check', file);
    assert.equal(moved.status, 1);
    assert.match(moved.err, /MODEL_CARD_OUTDATED[\s\S]*tilth model card 'late arrival' 1 --out/);
  });

  it('says that a file is not there instead of breaking', async () => {
    const { status, err } = await tilth('model', 'card', 'late arrival', '--check', join(folder, 'none.md'));
    assert.equal(status, 1);
    assert.match(err, /MODEL_CARD_OUTDATED/);
    writeFileSync(file, '');
    assert.equal((await tilth('model', 'card', 'late arrival', '--check', file)).status, 1);
  });
});
