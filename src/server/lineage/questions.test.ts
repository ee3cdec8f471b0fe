import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newDatasetVersion } from '../../develop/data/data-api.ts';
import { addDatasetVersion } from '../../develop/data/data-store.ts';
import { recordExecution } from '../../develop/pipelines/pipeline-store.ts';
import { createExperiment } from '../../develop/tracking/experiment-store.ts';
import { createRun } from '../../develop/tracking/run-store.ts';
import { createEndpoint, routeEndpoint } from '../../deploy/endpoints/endpoints.ts';
import { approve, requestApproval } from '../../deploy/registry/approvals/approvals.ts';
import { createTestRegistry, type TestRegistry } from '../../../test/registry-world.ts';
import { liveModelsOf } from './live-models.ts';
import { openLineageEvents } from './openlineage-events.ts';
import { provenanceOf } from './provenance.ts';

const old = 'a'.repeat(32);
const current = `${'b'.repeat(32)}.dir`;
const execution = '01JDXA0000000000000000PREP';

async function lives(registry: TestRegistry): Promise<void> {
  const { world, ana, ben } = registry;
  for (const md5 of [old, current]) {
    const report = {
      dataset: 'flights',
      contract: 'c',
      contractHash: 'c',
      md5,
      state: 'passed',
      rowCount: 1,
      fileCount: 1,
      columns: [],
      violations: [],
      warnings: [],
      notChecked: [],
      rules: [
        {
          rule: 'month.maximum',
          column: 'month',
          description: 'd',
          outcome: 'o',
          passed: true,
          severity: 'error',
        },
      ],
    };
    const version = newDatasetVersion.parse({
      md5,
      project: 'flights',
      path: 'data/raw',
      size: 1,
      fileCount: 1,
      contractState: 'passed',
      contractHash: 'c',
      owner: 'ana',
      licence: 'CC0-1.0',
      commit: 'c0ffee',
      report,
    });
    await addDatasetVersion(world, ana, 'flights', version);
  }
  await recordExecution(world, ana, {
    id: execution,
    project: 'flights',
    stage: 'prepare',
    cmd: 'python prepare.py',
    state: 'succeeded',
    startedAt: 1000,
    finishedAt: 2000,
    commit: 'beef',
    inputs: [{ path: 'data/raw', md5: current, dataset: 'flights' }],
    outputs: [{ path: 'data/prepared', md5: 'd'.repeat(32), dataset: null }],
  } as never);
  const experimentId = await createExperiment(world, ana, { name: 'late', tags: [] });
  for (const [name, tags] of [
    ['first', { 'tilth.dataset.flights': old }],
    ['second', { 'tilth.execution': execution, 'mlflow.source.git.commit': 'abc123' }],
  ] as const) {
    const run = await createRun(world, ana, {
      experimentId,
      name,
      startedAt: 3000,
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    });
    const version = await registry.addVersion(ana, run.id);
    await requestApproval(world, ana, { model: 'late', version });
    await approve(world, ben, { model: 'late', version });
  }
  await createEndpoint(world, ben, { name: 'late', model: 'late' });
  await routeEndpoint(world, ben, 'late', { champion: 2 });
  await world.database.write((tx) =>
    tx
      .insertInto('prediction_request')
      .values([
        { request_id: 'req-1', model: 'late', version: 2, variant: 'champion', status: 'ok' },
        { request_id: 'req-1', model: 'late', version: 1, variant: 'shadow', status: 'ok' },
      ])
      .execute(),
  );
}

describe('lineage', () => {
  it('answers which live models saw a dataset, and what a prediction came from, each by one statement', async () => {
    const registry = await createTestRegistry();
    try {
      await lives(registry);
      const { read } = registry.world.database;
      assert.deepEqual(await liveModelsOf(read, 'flights', undefined), [
        {
          model: 'late',
          version: 2,
          endpoint: 'late',
          variant: 'champion',
          weight: 1,
          dataVersions: [current],
        },
      ]);
      assert.deepEqual(
        await liveModelsOf(read, 'flights', old),
        [],
        'version 1 learned from it, and is not routed',
      );
      const found = await provenanceOf(read, { requestId: 'req-1' });
      assert.deepEqual(
        {
          ...found,
          runs: found?.runs.map(({ name, commit }) => ({ name, commit })),
          approvals: found?.approvals.map(({ alias, state, requestedBy, decidedBy }) => [
            alias,
            state,
            requestedBy,
            decidedBy,
          ]),
        },
        {
          model: 'late',
          version: 2,
          prediction: { requestId: 'req-1', variant: 'champion' },
          runs: [{ name: 'second', commit: 'abc123' }],
          data: [
            {
              dataset: 'flights',
              md5: current,
              contractState: 'passed',
              commit: 'c0ffee',
              owner: 'ana',
              licence: 'CC0-1.0',
            },
          ],
          stages: [{ id: execution, project: 'flights', stage: 'prepare', commit: 'beef' }],
          approvals: [['champion', 'granted', 'ana', 'ben']],
          external: [],
        },
      );
      assert.equal((await provenanceOf(read, { model: 'late', version: 1 }))?.data[0]?.md5, old);
      assert.equal(await provenanceOf(read, { requestId: 'unheard' }), undefined);
    } finally {
      await registry.close();
    }
  });

  it('tells it all as OpenLineage events, page by page', async () => {
    const registry = await createTestRegistry();
    try {
      await lives(registry);
      const { read } = registry.world.database;
      const events: {
        eventType: string;
        job: { name: string };
        inputs: { name: string; inputFacets?: { dataQualityAssertions: { assertions: unknown } } }[];
      }[] = [];
      let after: string | undefined;
      do {
        const page = await openLineageEvents(read, { after, limit: 1 });
        events.push(...(page.events as typeof events));
        after = page.next ?? undefined;
      } while (after !== undefined);
      assert.deepEqual(
        events.map(({ eventType, job }) => `${job.name} ${eventType}`),
        ['flights.prepare START', 'flights.prepare COMPLETE', 'late START'],
      );
      assert.deepEqual(events[0]?.inputs[0]?.inputFacets?.dataQualityAssertions.assertions, [
        { assertion: 'month.maximum', success: true, column: 'month' },
      ]);
    } finally {
      await registry.close();
    }
  });
});
