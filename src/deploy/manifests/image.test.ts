import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DockerfileParser, type Copy, type Dockerfile } from 'dockerfile-ast';
import { packageRoot } from '../../platform/package-root.ts';
import { expected, rowAt, splitOf, until } from '../serving/test-control-plane.ts';
import { planOf } from './deployment-plan.ts';
import { manifestFiles } from './manifests.ts';
import { writeFolder } from './manifest-folder.ts';
import { base, sealedLate, type SealedLate } from './test-deployment.ts';
import { sealDeployment } from './sealed-deployment.ts';

const parse = (path: string): Dockerfile => DockerfileParser.parse(readFileSync(path, 'utf8'));

/** Arguments of the last instruction of a kind, of the JSON form too. */
function last(file: Dockerfile, keyword: string): string[] {
  const found = file.getInstructions().findLast((one) => one.getKeyword() === keyword);
  const text = found?.getArgumentsContent() ?? '[]';
  return text.startsWith('[') ? (JSON.parse(text) as string[]) : text.split(/\s+/);
}

/** What another stage has installed is linked into the test's root. */
const isFromStage = (copy: Copy): boolean => copy.getFromFlag() !== null;

/** Does what the COPY instructions of the last stage say, below a folder that stands for the root of the image. */
function copyInto(root: string, context: string, file: Dockerfile): void {
  let workdir = '/';
  const instructions = file.getInstructions();
  const stage = instructions.findLastIndex((one) => one.getKeyword() === 'FROM');
  for (const one of instructions.slice(stage)) {
    if (one.getKeyword() === 'WORKDIR') workdir = one.getArgumentsContent() ?? '/';
    if (one.getKeyword() !== 'COPY' || isFromStage(one as Copy)) continue;
    const [target = '', ...sources] = one
      .getArguments()
      .map((word) => word.getValue())
      .toReversed();
    for (const source of sources) {
      const to = join(
        root,
        target.startsWith('/') ? target : join(workdir, target),
        source.endsWith('/') ? '' : source,
      );
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(context, source), to, { recursive: true });
    }
  }
}

