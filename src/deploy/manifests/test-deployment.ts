import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Actor } from '../../platform/actor.ts';
import type { World } from '../../platform/world.ts';
import { createTestRegistry } from '../../../test/registry-world.ts';
import { createEndpoint } from '../endpoints/endpoints.ts';
import { approve, requestApproval } from '../registry/approvals/approvals.ts';
import { updateVersionRow } from '../registry/registry-store.ts';
import { late1, late2, lateSchema } from '../serving/test-control-plane.ts';

/** An image that stands for the one with tilth in it. */
export const base = `registry.example/tilth@sha256:${'0123456789abcdef'.repeat(4)}`;

export interface SealedLate {
  readonly world: World;
  readonly ana: Actor;
  readonly ben: Actor;
  readonly digests: readonly string[];
  /** as the control plane gives it */
  readonly modelFile: (digest: string) => Promise<Buffer>;
  readonly close: () => Promise<void>;
}

/** The endpoint `late` with an approved version 1 as its champion, and a version 2 that nobody approved; both real graphs. */
export async function sealedLate(): Promise<SealedLate> {
  const { world, ana, ben, addVersion, close } = await createTestRegistry();
  const files = new Map<string, Buffer>();
  for (const [index, { digest, byteCount, schemaHash }] of [late1, late2].entries()) {
    const version = await addVersion();
    const bytes = readFileSync(
      new URL(`../../../test/fixtures/serving/late-${index + 1}.onnx`, import.meta.url),
    );
    files.set(createHash('sha256').update(bytes).digest('hex'), bytes);
    await world.database.write((tx) =>
      updateVersionRow(tx, 'late', version, {
        onnx_digest: digest,
        onnx_byte_count: byteCount,
        schema: JSON.stringify(lateSchema),
        schema_hash: schemaHash,
      }),
    );
  }
  await createEndpoint(world, ben, { name: 'late', model: 'late' });
  await requestApproval(world, ana, { model: 'late', version: 1 });
  await approve(world, ben, { model: 'late', version: 1 });
  return {
    world,
    ana,
    ben,
    close,
    digests: [...files.keys()],
    modelFile: (digest) => Promise.resolve(files.get(digest) ?? Buffer.alloc(0)),
  };
}
