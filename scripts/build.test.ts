import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packagePath, version } from '../src/platform/package-root.ts';
import { freePorts, start, until } from '../test/journeys/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'tilth built '));
const installed = join(folder, 'node_modules', 'tilth');
const program = join(installed, 'bin', 'tilth.js');
const hasPage = existsSync(packagePath('web', 'dist', 'index.html'));
/** What npm puts beside the package; everything else must be inside it. */
const neighbours = ['@duckdb/node-api', 'onnxruntime-node', 'node'];

const tilth = (cwd: string, ...words: string[]): string =>
  execFileSync(process.execPath, [program, ...words], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

function makeFolder(name: string): string {
  const made = join(folder, name);
  mkdirSync(made, { recursive: true });
  return made;
}

async function fetchWhenUp(url: string): Promise<{ status: number; text: string }> {
  let answer: Response | undefined;
  await until(async () => (answer = await fetch(url).catch(() => undefined)) !== undefined, 30_000, url);
  return { status: answer?.status ?? 0, text: (await answer?.text()) ?? '' };
}

describe('the built package, installed without its sources', () => {
  before(() => {
    execFileSync(process.execPath, [packagePath('scripts', 'build.js'), '--out', join(installed, 'dist')]);
    for (const name of ['bin', 'python', 'templates', 'package.json']) cpSync(packagePath(name), join(installed, name), { recursive: true });
    if (hasPage) cpSync(packagePath('web', 'dist'), join(installed, 'web', 'dist'), { recursive: true });
    for (const name of neighbours) {
      const place = join(folder, 'node_modules', name);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(packagePath('node_modules', name), place);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('says its version, and lists every command', () => {
    assert.equal(tilth(folder, '--version'), `${version}\n`);
    assert.match(tilth(folder, '--help'), /^ {2}start .*^ {2}monitor/ms);
  });

  test('starts by its name through a link, on the Node that came with it, where the machine has none', () => {
    const bin = makeFolder('bin without node');
    symlinkSync(program, join(bin, 'tilth'));
    symlinkSync(execFileSync('/bin/sh', ['-c', 'command -v readlink'], { encoding: 'utf8' }).trim(), join(bin, 'readlink'));
    const said = execFileSync(join(bin, 'tilth'), ['--version'], { encoding: 'utf8', env: { PATH: bin } });
    assert.equal(said.trim(), version);
  });

  test('begins a project from the template it carries', () => {
    const started = JSON.parse(
      tilth(folder, 'start', '--no-input', '--no-git', '--no-install', '--default-config', '-o', makeFolder('projects'), '--server', 'http://127.0.0.1:9', '--json'),
    ) as { folder: string; fileCount: number };
    assert.ok(started.fileCount > 10);
    assert.ok(existsSync(join(started.folder, 'tilth.yaml')));
  });

  test('runs a pipeline, and then calls it up to date', () => {
    const project = makeFolder('pipeline');
    tilth(project, 'dvc', 'init', '--no-scm');
    writeFileSync(join(project, 'dvc.yaml'), 'stages:\n  one: {cmd: echo 1 > out, outs: [out]}\n');
    const ran = JSON.parse(tilth(project, 'pipeline', 'run', '--server', 'http://127.0.0.1:9', '--json')) as unknown;
    assert.deepEqual(ran, { stages: [{ stage: 'one', outcome: 'ran' }] });
    assert.deepEqual(JSON.parse(tilth(project, 'pipeline', 'status', '--json')), {});
  });

  test('brings up both planes, which answer, and ends them when told to', async () => {
    const { port, servePort } = await freePorts();
    const home = makeFolder('home');
    const up = start([program, 'up', '--port', String(port), '--serve-port', String(servePort), '--home', home]);
    const answers = (path: string, at = port): Promise<Response | undefined> =>
      fetch(`http://127.0.0.1:${at}${path}`).catch(() => undefined);
    try {
      await until(async () => (await answers('/health'))?.status === 200, 30_000, 'the control plane answers');
      await until(async () => (await answers('/v2/health/live', servePort))?.status === 200, 30_000, 'the data plane answers');
      const document = (await (await answers('/api/v1/openapi.json'))?.json()) as { info: unknown };
      assert.deepEqual(document.info, { title: 'tilth', version });
      if (hasPage) assert.match((await (await answers('/'))?.text()) ?? '', /<div id="root">/);
    } finally {
      up.child.kill('SIGTERM');
    }
    assert.equal((await up.ended).code, 0);
  });

  test('speaks to a bucket, where one is named for the artifacts', async () => {
    const { port } = await freePorts();
    const env = { ...process.env, TILTH_BLOBS_URL: 's3://models?endpoint_url=http://127.0.0.1:9', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    const server = start([program, 'server', '--port', String(port), '--home', makeFolder('bucket')], { env });
    const answered = fetchWhenUp(`http://127.0.0.1:${port}/api/2.0/mlflow-artifacts/artifacts/0/run/x`);
    try {
      const { status, text } = await answered;
      assert.deepEqual([status, /s3:\/\/models at http:\/\/127.0.0.1:9 does not answer: ECONNREFUSED/.test(text)], [503, true], text);
    } finally {
      server.child.kill('SIGTERM');
    }
    await server.ended;
  });

  test('carries the licences of the packages inside it, and of no others', () => {
    const notices = readFileSync(join(installed, 'dist', 'THIRD-PARTY.txt'), 'utf8');
    for (const name of ['zod', 'yaml', 'hono', 'commander']) assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'));
    assert.doesNotMatch(notices, /^onnxruntime-node |^@duckdb/m);
  });
});
