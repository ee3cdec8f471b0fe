import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemActor, type Actor } from '../../src/platform/actor.ts';
import { TilthError } from '../../src/platform/errors.ts';
import { addDatasetVersion } from '../../src/develop/data/data-store.ts';
import { newDatasetVersion } from '../../src/develop/data/data-api.ts';
import { lineageOf } from '../../src/develop/lineage/lineage-store.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';
import { registerProject } from '../../src/start/project/project-store.ts';
import { localActor } from '../../src/team/can.ts';
import { actorOfToken, addPerson, issueToken } from '../../src/team/people-store.ts';
import { createEndpoint, rollbackEndpoint, routeEndpoint } from '../../src/deploy/endpoints/endpoints.ts';
import { awaitServingConfig, servingConfigOf } from '../../src/deploy/endpoints/serving-state.ts';
import { approve, requestApproval } from '../../src/deploy/registry/approvals/approvals.ts';
import { evaluateGate, setChampionComparison } from '../../src/deploy/registry/gate/gate-evidence.ts';
import { championOf, getVersion } from '../../src/deploy/registry/registry-store.ts';

const python = process.env['TILTH_TEST_PYTHON'];
if (python === undefined && process.env['CI'] !== undefined)
  throw new Error('TILTH_TEST_PYTHON is missing; the test set-up provides it');
const skip =
  python === undefined
    ? 'needs TILTH_TEST_PYTHON: a Python with mlflow-skinny, scikit-learn and skl2onnx'
    : false;

const dataVersion = '0123456789abcdef0123456789abcdef.dir';
const declaration = `
project: flights
datasets:
  flights: { path: data/raw, owner: ana }
models:
  late:
    dataset: flights
    task: binary-classification
    target: late
    owner: ana
    experiment: late
    endpoint: late
    gate:
      - { id: floor, kind: metric-floor, metric: auc, min: 0.6 }
      - { id: baseline, kind: better-than-baseline, metric: auc }
      - { id: parity, kind: parity, labelsEqual: 0.9999, maxError: 0.00001 }
      - { id: contract, kind: contract-passed }
      - { id: champion, kind: not-worse-than-champion, metric: auc, tolerance: 0.01 }
      - { id: slices, kind: worst-slice, metric: auc, limit: 0.6, columns: [carrier], minCount: 50 }
      - { id: fast, kind: latency, p99Ms: 1000, batchP99Ms: 5000, batchRows: 200 }
      - { id: card, kind: card-complete, parts: [Intended use, Known limits] }
      - { id: unheld, kind: better-than-champion, metric: auc, confidence: 0.9, on: holdout }
`;

const card = `# Card of late

- **Intended use**: to warn passengers
- **Known limits**: knows three carriers
`;

interface Candidate {
  readonly run: string;
  readonly auc: number;
  readonly by_carrier: Record<string, number>;
  readonly example: Record<string, unknown>[];
  readonly labels: number[];
}

