import { z } from 'zod';
import { exchangeKinds } from './exchange-kinds.ts';

export const importRequest = z.object({
  /** an absolute path on the server's machine: a SQLite file or an mlruns folder; `sqlite:///…` too */
  source: z.string().min(1),
  /** where the artifacts of the source lie now, when that is elsewhere */
  artifacts: z.string().min(1).optional(),
  /** only say what would be taken */
  isDryRun: z.boolean().default(false),
  /** what has the id or the name of something else here comes in under another, instead of refusing */
  renames: z.boolean().default(false),
});
export type ImportRequest = z.infer<typeof importRequest>;

export const exportRequest = z.object({
  /** an absolute path on the server's machine; a SQLite file when it ends in .db, .sqlite or .sqlite3 */
  target: z.string().min(1),
  /** only these experiments, by id, without the model registry */
  experiments: z.array(z.string()).optional(),
});
export type ExportRequest = z.infer<typeof exportRequest>;

export const exchangeStarted = z.object({ job: z.string() });

const left = z.object({ kind: z.string(), id: z.string().optional(), count: z.number(), reason: z.string() });

const kind = z.enum(exchangeKinds);
export type ExchangeKind = z.infer<typeof kind>;

export const importReport = z.object({
  source: z.string(),
  format: z.enum(['sqlite', 'mlruns']),
  isDryRun: z.boolean(),
  /** of each kind: how many are new here, were here and got something new, and are here as they are there */
  taken: z.record(kind, z.object({ new: z.number(), changed: z.number(), same: z.number() })),
  pointCount: z.number(),
  files: z.object({ count: z.number(), byteCount: z.number() }),
  /** experiments and models that have another id or name here */
  renamed: z.array(z.object({ kind, from: z.string(), to: z.string() })),
  /** what has the id or name of something else here; an import refuses, a dry run lists them */
  clashes: z.array(z.string()),
  left: z.array(left),
});
export type ImportReport = z.infer<typeof importReport>;

export const exportReport = z.object({
  target: z.string(),
  format: z.enum(['sqlite', 'mlruns']),
  written: z.record(kind, z.number()),
  pointCount: z.number(),
  files: z.object({ count: z.number(), byteCount: z.number() }),
  left: z.array(left),
});
export type ExportReport = z.infer<typeof exportReport>;
