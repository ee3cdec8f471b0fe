import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needsContractsPython, runContractsPython } from '../../develop/contracts/test-contracts-python.ts';
import { newDatasetVersion } from '../../develop/data/data-api.ts';
import { addDatasetVersion } from '../../develop/data/data-store.ts';
import { newExecution } from '../../develop/pipelines/pipeline-api.ts';
import { recordExecution } from '../../develop/pipelines/pipeline-store.ts';
import { lineageOf } from '../../develop/lineage/lineage-store.ts';
import { localActor } from '../../team/can.ts';
import { startServer, type RunningServer } from '../server.ts';
import { temporaryHome } from '../test-world.ts';

const md5 = 'c'.repeat(32);
const home = temporaryHome();
let server: RunningServer;
before(async () => {
  server = await startServer({ home, port: 0 });
  const version = newDatasetVersion.parse({ md5, project: 'p', path: 'data', size: 1, fileCount: 1 });
  await addDatasetVersion(server.world, localActor, 'flights', version);
});
after(async () => {
  await server.close();
  home.remove();
});

const client = `
import sys, json
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent, RunState, Run, Job, InputDataset, OutputDataset, DatasetEvent, JobEvent, StaticDataset
from openlineage.client.facet_v2 import datasource_dataset, schema_dataset, dataset_version_dataset as version_facet, symlinks_dataset
from openlineage.client.transport.http import HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid
import os
os.environ['OPENLINEAGE_DISABLED'] = 'false'
client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=sys.argv[1], endpoint='api/v1/lineage')))
run = Run(runId=str(generate_new_uuid()))
job = Job(namespace='airflow', name='daily.flights')
flights = OutputDataset(namespace='s3://bucket', name='flights', facets={
  'version': version_facet.DatasetVersionDatasetFacet(datasetVersion='${md5}'),
  'symlinks': symlinks_dataset.SymlinksDatasetFacet(identifiers=[symlinks_dataset.Identifier(namespace='tilth', name='flights', type='DATASET')])})
source = InputDataset(namespace='postgres://host', name='public.flights', facets={'schema': schema_dataset.SchemaDatasetFacet(fields=[schema_dataset.SchemaDatasetFacetFields(name='id', type='bigint')])})
for state, out in [(RunState.START, []), (RunState.RUNNING, []), (RunState.COMPLETE, [flights])]:
    client.emit(RunEvent(eventType=state, eventTime='2026-01-31T12:00:0%d+00:00' % (state == RunState.COMPLETE), run=run, job=job, inputs=[source], outputs=out, producer='https://example.org/airflow'))
client.emit(DatasetEvent(eventTime='2026-01-31T12:00:02+00:00', dataset=StaticDataset(namespace='s3://bucket', name='other'), producer='https://example.org/airflow'))
client.emit(JobEvent(eventTime='2026-01-31T12:00:03+00:00', job=job, producer='https://example.org/airflow'))
print(run.runId)
`;

describe('OpenLineage', () => {
  test(
    'events of the real client are kept as they came and join the graph',
    needsContractsPython,
    async () => {
      const runId = (await runContractsPython(client, [server.address])).trim().split('\n').at(-1) ?? '';
      const graph = await lineageOf(server.world.database.read, {
        kind: 'dataset-version',
        id: `flights@${md5}`,
      });
      assert.deepEqual(
        graph.edges
          .map(({ from, to, relation }) => [from.kind, from.id, relation, to.kind, to.id])
          .toSorted((one, other) => (String(one) < String(other) ? -1 : 1)),
        [
          ['external-dataset', 'postgres://host/public.flights', 'read', 'external-run', runId],
          ['external-run', runId, 'made', 'dataset-version', `flights@${md5}`],
        ],
      );
      const answer = await fetch(`${server.address}/api/v1/lineage/events?limit=3`);
      const page = (await answer.json()) as {
        events: { eventType: string; run: { runId: string } }[];
        next: string;
      };
      assert.deepEqual(
        page.events.map(({ eventType, run }) => [eventType, run.runId]),
        [
          ['START', runId],
          ['RUNNING', runId],
          ['COMPLETE', runId],
        ],
      );
      const rest = (await (
        await fetch(`${server.address}/api/v1/lineage/events?after=${page.next}`)
      ).json()) as { events: object[]; next: null };
      assert.deepEqual([rest.events.length, rest.next], [2, null]);
    },
  );

  test('what we tell is what the real client can read and send', needsContractsPython, async () => {
    await recordExecution(
      server.world,
      localActor,
      newExecution.parse({
        id: '01JDXA0000000000000000TRAN',
        project: 'p',
        stage: 'train',
        cmd: 'python train.py',
        state: 'failed',
        startedAt: 5_000_000_000_000,
        finishedAt: 5_000_000_001_000,
        inputs: [{ path: 'data', md5, dataset: 'flights' }],
        outputs: [],
        commit: null,
      }),
    );
    const { events } = (await (
      await fetch(`${server.address}/api/v1/lineage/events?after=4999999999999,`)
    ).json()) as { events: object[] };
    assert.equal(events.length, 2);
    const again = `
import sys, json
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent, RunState, Run, Job, InputDataset, OutputDataset
from openlineage.client.facet_v2 import dataset_version_dataset as version_facet
from openlineage.client.transport.http import HttpConfig, HttpTransport
client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=sys.argv[1], endpoint='api/v1/lineage')))
for e in json.loads(sys.argv[2]):
    inputs = [InputDataset(namespace=d['namespace'], name=d['name'], facets={'version': version_facet.DatasetVersionDatasetFacet(datasetVersion=d['facets']['version']['datasetVersion'])}) for d in e['inputs']]
    client.emit(RunEvent(eventType=RunState[e['eventType']], eventTime=e['eventTime'], run=Run(runId=e['run']['runId']), job=Job(**e['job']), inputs=inputs, outputs=[], producer=e['producer']))
    print(e['eventType'])
`;
    assert.deepEqual(
      (await runContractsPython(again, [server.address, JSON.stringify(events)])).trim().split('\n'),
      ['START', 'FAIL'],
    );
  });

  test('an event that is none is refused with what is wrong where', async () => {
    const good = {
      eventType: 'START',
      eventTime: '2026-01-31T12:00:00Z',
      producer: 'p',
      schemaURL: 's',
      run: { runId: '0190a6a0-0000-7000-8000-000000000000' },
      job: { namespace: 'n', name: 'j' },
    };
    const send = async (body: unknown): Promise<[number, string]> => {
      const answer = await fetch(`${server.address}/api/v1/lineage`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return [answer.status, await answer.text()];
    };
    assert.equal((await send(good))[0], 200);
    for (const [body, pattern] of [
      [{ ...good, eventType: 'DONE' }, /eventType: Invalid option/],
      [{ ...good, run: { runId: 'seven' } }, /run\.runId: Invalid UUID/],
      [{ ...good, eventTime: 'yesterday' }, /eventTime: must be a date and time with its zone/],
      [{ ...good, inputs: [{ name: 'x' }] }, /inputs\.0\.namespace: Invalid input/],
      [{ eventTime: 'x' }, /none of run, job and dataset/],
    ] as const) {
      const [status, text] = await send(body);
      assert.equal(status, 400, text);
      assert.match(text, pattern);
      assert.match(text, /OPENLINEAGE_EVENT_INVALID/);
    }
  });
});
