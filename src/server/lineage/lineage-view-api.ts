import { z } from 'zod';
import { lineageEdge, lineageKind } from '../../develop/lineage/lineage-api.ts';

/** A thing with what people call it: a run by its name, an execution by its stage. */
export const namedNode = z.object({
  kind: lineageKind,
  id: z.string(),
  name: z.string(),
  /** version, hash, project: what tells it from its namesakes */
  detail: z.string().nullable(),
  /** of a run or an execution: how it went */
  state: z.string().nullable(),
});
export type NamedNode = z.infer<typeof namedNode>;

export const lineageView = z.object({
  /** the nearest 2,000, nearest first */
  nodes: z.array(namedNode),
  edges: z.array(lineageEdge),
  /** nodes further away than those */
  leftOut: z.number(),
});
export type LineageView = z.infer<typeof lineageView>;
