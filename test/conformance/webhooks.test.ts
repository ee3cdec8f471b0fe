import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false;

interface Told {
  readonly entity: string;
  readonly action: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

describe('webhooks and the unmodified mlflow client', { skip }, () => {
  const home = temporaryHome();
  let server: RunningServer;
  let told: readonly Told[];

  before(async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny');
    process.env['TILTH_FETCH_HOSTS'] = '127.0.0.1';
    server = await startServer({ home, port: 0 });
    const script = fileURLToPath(new URL('webhooks_session.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, server.address], { env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } });
    told = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Told[];
  });
  after(async () => {
    delete process.env['TILTH_FETCH_HOSTS'];
    await server.close();
    home.remove();
  });

  it('are told what happened, once it did, and again when the receiver could not listen', () => {
    assert.deepEqual(
      told.map(({ entity, action }) => `${entity}.${action}`),
      [
        'registered_model.created',
        'registered_model.created',
        'model_version.created',
        'model_version_tag.set',
        'model_version_tag.deleted',
        'model_version_alias.created',
        'model_version_alias.deleted',
        'model_version_alias.created',
        'prompt.created',
        'prompt_version.created',
      ],
    );
    const [model, , version, set, removed, given, taken] = told.map(({ data }) => data);
    assert.deepEqual(model, { name: 'wheat', tags: { crop: 'yes' }, description: 'yield' });
    assert.deepEqual([version?.['name'], version?.['version'], version?.['tags'], version?.['description']], ['wheat', '1', { a: 'b' }, null]);
    assert.match(String(version?.['source']), /^runs:\//);
    assert.deepEqual(set, { name: 'wheat', version: '1', key: 'checked', value: 'yes' });
    assert.deepEqual(removed, { name: 'wheat', version: '1', key: 'checked' });
    assert.deepEqual(given, { name: 'wheat', alias: 'shadow', version: '1' });
    assert.deepEqual(taken, { name: 'wheat', alias: 'shadow' });
    assert.equal(told.at(-1)?.data['template'], 'Hello {{name}}!');
  });

  it('keep their secret sealed, and their address out of the audit log', async () => {
    const events = await server.world.database.read.selectFrom('event').select('data').where('kind', '=', 'webhook').execute();
    assert.ok(events.length >= 3);
    assert.ok(events.every(({ data }) => !data.includes('token=x') && !data.includes('s3cret')));
  });
});