describe('the image of an endpoint', () => {
  let late: SealedLate;
  let folder: string;
  let root: string;

  before(async () => {
    late = await sealedLate();
    const work = mkdtempSync(join(tmpdir(), 'tilth-image-'));
    folder = join(work, 'out');
    root = join(work, 'root');
    const plan = planOf(await sealDeployment(late.world, 'late'), {
      image: 'registry.example/late',
      base,
      replicas: 2,
      maxReplicas: 4,
      cpu: '250m',
      memory: '512Mi',
    });
    await writeFolder(folder, manifestFiles(plan, 'kubernetes'), {
      isForced: false,
      fetchModel: late.modelFile,
    });
  });
  after(async () => {
    rmSync(dirname(folder), { recursive: true, force: true });
    await late.close();
  });

  it('is built from a pinned base, runs as nobody in particular, and says which port it serves', () => {
    const file = parse(join(folder, 'image/Dockerfile'));
    const [from] = file.getFROMs();
    assert.match(from?.getImageDigest() ?? '', /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(last(file, 'USER'), ['10001:10001']);
    assert.deepEqual(last(file, 'EXPOSE'), ['8080', '8081']);
    assert.ok(
      file.getInstructions().every((one) => !['RUN', 'ADD'].includes(one.getKeyword())),
      'nothing is fetched or run',
    );
    for (const copy of file.getCOPYs())
      assert.ok(existsSync(join(folder, 'image', copy.getArguments().at(-2)?.getValue() ?? 'none')));
    assert.deepEqual(readdirSync(join(folder, 'image/models')).toSorted(), [
      'config.json',
      'models',
      'server-key',
    ]);
  });

  it('has a base whose files are there, which leaves out what is not needed, and ends without root', () => {
    const file = parse(join(packageRoot, 'Dockerfile'));
    for (const copy of file.getCOPYs()) {
      const words = copy.getArguments().map((word) => word.getValue());
      if (isFromStage(copy)) continue;
      for (const source of words.slice(0, -1)) assert.ok(existsSync(join(packageRoot, source)), source);
    }
    assert.deepEqual(last(file, 'USER'), ['10001:10001']);
    assert.ok(file.getFROMs().every((from) => (from.getImage() ?? '').startsWith('${NODE_IMAGE}')));
  });

  it(
    'answers as scikit-learn does, with nothing but its own files, no control plane, and its folder of models left as it is',
    { timeout: 60_000 },
    async () => {
      copyInto(root, packageRoot, parse(join(packageRoot, 'Dockerfile')));
      symlinkSync(join(packageRoot, 'node_modules'), join(root, 'opt/tilth/node_modules'));
      const image = parse(join(folder, 'image/Dockerfile'));
      copyInto(root, join(folder, 'image'), image);
      const home = join(root, 'var/lib/tilth');
      mkdirSync(home, { recursive: true });
      const models = readdirSync(join(root, 'models'), { recursive: true, encoding: 'utf8' });
      const inRoot = (text: string): string => text.replaceAll(/(^|=)\/(?=opt|models)/g, `$1${root}/`);
      // two planes of the test's machine can't have the same ports
      const command = [...last(image, 'ENTRYPOINT'), ...last(image, 'CMD')]
        .map(inRoot)
        .map((word) => word.replace(/^(--(?:grpc-)?port)=\d+$/, '$1=0'));
      const environment = Object.fromEntries(
        image
          .getENVs()
          .flatMap((env) => env.getProperties().map((one) => [one.getName(), one.getValue() ?? ''])),
      );
      const program = spawn(command[0] ?? '', command.slice(1), {
        cwd: home,
        env: { PATH: process.env['PATH'], ...environment, TILTH_HOME: home, HOME: join(root, 'tmp') },
      });
      let said = '';
      program.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      program.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const ended = once(program, 'exit');
      await Promise.race([
        until(() => said.includes('over gRPC at'), 30_000),
        ended.then(() => assert.fail(said)),
      ]);
      const port = /answered at http:\/\/[\d.]+:(\d+)/.exec(said)?.[1];
      const address = `http://127.0.0.1:${port}`;
      assert.equal((await fetch(`${address}/v2/health/ready`)).status, 200);
      const body = JSON.stringify(splitOf(expected.rows.carrier.map((_, index) => rowAt(index))));
      const answer = await fetch(`${address}/endpoints/late/invocations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      assert.deepEqual(await answer.json(), { predictions: expected['late-1'].label });
      program.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null], said);
      assert.deepEqual(readdirSync(join(root, 'models'), { recursive: true, encoding: 'utf8' }), models);
      assert.ok(
        readdirSync(join(home, 'predictions/segments'), { recursive: true }).length > 0,
        'the prediction is in the log',
      );
    },
  );

  it(
    'refuses to start when its configuration or its model is not what was signed',
    { timeout: 60_000 },
    async () => {
      const { startDataPlane } = await import('../serving/data-plane.ts');
      const { quietLog } = await import('../serving/test-control-plane.ts');
      const { resolveHome } = await import('../../platform/home.ts');
      const start = (sealed: string) =>
        startDataPlane({
          port: 0,
          server: 'http://127.0.0.1:1',
          sealed,
          home: resolveHome(mkdtempSync(join(dirname(folder), 'home-'))),
          log: quietLog,
        });
      const spoil = (name: string, path: string, change: (text: string) => string): string => {
        const copy = join(dirname(folder), name);
        cpSync(join(folder, 'image/models'), copy, { recursive: true });
        writeFileSync(join(copy, path), change(readFileSync(join(copy, path), 'latin1')), 'latin1');
        return copy;
      };
      const weights = spoil('weights', 'config.json', (text) =>
        text.replace('\\"weight\\":1', '\\"weight\\":0'),
      );
      await assert.rejects(start(weights), {
        code: 'SERVING_SEALED_UNUSABLE',
        message: /changed after it was signed/,
      });
      const [model = ''] = readdirSync(join(folder, 'image/models/models'));
      assert.equal(
        createHash('sha256')
          .update(readFileSync(join(folder, 'image/models/models', model)))
          .digest('hex'),
        model.replace('.onnx', ''),
      );
      const other = spoil('model', `models/${model}`, (text) => `${text}x`);
      await assert.rejects(start(other), { code: 'SERVING_SEALED_UNUSABLE', message: /missing or damaged/ });
      const key = spoil('key', 'server-key', () => `ed25519:${Buffer.alloc(32, 7).toString('base64')}\n`);
      await assert.rejects(start(key), { code: 'SERVING_SEALED_UNUSABLE', message: /is trusted/ });
    },
  );
});
