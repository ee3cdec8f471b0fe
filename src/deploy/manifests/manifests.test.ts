import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Service } from 'kubernetes-models/v1';
import { parse } from 'yaml';
import { needs } from '../../develop/dvc-files/test-python.ts';
import { routeEndpoint } from '../endpoints/endpoints.ts';
import { updateVersionRow } from '../registry/registry-store.ts';
import { kubernetesName, planOf, type DeploymentWishes } from './deployment-plan.ts';
import { compareFolder, writeFolder } from './manifest-folder.ts';
import { manifestFiles } from './manifests.ts';
import type { Target } from './target.ts';
import { sealDeployment } from './sealed-deployment.ts';
import { base, sealedLate, type SealedLate } from './test-deployment.ts';

const wishes: DeploymentWishes = {
  image: 'registry.example/team/late',
  base,
  namespace: 'models',
  replicas: 2,
  maxReplicas: 6,
  cpu: '500m',
  memory: '1Gi',
};

interface Schema {
  validate(): void;
}

describe('manifests of an endpoint', () => {
  let late: SealedLate;
  let folder: string;

  before(async () => {
    late = await sealedLate();
  });
  after(() => late.close());
  beforeEach((context) => {
    folder = mkdtempSync(join(tmpdir(), 'tilth-manifests-'));
    if ('after' in context) context.after(() => rmSync(folder, { recursive: true, force: true }));
  });

  const filesFor = async (target: Target, more: Partial<DeploymentWishes> = {}) =>
    manifestFiles(planOf(await sealDeployment(late.world, 'late'), { ...wishes, ...more }), target);
  const write = (files: Awaited<ReturnType<typeof filesFor>>, isForced = false) =>
    writeFolder(folder, files, { isForced, fetchModel: late.modelFile });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

  it('are valid by the schemas of Kubernetes', async () => {
    await write(await filesFor('kubernetes'));
    const object = (name: string) => parse(read(`${name}.yaml`)) as never;
    const objects: Schema[] = [
      new Deployment(object('deployment')),
      new Service(object('service')),
      new HorizontalPodAutoscaler(object('autoscaler')),
      new PodDisruptionBudget(object('disruption-budget')),
    ];
    for (const one of objects) one.validate();
    assert.throws(() =>
      new Deployment({
        ...(object('deployment') as object),
        spec: { revisionHistoryLimit: 'five' },
      } as never).validate(),
    );
    const { resources } = parse(read('kustomization.yaml')) as { resources: string[] };
    assert.deepEqual(resources, [
      'autoscaler.yaml',
      'deployment.yaml',
      'disruption-budget.yaml',
      'service.yaml',
    ]);
  });

  it(
    'are valid by the models of KServe, none of their fields unknown',
    needs('TILTH_TEST_SERVING_PYTHON', 'kserve'),
    async () => {
      await write(await filesFor('kserve'));
      const script = fileURLToPath(new URL('../../../test/conformance/kserve_manifests.py', import.meta.url));
      const names = ['inference-service.yaml', 'serving-runtime.yaml'].map((name) => join(folder, name));
      const { stdout } = await promisify(execFile)(process.env['TILTH_TEST_SERVING_PYTHON'] ?? '', [
        script,
        ...names,
      ]);
      assert.deepEqual(JSON.parse(stdout), ['InferenceService', 'ClusterServingRuntime']);
    },
  );

  it('swap without a gap, run without rights, and name version, digest, approval and gate report', async () => {
    await write(await filesFor('kubernetes'));
    const { versions } = await sealDeployment(late.world, 'late');
    const { metadata, spec } = parse(read('deployment.yaml')) as {
      metadata: { annotations: Record<string, string> };
      spec: {
        strategy: { rollingUpdate: object };
        template: {
          metadata: { annotations: object };
          spec: {
            terminationGracePeriodSeconds: number;
            containers: [
              {
                image: string;
                securityContext: object;
                lifecycle: { preStop: { sleep: { seconds: number } } };
                readinessProbe: { httpGet: { path: string } };
              },
            ];
          };
        };
      };
    };
    const [container] = spec.template.spec.containers;
    assert.deepEqual(spec.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
    assert.equal(container.readinessProbe.httpGet.path, '/v2/health/ready');
    // preStop, twice the delay and the time-out of the drain
    assert.ok(
      spec.template.spec.terminationGracePeriodSeconds >
        container.lifecycle.preStop.sleep.seconds + 2 * 0.5 + 10,
    );
    assert.match(
      JSON.stringify(container.securityContext),
      /"readOnlyRootFilesystem":true.*"runAsNonRoot":true/,
    );
    assert.match(container.image, /^registry\.example\/team\/late:late-[0-9a-f]{16}$/);
    const [version] = versions;
    assert.ok(version !== undefined);
    assert.equal(metadata.annotations['tilth/versions'], '1:champion:1');
    assert.equal(metadata.annotations['tilth/model-digests'], `sha256:${version.digest}`);
    assert.equal(metadata.annotations['tilth/approvals'], version.approval.id);
    assert.equal(metadata.annotations['tilth/approved-by'], 'ben');
    assert.equal(metadata.annotations['tilth/gate-reports'], `sha256:${version.gate.hash}`);
    assert.deepEqual(JSON.parse(read('evidence.json')), versions);
  });

  it('are the same bytes each time, and are left alone when they are right', async () => {
    await write(await filesFor('kubernetes'));
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const at = () => names.map((name) => [name, statSync(join(folder, name)).mtimeMs]);
    const before = at().filter(([name]) => name !== '.tilth-manifests.json');
    const difference = await write(await filesFor('kubernetes'));
    assert.deepEqual(difference, { missing: [], changed: [], superfluous: [] });
    assert.deepEqual(
      at().filter(([name]) => name !== '.tilth-manifests.json'),
      before,
    );
  });

  it('do not write over what others wrote or changed, unless forced, and remove what is theirs and no longer wanted', async () => {
    writeFileSync(join(folder, 'service.yaml'), 'mine\n');
    await assert.rejects(write(await filesFor('kubernetes')), {
      code: 'MANIFESTS_FILES_OF_OTHERS',
      message: /service\.yaml/,
    });
    assert.ok(!existsSync(join(folder, 'deployment.yaml')), 'nothing was written');
    await write(await filesFor('kubernetes'), true);
    assert.notEqual(read('service.yaml'), 'mine\n');
    writeFileSync(join(folder, 'README.md'), 'mine too\n');
    writeFileSync(join(folder, 'deployment.yaml'), `${read('deployment.yaml')}# changed\n`);
    const files = await filesFor('kubernetes');
    assert.deepEqual(compareFolder(folder, files).changed, ['deployment.yaml']);
    await assert.rejects(write(files), { code: 'MANIFESTS_FILES_OF_OTHERS', message: /deployment\.yaml/ });
    await write(files, true);
    const { superfluous } = await write(await filesFor('kserve'));
    assert.deepEqual(superfluous.toSorted(), [
      'autoscaler.yaml',
      'deployment.yaml',
      'disruption-budget.yaml',
      'service.yaml',
    ]);
    assert.ok(!existsSync(join(folder, 'deployment.yaml')));
    assert.equal(read('README.md'), 'mine too\n');
  });

  it('give a gateway the share of another service', async () => {
    const files = await filesFor('kubernetes', {
      gateway: { namespace: 'edge', name: 'public' },
      hostname: 'late.example',
      beside: { service: 'late-before', percent: 90 },
    });
    const file = files.get('http-route.yaml');
    assert.ok(file !== undefined && 'text' in file);
    const { spec } = parse(file.text) as {
      spec: { rules: [{ backendRefs: object[] }]; parentRefs: object[]; hostnames: string[] };
    };
    assert.deepEqual(spec.parentRefs, [{ name: 'public', namespace: 'edge' }]);
    assert.deepEqual(spec.rules[0].backendRefs, [
      { name: 'late', port: 80, weight: 10 },
      { name: 'late-before', port: 80, weight: 90 },
    ]);
  });

  it('have names that Kubernetes takes, whatever the endpoint is called', () => {
    const names = ['late', 'Late_Flights.v2', '2nd-try', `a${'-'.repeat(62)}b`, 'x_'].map(kubernetesName);
    assert.deepEqual(names, ['late', 'late-flights-v2', 'model-2nd-try', 'a', 'x']);
    for (const name of names) assert.match(name, /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
  });

  it('are refused for images that are not pinned', async () => {
    await assert.rejects(filesFor('kubernetes', { base: 'node:24' }), { code: 'MANIFESTS_IMAGE_NOT_PINNED' });
    await assert.rejects(filesFor('kubernetes', { image: 'registry.example:5000/late:latest' }), {
      code: 'MANIFESTS_IMAGE_NOT_PINNED',
    });
    const pinned = `registry.example:5000/late@sha256:${'ab'.repeat(32)}`;
    assert.equal(
      planOf(await sealDeployment(late.world, 'late'), { ...wishes, image: pinned }).image,
      pinned,
    );
  });

  it('leave out shadows, and are refused for a version whose approval does not stand any more, and for one in Python', async () => {
    const own = await sealedLate();
    await routeEndpoint(own.world, own.ben, 'late', { shadows: [2] });
    const { versions, config } = await sealDeployment(own.world, 'late');
    assert.deepEqual(
      versions.map(({ version }) => version),
      [1],
    );
    assert.doesNotMatch(config.body, /shadow/);
    await assert.rejects(sealDeployment(own.world, 'none'), { code: 'ENDPOINT_UNKNOWN' });
    // what was approved is another model than the one that is there now
    await own.world.database.write((tx) =>
      updateVersionRow(tx, 'late', 1, { artifact_digest: 'f'.repeat(64) }),
    );
    await assert.rejects(sealDeployment(own.world, 'late'), {
      code: 'MANIFESTS_NOT_APPROVED',
      message: /Version 1 of late/,
    });
    const python = JSON.stringify({
      path: null,
      version: '3.11.4',
      packages: {},
      takes: 'frame',
      isRowWise: true,
    });
    await own.world.database.write((tx) =>
      updateVersionRow(tx, 'late', 1, {
        engine: 'python',
        bundle_digest: 'a'.repeat(64),
        bundle_byte_count: 1,
        python,
      }),
    );
    await assert.rejects(sealDeployment(own.world, 'late'), { code: 'MANIFESTS_NEED_ONNX' });
    await own.close();
  });
});
