import { z } from 'zod';

/**
 * Sorts of things that come from each other. A dataset version is `name@md5`, a model version `name/3`; what OpenLineage
 * events tell of others' work is `external-run` (a UUID) and `external-dataset` (`namespace/name@version`).
 */
export const lineageKind = z.enum(['dataset-version', 'run', 'model-version', 'endpoint', 'job', 'pipeline-execution', 'external-run', 'external-dataset']);
export type LineageKind = z.infer<typeof lineageKind>;

export const lineageNode = z.object({ kind: lineageKind, id: z.string() });
export type LineageNode = z.infer<typeof lineageNode>;

export const lineageEdge = z.object({ from: lineageNode, to: lineageNode, relation: z.string(), at: z.number() });
export type LineageEdge = z.infer<typeof lineageEdge>;

export const lineageGraph = z.object({ nodes: z.array(lineageNode), edges: z.array(lineageEdge) });
export type LineageGraph = z.infer<typeof lineageGraph>;
