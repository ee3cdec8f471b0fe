import { z } from 'zod';
import { datatype, type ServedSchema } from '../serving/serving-api.ts';

/** What `python/convert/convert.py` writes; read once here, trusted afterwards. */
export const schemaFile = z.object({
  format: z.literal(2),
  engine: z.enum(['onnx', 'python']),
  /** binary-classification, multiclass-classification, regression, labels (without saying which there are), other */
  task: z.string(),
  classes: z.array(z.union([z.string(), z.number(), z.boolean()])).nullable(),
  byName: z.boolean(),
  inputs: z.array(
    z.object({
      name: z.string(),
      datatype,
      shape: z.array(z.number().int()),
      columns: z.array(z.object({ name: z.string(), type: z.string() })),
    }),
  ),
  outputs: z.array(
    z.object({ name: z.string(), datatype, shape: z.array(z.number().int()), role: z.string() }),
  ),
  versions: z.record(z.string(), z.string()),
});
export type SchemaFile = z.infer<typeof schemaFile>;

/** Graphs that load, the best first; where Python could take a first look, often the one that answered alike. */
export const candidatesFile = z.array(z.object({ file: z.string(), schema: schemaFile }));

const cell = z.union([z.number(), z.string(), z.boolean(), z.null()]);
const cells = z.record(z.string(), z.array(cell));

export const expectedFile = z.object({
  format: z.literal(2),
  count: z.number().int(),
  parts: z.array(
    z.object({
      kind: z.string(),
      from: z.number().int(),
      to: z.number().int(),
      /** so many rows in a row lie around one jump, the first ones before it; 1 where no row does */
      neighbours: z.number().int(),
    }),
  ),
  skipped: z.array(z.object({ kind: z.string(), column: z.string(), reason: z.string() })),
  columns: cells,
  predict: z.array(z.union([z.number(), z.string(), z.boolean()])),
  predict_proba: z.array(z.array(z.number())).nullable(),
  /** single rows that the original turns away */
  refused: z.array(z.object({ kind: z.string(), column: z.string(), columns: cells })),
});
export type ExpectedFile = z.infer<typeof expectedFile>;

export const failureFile = z.object({
  format: z.literal(1),
  code: z.string(),
  reason: z.string(),
  detail: z.string(),
});
export type FailureFile = z.infer<typeof failureFile>;

const fractions = new Set(['double', 'float', 'string']);

/**
 * The schema that requests are held to.
 * A value may be missing only where the Python model was asked with a missing one and answered.
 */
export function servedSchemaOf(file: SchemaFile, expected: ExpectedFile): ServedSchema {
  const answered = columnsAnsweredMissing(expected);
  return {
    inputs: file.inputs.map((input) => ({
      name: input.name,
      datatype: input.datatype,
      shape: withoutBatch(input.shape),
      nullable: input.columns.every((column) => fractions.has(column.type) && answered.has(column.name)),
      // a block of several columns; a single one bears its own name
      ...(input.columns.length > 1 ? { columns: input.columns.map((column) => column.name) } : {}),
      ...booleansOf(input),
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

/** A graph of floats takes truths as 1 and 0; callers may still say true. */
function booleansOf({ datatype: own, columns }: SchemaFile['inputs'][number]): { booleans?: string[] } {
  const booleans = columns.filter((column) => column.type === 'boolean').map((column) => column.name);
  return own === 'BOOL' || booleans.length === 0 ? {} : { booleans };
}

/** Columns that lacked a value in a row that was made to lack one. */
function columnsAnsweredMissing(expected: ExpectedFile): Set<string> {
  const found = new Set<string>();
  for (const part of expected.parts) {
    if (part.kind !== 'missing') continue;
    for (const [name, values] of Object.entries(expected.columns)) {
      if (values.slice(part.from, part.to).includes(null)) found.add(name);
    }
  }
  for (const skip of expected.skipped) if (skip.kind === 'missing') found.delete(skip.column);
  return found;
}

const withoutBatch = (shape: readonly number[]): number[] => (shape.length > 1 ? shape.slice(1) : [1]);
