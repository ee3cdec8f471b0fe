import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { systemActor } from '../../platform/actor.ts';
import type { BlobStore } from '../../platform/blobs/blobs.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { perform } from '../../team/command.ts';
import type { Conversion } from '../conversion/conversion.ts';
import { defaultCriteria } from '../conversion/criteria.ts';
import { proveFirstFaithful } from '../conversion/prove-apart.ts';
import { runtimeName } from '../conversion/prove.ts';
import type { Parity } from './registry-api.ts';
import { getVersionRow, updateVersionRow } from './registry-store.ts';
import { fileKeyOf } from './served-file.ts';
import { convertJobKind, type ConvertJobInput } from './versions.ts';

export const proveJobKind = 'model.prove';

/** Where rows and the original's answers to them lie, by the digest of the graph that was proven on them. */
const proofKeyOf = (digest: string): string => `models/${digest}.proof.gz`;

/** Keeps what a graph was proven on, so that it can be proven again without Python. */
export async function keepProof(
  blobs: BlobStore,
  digest: string,
  { expectedFile, converted }: Extract<Conversion, { engine: 'onnx' }>,
): Promise<void> {
  const expected: unknown = JSON.parse(await readFile(expectedFile, 'utf8'));
  await blobs.put(proofKeyOf(digest), gzipSync(JSON.stringify({ converted, expected })));
}

/** Queues a proof of each graph that was proven with another runtime than the one that serves now. */
export async function proveWithNewRuntime(world: World): Promise<number> {
  const rows = await world.database.read
    .selectFrom('model_version')
    .select(['model', 'version', 'parity'])
    .where('engine', '=', 'onnx')
    .where('lifecycle', '=', 'active')
    .where('parity', 'is not', null)
    .execute();
  const old = rows.filter(
    ({ parity }) => (JSON.parse(parity ?? '{}') as Partial<Parity>).runtime !== runtimeName,
  );
  if (old.length === 0) return 0;
  world.log.info(
    { count: old.length, runtime: runtimeName },
    'graphs are proven again, since the runtime is another',
  );
  await world.database.write(async (tx) => {
    for (const { model, version } of old) {
      await world.jobs.enqueue(tx, {
        kind: proveJobKind,
        key: `${proveJobKind}:${model}/${version}`,
        input: { model, version } satisfies ConvertJobInput,
        requestedBy: systemActor.id,
      });
    }
  });
  return old.length;
}

/**
 * Proves the graph of a version with the runtime of today, on the rows of its registration. One that does not hold any
 * more is converted anew, which ends with another graph, or with its own Python; what was approved is void with it.
 */
export async function proveAgain(
  world: World,
  { model, version }: ConvertJobInput,
  job: JobContext,
): Promise<unknown> {
  const row = await getVersionRow(world.database.read, model, version);
  const digest = row.onnx_digest;
  if (row.engine !== 'onnx' || digest === null) return { skipped: 'it is no graph any more' };
  const folder = await mkdtemp(join(tmpdir(), 'tilth-prove-'));
  try {
    const criteria = (await declarationOf(world.database.read, model))?.model.parity ?? defaultCriteria;
    if ((await world.blobs.size(proofKeyOf(digest))) === undefined) {
      world.log.warn(
        { model, version },
        'a graph can be proven again only by converting it anew: what it was proven on was not kept',
      );
      return { skipped: 'what it was proven on was not kept' };
    }
    const fault = await (async (): Promise<string | null> => {
      const { converted, expected } = await keptProof(world.blobs, digest);
      await pipeline(
        (await world.blobs.get(fileKeyOf('onnx', digest))).stream,
        createWriteStream(join(folder, 'model.onnx')),
      );
      await writeFile(
        join(folder, 'candidates.json'),
        JSON.stringify([{ file: 'model.onnx', schema: converted }]),
      );
      await writeFile(join(folder, 'expected.json'), JSON.stringify(expected));
      await job.progress(`comparing with ${runtimeName}`);
      const proven = await proveFirstFaithful(folder, criteria, job.signal);
      if (!('proof' in proven)) return proven.fault;
      await storeParity(world, { model, version }, digest, proven.proof.parity);
      return null;
    })();
    if (fault === null) return { proven: runtimeName };
    world.log.error(
      { model, version, fault },
      'a graph does not hold with the runtime of today: the version is converted anew',
    );
    await world.database.write(async (tx) => {
      const input: ConvertJobInput = { model, version };
      const key = `${convertJobKind}:${model}/${version}`;
      await world.jobs.enqueue(tx, { kind: convertJobKind, key, input, requestedBy: systemActor.id });
    });
    return { fault };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function keptProof(
  blobs: BlobStore,
  digest: string,
): Promise<{ converted: unknown; expected: unknown }> {
  const { stream } = await blobs.get(proofKeyOf(digest));
  return JSON.parse(gunzipSync(Buffer.concat(await stream.toArray())).toString('utf8')) as Awaited<
    ReturnType<typeof keptProof>
  >;
}

async function storeParity(
  world: World,
  { model, version }: ConvertJobInput,
  digest: string,
  parity: object,
): Promise<void> {
  const data = { digest, proven: runtimeName };
  await perform(
    world,
    { actor: systemActor, verb: 'model.convert', kind: 'model-version', thing: `${model}/${version}`, data },
    async (tx) => {
      // converted meanwhile: its parity is newer
      if ((await getVersionRow(tx, model, version)).onnx_digest !== digest) return;
      await updateVersionRow(tx, model, version, {
        parity: JSON.stringify({ ...parity, measuredAt: world.clock.now() }),
      });
    },
  );
}