describe('the unmodified MLflow client and the registry', { skip }, () => {
  const home = temporaryHome();
  const project = mkdtempSync(join(tmpdir(), 'tilth project '));
  let server: RunningServer;
  let candidates: Record<string, Candidate>;
  const tokens: Record<string, string> = {};
  const people: Record<string, Actor> = {};

  const script = async (name: string, args: string[], token = tokens['ana']): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(python ?? '', [join(import.meta.dirname, name), ...args], {
      env: {
        ...process.env,
        MLFLOW_TRACKING_URI: server.address,
        MLFLOW_TRACKING_TOKEN: token ?? '',
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false',
        OMP_NUM_THREADS: '1',
        PYTHONWARNINGS: 'ignore',
      },
      maxBuffer: 1e7,
    });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as unknown;
  };
  const converted = async (version: number): Promise<void> => {
    const { conversionJob } = await getVersion(server.world.database.read, 'late', version);
    await server.world.jobs.wait(conversionJob ?? '');
  };
  const refusedWith = (code: string) => (thrown: unknown) =>
    thrown instanceof TilthError && thrown.code === code;

  before(async () => {
    process.env['TILTH_PYTHON'] = python;
    server = await startServer({ home, port: 0 });
    writeFileSync(join(project, 'tilth.yaml'), declaration);
    writeFileSync(join(project, 'MODEL_CARD.md'), card);
    const { world } = server;
    const roles = {
      ana: ['contributor', 'maintainer'],
      ben: ['reviewer', 'operator'],
      eve: ['contributor'],
    } as const;
    for (const [id, has] of Object.entries(roles)) {
      await addPerson(world, localActor, {
        id,
        name: id,
        email: null,
        title: 'data scientist',
        roles: [...has],
        isSimulated: false,
      });
      tokens[id] = (await issueToken(world, localActor, id, 1)).token;
      people[id] = await actorOfToken(world.database.read, tokens[id], Date.now());
    }
    await registerProject(world, localActor, project);
    await addDatasetVersion(
      world,
      systemActor,
      'flights',
      newDatasetVersion.parse({
        md5: dataVersion,
        project: 'flights',
        path: 'data/raw',
        size: 1,
        fileCount: 1,
        contractState: 'passed',
        contractHash: 'c',
      }),
    );
    candidates = (await script('registry_log.py', ['late', dataVersion])) as Record<string, Candidate>;
    await converted(1);
    await converted(2);
  });
  after(async () => {
    await server.close();
    home.remove();
    rmSync(project, { recursive: true, force: true });
    setChampionComparison(() => Promise.resolve(undefined));
  });

  it('registers what log_model names, converts it, and measures how alike both answer', async () => {
    for (const version of [1, 2]) {
      const found = await getVersion(server.world.database.read, 'late', version);
      assert.equal(found.engine, 'onnx', found.reason ?? '');
      assert.equal(found.createdBy, 'ana');
      assert.equal(found.parity?.labelsEqual, 1);
      assert.ok((found.parity?.maxError ?? 1) < 1e-5, `largest difference ${found.parity?.maxError}`);
      assert.ok((found.parity?.rowCount ?? 0) > 5);
      assert.match(found.parity?.runtime ?? '', /^onnxruntime-node \d/);
      assert.deepEqual(
        found.schema?.inputs.map((input) => [input.name, input.datatype.replace(/\d+$/, '')]),
        [
          ['hour', 'FP'],
          ['distance', 'FP'],
          ['carrier', 'BYTES'],
        ],
      );
      assert.deepEqual(found.schema?.classes, [0, 1]);
      const graph = await fetch(`${server.address}/api/v1/blobs/${found.onnxDigest}`);
      assert.equal(Number(graph.headers.get('content-length')), found.onnxByteCount);
      assert.equal((await graph.arrayBuffer()).byteLength, found.onnxByteCount);
    }
  });

  it('can’t put a version into production by any of its calls before someone approved it', async () => {
    const answer = (await script('registry_use.py', ['back-doors', 'late'])) as Record<
      string,
      { code: string; message: string } | null
    >;
    for (const [door, version] of [
      ['alias', 1],
      ['stage', 1],
      ['copy', 3],
    ] as const) {
      assert.equal(answer[door]?.code, 'PERMISSION_DENIED');
      assert.match(answer[door]?.message ?? '', new RegExp(`tilth model request late ${version}`));
    }
    assert.equal(answer['challenger'], null);
    assert.equal(await championOf(server.world.database.read, 'late'), undefined);
  });

  it('reports a gate with evidence for each condition', async () => {
    const report = await evaluateGate(server.world, people['ana'] as Actor, 'late', 1);
    assert.deepEqual(
      report.results.map((result) => [result.id, result.passed]),
      [
        ['floor', true],
        ['baseline', true],
        ['parity', true],
        ['contract', true],
        ['champion', true],
        ['slices', true],
        ['fast', true],
        ['card', true],
        ['unheld', true],
      ],
    );
    assert.equal(report.results[0]?.measured, candidates['linear']?.auc);
    assert.equal(report.results[1]?.evidence.comparedWith, candidates['baseline']?.run);
    assert.equal(report.results[3]?.evidence.dataVersion, dataVersion);
    assert.match(report.results[4]?.note ?? '', /no champion/);
    assert.ok(report.results.every(({ status, hint }) => status === 'met' && hint === null));
  });

  it('measures the worst slice as scikit-learn does, and how long a call takes', async () => {
    const report = await evaluateGate(server.world, people['ana'] as Actor, 'late', 1);
    const [slices, fast] = [report.results[5], report.results[6]];
    const worst = Math.min(...Object.values(candidates['linear']?.by_carrier ?? {}));
    assert.ok(Math.abs(Number(slices?.measured) - worst) < 1e-9, `${slices?.measured} against ${worst}`);
    assert.equal(slices?.evidence.rowCount, 300);
    assert.match(slices?.evidence.holdout ?? '', /^[0-9a-f]{32}$/);
    assert.match(String(fast?.measured), /ms with one row, .* ms with 200 rows/);
    const again = await evaluateGate(server.world, people['ana'] as Actor, 'late', 1);
    assert.equal(again.hash, report.hash, 'what was measured is kept');
  });

  it('takes a second person with the role to approve', async () => {
    const { world } = server;
    const [ana, ben, eve] = [people['ana'] as Actor, people['ben'] as Actor, people['eve'] as Actor];
    const asked = { model: 'late', version: 1 };
    await createEndpoint(world, ben, { name: 'late', model: 'late' });
    await assert.rejects(approve(world, ben, asked), refusedWith('APPROVAL_NOT_REQUESTED'));
    const waiting = await requestApproval(world, ana, asked);
    assert.equal((await requestApproval(world, ana, asked)).id, waiting.id);
    await assert.rejects(approve(world, eve, asked), refusedWith('NOT_ALLOWED'));
    await assert.rejects(
      approve(world, localActor, { ...asked, reason: 'I am alone' }),
      refusedWith('NOT_ALLOWED'),
    );
    const both = { ...ana, roles: [...ana.roles, 'reviewer'] };
    await assert.rejects(approve(world, both, asked), refusedWith('FOUR_EYES'));
    const granted = await approve(world, ben, asked);
    assert.equal(granted.state, 'granted');
    assert.equal(granted.isSingleEye, false);
    assert.equal(await championOf(world.database.read, 'late'), 1);
    const config = await servingConfigOf(world.database.read);
    assert.deepEqual(config.endpoints[0]?.targets, [{ version: 1, variant: 'champion', weight: 1 }]);
    assert.equal(config.versions[0]?.runId, candidates['linear']?.run);
  });

  it('loads the champion by its alias and answers as the model that was logged', async () => {
    const linear = candidates['linear'];
    const answer = (await script('registry_use.py', [
      'load',
      'late',
      JSON.stringify(linear?.example),
    ])) as Record<string, unknown>;
    assert.deepEqual(answer['labels'], linear?.labels);
    assert.equal(answer['version'], '1');
    for (const door of ['deleteAlias', 'deleteVersion', 'deleteModel', 'rename']) {
      assert.equal((answer[door] as { code: string } | null)?.code, 'PERMISSION_DENIED', door);
    }
  });

  it('compares a candidate with the champion only when monitoring knows both', async () => {
    const { world } = server;
    const ana = people['ana'] as Actor;
    await assert.rejects(requestApproval(world, ana, { model: 'late', version: 2 }), (thrown: TilthError) => {
      assert.equal(thrown.code, 'GATE_NOT_PASSED');
      assert.match(thrown.message, /champion: .*Not yet known/);
      return true;
    });
    await assert.rejects(
      routeEndpoint(world, people['ben'] as Actor, 'late', { champion: 2 }),
      refusedWith('APPROVAL_MISSING'),
    );
    await assert.rejects(
      routeEndpoint(world, people['ben'] as Actor, 'late', { canary: { version: 2, share: 0.1 } }),
      refusedWith('APPROVAL_MISSING'),
    );
    await routeEndpoint(world, people['ben'] as Actor, 'late', { shadows: [2] });
    const comparison = {
      candidate: 0.7,
      champion: 0.69,
      difference: 0.01,
      ciLow: -0.01,
      ciHigh: 0.03,
      rowCount: 900,
      from: 1,
      to: 2,
    };
    setChampionComparison((model, candidate, champion) => {
      assert.deepEqual([model, candidate, champion], ['late', 2, 1]);
      return Promise.resolve({ auc: comparison });
    });
    const refused = (await evaluateGate(world, ana, 'late', 2)).results.at(-1);
    const gap = (candidates['boosting']?.auc ?? 0) - (candidates['linear']?.auc ?? 0);
    assert.equal(refused?.status, 'not-met', 'the champion ranks the same held-out rows better');
    assert.ok(Math.abs(Number(refused.measured) - gap) < 1e-6, `${refused.measured} against ${gap}`);
    assert.match(refused.evidence.method ?? '', /bootstrap/);
    writeFileSync(join(project, 'tilth.yaml'), declaration.replace(/^.*id: unheld.*$/m, ''));
    await registerProject(world, localActor, project);
    const report = await evaluateGate(world, ana, 'late', 2);
    assert.equal(report.passed, true);
    assert.equal(report.results[4]?.evidence.rowCount, 900);
  });

  it('tells waiting data planes of a new champion at once, and goes back as quickly', async () => {
    const { world } = server;
    const { read } = world.database;
    const before = await servingConfigOf(read);
    const told = awaitServingConfig(world, {
      after: before.revision,
      waitMs: 20_000,
      signal: new AbortController().signal,
    });
    await requestApproval(world, people['ana'] as Actor, { model: 'late', version: 2 });
    await approve(world, people['ben'] as Actor, { model: 'late', version: 2 });
    const champions = async (): Promise<number[]> =>
      (await servingConfigOf(read)).endpoints.flatMap(({ targets }) =>
        targets.filter((each) => each.variant === 'champion').map((each) => each.version),
      );
    assert.deepEqual((await told).endpoints[0]?.targets, [{ version: 2, variant: 'champion', weight: 1 }]);
    await rollbackEndpoint(world, people['ben'] as Actor, 'late', { reason: 'too slow' });
    assert.deepEqual(await champions(), [1]);
    assert.equal(await championOf(read, 'late'), 1);
    await rollbackEndpoint(world, people['ben'] as Actor, 'late', undefined);
    assert.deepEqual(await champions(), [2]);
    const graph = await lineageOf(read, { kind: 'dataset-version', id: `flights@${dataVersion}` });
    for (const kind of ['run', 'model-version', 'endpoint'])
      assert.ok(
        graph.nodes.some((node) => node.kind === kind),
        `${kind} in the lineage`,
      );
  });

  it('arranges an undeclared model freely, in MLflow’s words', async () => {
    const facts = (await script('registry_use.py', ['everything', 'free'])) as Record<string, unknown>;
    const code = (name: string): unknown => (facts[name] as { code: string } | null)?.code;
    assert.deepEqual(facts['names'], ['free']);
    assert.deepEqual(facts['tags'], { place: 'here', team: 'ops' });
    assert.deepEqual((facts['pages'] as unknown[]).slice(0, 2), ['1', '2']);
    assert.deepEqual(facts['tagged'], ['2']);
    assert.deepEqual(facts['staging'], ['1']);
    assert.equal(facts['description'], 'the second');
    assert.match(String(facts['uri']), /^mlflow-artifacts:/);
    assert.equal(code('badSource'), 'INVALID_PARAMETER_VALUE');
    assert.equal(code('climbing'), 'INVALID_PARAMETER_VALUE');
    assert.equal(code('twice'), 'RESOURCE_ALREADY_EXISTS');
    assert.equal(code('reserved'), 'INVALID_PARAMETER_VALUE');
    assert.equal(code('unknownAlias'), 'INVALID_PARAMETER_VALUE');
    assert.deepEqual(facts['left'], ['2']);
    assert.equal(facts['renamed'], 'free');
    assert.equal(code('gone'), 'RESOURCE_DOES_NOT_EXIST');
  });
});
