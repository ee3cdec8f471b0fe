import type { ServedSchema } from '../../../src/deploy/serving/serving-api.ts';

export type Cell = number | string | boolean | null;
export type Row = Readonly<Record<string, Cell>>;

/** One value that is asked for: an input of its own, or a column of a block of inputs. */
export interface RowField {
  readonly name: string;
  readonly kind: 'text' | 'yes-no' | 'whole' | 'number';
  readonly isNullable: boolean;
}

type Input = ServedSchema['inputs'][number];

const kindOf = ({ datatype }: Input): RowField['kind'] => {
  if (datatype === 'BYTES') return 'text';
  if (datatype === 'BOOL') return 'yes-no';
  return datatype.startsWith('INT') ? 'whole' : 'number';
};

const widthOf = (input: Input): number => input.shape.reduce((size, each) => size * Math.max(each, 1), 1);

/** The columns of an input; those of a block without names are numbered, as the data plane does it. */
const columnsOf = (input: Input): readonly string[] => {
  const width = widthOf(input);
  if (width === 1) return [input.columns?.[0] ?? input.name];
  return input.columns ?? Array.from({ length: width }, (_, index) => `${input.name}_${index}`);
};

/** What a row is made of, in the order of the schema. */
export const fieldsOf = (schema: ServedSchema): RowField[] =>
  schema.inputs.flatMap((input) =>
    columnsOf(input).map((name) => ({ name, kind: kindOf(input), isNullable: input.nullable })),
  );

/** A row to begin with: what was known of each field where its type fits, else something empty. */
export const exampleRow = (
  fields: readonly RowField[],
  known: Readonly<Record<string, unknown>> | null | undefined,
): Row =>
  Object.fromEntries(
    fields.map((field) => {
      const value = known?.[field.name];
      return [field.name, fits(field, value) ? shortened(value) : emptyOf(field)];
    }),
  );

/** Without the digits that a float32 only seems to have. */
const shortened = (value: Cell): Cell => (typeof value === 'number' ? Number(value.toPrecision(7)) : value);

function fits({ kind, isNullable }: RowField, value: unknown): value is Cell {
  if (value === null) return isNullable;
  if (kind === 'text') return typeof value === 'string';
  if (kind === 'yes-no') return typeof value === 'boolean';
  return typeof value === 'number' && (kind === 'number' || Number.isInteger(value));
}

const emptyOf = ({ kind, isNullable }: RowField): Cell => {
  if (isNullable) return null;
  return kind === 'text' ? '' : kind === 'yes-no' ? false : 0;
};

/** What was typed as the value of a field; undefined where it is none. */
export function cellOf(field: RowField, text: string): Cell | undefined {
  if (field.kind === 'text') return text === '' && field.isNullable ? null : text;
  if (text.trim() === '') return field.isNullable ? null : undefined;
  if (field.kind === 'yes-no') return text === 'true' ? true : text === 'false' ? false : undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || (field.kind === 'whole' && !Number.isInteger(value))) return undefined;
  return value;
}

/** The row as a request of the Open Inference Protocol. */
export const inferBody = (schema: ServedSchema, row: Row) => ({
  inputs: schema.inputs.map((input) => ({
    name: input.name,
    datatype: input.datatype,
    shape: [1, ...input.shape],
    data: columnsOf(input).map((name) => row[name] ?? null),
  })),
});

/** An answer of the Open Inference Protocol, for one row. */
export interface InferAnswer {
  readonly id?: string;
  readonly model_version?: string;
  readonly outputs: readonly {
    readonly name: string;
    readonly data: readonly (number | string | boolean | null)[];
  }[];
}

/** Label and probabilities of the one row that was asked for. */
export function readAnswer(
  schema: ServedSchema,
  answer: InferAnswer,
): { label: Cell; probabilities: { label: string; value: number }[] } {
  const probabilities = answer.outputs.find((output) => output.name === 'probabilities')?.data ?? [];
  const label = answer.outputs.find((output) => output.name !== 'probabilities')?.data[0] ?? null;
  return {
    label,
    probabilities: probabilities.map((value, index) => ({
      label: String(schema.classes[index] ?? index),
      value: Number(value),
    })),
  };
}

/** A JSON value as Python writes it. */
export function pythonOf(value: Cell): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return JSON.stringify(value);
}

/** A row as a Python dict. */
export const pythonRow = (row: Row): string =>
  `{${Object.entries(row)
    .map(([key, value]) => `${JSON.stringify(key)}: ${pythonOf(value)}`)
    .join(', ')}}`;
