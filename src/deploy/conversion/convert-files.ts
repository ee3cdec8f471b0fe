import { z } from 'zod';
import type { ServedSchema } from '../serving/serving-api.ts';

/** What `python/convert/convert.py` writes; read once here, trusted afterwards. */
export const schemaFile = z.object({
  format: z.literal(1),
  engine: z.enum(['onnx', 'python']),
  task: z.string(),
  classes: z.array(z.union([z.string(), z.number(), z.boolean()])).nullable(),
  byName: z.boolean(),
  inputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.enum(['FP32', 'BYTES']),
      shape: z.array(z.number().int()),
      columns: z.array(z.object({ name: z.string(), type: z.string() })),
    }),
  ),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.enum(['BOOL', 'INT32', 'INT64', 'FP32', 'FP64', 'BYTES']),
      shape: z.array(z.number().int()),
      role: z.string(),
    }),
  ),
  versions: z.record(z.string(), z.string()),
});
export type SchemaFile = z.infer<typeof schemaFile>;

const cell = z.union([z.number(), z.string(), z.boolean(), z.null()]);

export const expectedFile = z.object({
  format: z.literal(1),
  count: z.number().int(),
  parts: z.array(z.object({ kind: z.string(), from: z.number().int(), to: z.number().int() })),
  skipped: z.array(z.object({ kind: z.string(), column: z.string(), reason: z.string() })),
  columns: z.record(z.string(), z.array(cell)),
  predict: z.array(z.unknown()),
  predict_proba: z.array(z.array(z.number())).nullable(),
});
export type ExpectedFile = z.infer<typeof expectedFile>;

export const failureFile = z.object({
  format: z.literal(1),
  code: z.string(),
  reason: z.string(),
  detail: z.string(),
});
export type FailureFile = z.infer<typeof failureFile>;

const fractions = new Set(['double', 'float']);

/**
 * The schema that requests are held to.
 * A number may be missing only where the Python model was asked with a missing one and answered.
 */
export function servedSchemaOf(file: SchemaFile, expected: ExpectedFile): ServedSchema {
  const isMissingTried = expected.parts.some((part) => part.kind === 'missing');
  const refused = new Set(
    expected.skipped.filter((skip) => skip.kind === 'missing').map((skip) => skip.column),
  );
  return {
    inputs: file.inputs.map((input) => ({
      name: input.name,
      datatype: input.datatype,
      shape: withoutBatch(input.shape),
      nullable:
        isMissingTried &&
        input.datatype === 'FP32' &&
        input.columns.every((column) => fractions.has(column.type) && !refused.has(column.name)),
      // a block of several columns; a single one bears its own name
      ...(input.columns.length > 1 ? { columns: input.columns.map((column) => column.name) } : {}),
    })),
    outputs: file.outputs.map((output) => ({
      name: output.name,
      datatype: output.datatype,
      shape: withoutBatch(output.shape),
      nullable: false,
    })),
    classes: (file.classes ?? []).map((label) => (typeof label === 'boolean' ? Number(label) : label)),
  };
}

const withoutBatch = (shape: readonly number[]): number[] => (shape.length > 1 ? shape.slice(1) : [1]);
