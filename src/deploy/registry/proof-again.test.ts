import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createTestWorld } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';
import { runtimeName } from '../conversion/prove.ts';
import { expected, late1 } from '../serving/test-control-plane.ts';
import { keepProof, proveAgain, proveJobKind, proveWithNewRuntime } from './proof-again.ts';
import { getVersion, updateVersionRow } from './registry-store.ts';
import { fileKeyOf } from './served-file.ts';
import { convertJobKind, registerVersion } from './versions.ts';

const { rows, 'late-1': said } = expected;
const count = said.label.length;

/** As the converter describes the graph of the fixtures. */
const converted = {
  format: 2 as const,
  engine: 'onnx' as const,
  task: 'binary-classification',
  classes: [0, 1],
  byName: true,
  inputs: [
    ...(['dep_delay', 'distance'] as const).map((name) => ({
      name,
      datatype: 'FP32' as const,
      shape: [-1, 1],
      columns: [{ name, type: 'double' }],
    })),
    {
      name: 'carrier',
      datatype: 'BYTES' as const,
      shape: [-1, 1],
      columns: [{ name: 'carrier', type: 'string' }],
    },
  ],
  outputs: [
    { name: 'label', datatype: 'INT64' as const, shape: [-1], role: 'label' },
    { name: 'probabilities', datatype: 'FP32' as const, shape: [-1, 2], role: 'probabilities' },
  ],
  versions: {},
};

/** A version that was proven by a runtime of long ago; `labels` are said to be the original's. */
async function provenLongAgo(
  labels: readonly (number | string)[],
  work: (world: Awaited<ReturnType<typeof createTestWorld>>) => Promise<void>,
): Promise<void> {
  const world = await createTestWorld();
  const folder = mkdtempSync(join(tmpdir(), 'tilth-proof-'));
  try {
    const expectedFile = join(folder, 'expected.json');
    const part = { kind: 'given', from: 0, to: count, neighbours: 1 };
    writeFileSync(
      expectedFile,
      JSON.stringify({
        format: 2,
        count,
        parts: [part],
        skipped: [],
        refused: [],
        columns: rows,
        predict: labels,
        predict_proba: said.probabilities,
      }),
    );
    await keepProof(world.blobs, late1.digest, { expectedFile, converted } as unknown as Parameters<
      typeof keepProof
    >[2]);
    await world.blobs.put(
      fileKeyOf('onnx', late1.digest),
      readFileSync(new URL('../../../test/fixtures/serving/late-1.onnx', import.meta.url)),
    );
    await registerVersion(world, localActor, {
      model: 'late',
      source: 's3://bucket/model',
      createsModel: true,
    });
    await world.database.write((tx) =>
      updateVersionRow(tx, 'late', 1, {
        engine: 'onnx',
        onnx_digest: late1.digest,
        schema: JSON.stringify(late1.schema),
        parity: JSON.stringify({
          rowCount: 1,
          labelsEqual: 1,
          maxError: 0,
          parts: [],
          worstRow: null,
          skipped: [],
          runtime: 'onnxruntime-node 0.1.0',
          versions: {},
          measuredAt: 1,
        }),
      }),
    );
    world.jobs.handle(proveJobKind, (input: { model: string; version: number }, context) =>
      proveAgain(world, input, context),
    );
    await world.jobs.start();
    assert.equal(await proveWithNewRuntime(world), 1);
    const [job] = await world.jobs.list({ kind: proveJobKind });
    assert.equal((await world.jobs.wait(job?.id ?? '')).state, 'succeeded');
    await work(world);
  } finally {
    await world.jobs.stop();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('a graph that was proven with another runtime', () => {
  it('is proven again on the rows of its registration, and stays what it was', () =>
    provenLongAgo(said.label, async (world) => {
      const { parity, onnxDigest } = await getVersion(world.database.read, 'late', 1);
      assert.deepEqual([parity?.runtime, parity?.rowCount, parity?.labelsEqual], [runtimeName, count, 1]);
      assert.equal(onnxDigest, late1.digest);
      assert.equal(await proveWithNewRuntime(world), 0);
      assert.deepEqual(await world.jobs.list({ kind: convertJobKind }), []);
    }));

  it('is converted anew when it does not hold any more', () =>
    provenLongAgo(
      said.label.map((label) => 1 - Number(label)),
      async (world) => {
        const { parity } = await getVersion(world.database.read, 'late', 1);
        assert.equal(parity?.runtime, 'onnxruntime-node 0.1.0');
        const [job] = await world.jobs.list({ kind: convertJobKind });
        assert.deepEqual(job?.input, { model: 'late', version: 1 });
      },
    ));
});
