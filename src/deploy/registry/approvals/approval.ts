import { createHash } from 'node:crypto';
import type { Instant } from '../../../platform/clock.ts';

/** What a person approves: all of it, by hash, so that a later change can't ride on the approval. */
export interface Bundle {
  /** sha256 over names and contents of the model's files; null for a model stored elsewhere */
  readonly artifactDigest: string | null;
  /** sha256 of the graph that is served */
  readonly onnxDigest: string | null;
  /** sha256 of the model's files and their Python, where a worker serves it; missing in older approvals */
  readonly workerDigest?: string | null;
  /** content hash of the dataset version that the run used */
  readonly dataVersion: string | null;
  readonly gateHash: string;
  /** sha256 of what people say in the model's card; missing in approvals from before cards were bound */
  readonly cardHash?: string | null;
  readonly alias: string;
}

/** What a version keeps of each ingredient. */
export interface StoredIngredients {
  readonly artifact_digest: string | null;
  readonly onnx_digest: string | null;
  readonly bundle_digest: string | null;
  readonly python: string | null;
  readonly data_version: string | null;
  readonly gate_hash: string | null;
  readonly card_hash: string | null;
}

/** What there is to approve of a version, as it is stored on it. */
export const storedBundle = (row: StoredIngredients, alias: string): Bundle => ({
  artifactDigest: row.artifact_digest,
  onnxDigest: row.onnx_digest,
  workerDigest: row.bundle_digest === null ? null : sha256([row.bundle_digest, row.python]),
  dataVersion: row.data_version,
  gateHash: row.gate_hash ?? '',
  cardHash: row.card_hash,
  alias,
});

const sha256 = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

export const bundleHash = (bundle: Bundle): string =>
  sha256([
    bundle.artifactDigest,
    bundle.onnxDigest,
    bundle.workerDigest ?? null,
    bundle.dataVersion,
    bundle.gateHash,
    bundle.cardHash ?? null,
    bundle.alias,
  ]);

/** Names what differs between two bundles, in the user's words. */
export function changesOf(before: Bundle, now: Bundle): string[] {
  return [
    ...(before.artifactDigest === now.artifactDigest &&
    before.onnxDigest === now.onnxDigest &&
    (before.workerDigest === undefined || before.workerDigest === now.workerDigest)
      ? []
      : ['the model']),
    ...(before.dataVersion === now.dataVersion ? [] : ['its data version']),
    ...(before.gateHash === now.gateHash ? [] : ['the gate report']),
    ...(before.cardHash === undefined || before.cardHash === now.cardHash ? [] : ['the card']),
    ...(before.alias === now.alias ? [] : ['the alias']),
  ];
}

/** Where an approval stands; it lapses without anybody's doing, so that nothing has to be awake for it. */
export type ApprovalState = 'waiting' | 'granted' | 'refused' | 'void' | 'withdrawn' | 'expired';

/** The stored state with its end in time. */
export const stateAt = (
  stored: Exclude<ApprovalState, 'expired'>,
  expiresAt: Instant | null,
  now: Instant,
): ApprovalState =>
  (stored === 'waiting' || stored === 'granted') && expiresAt !== null && expiresAt <= now
    ? 'expired'
    : stored;
