import { TilthError } from '../../../platform/errors.ts';
import { readExtras, type AskedPrediction } from './asked-prediction.ts';
import { parseCsv } from './csv.ts';
import { readKnownSplit, rememberSplit } from '../engines/known-splits.ts';
import { parsePythonJson } from '../../../platform/python-json.ts';
import { parseRequestJson, type NumberList, type ParsedRequest } from './number-lists.ts';
import {
  takeBlock,
  takeRows,
  wholeColumn,
  type Cell,
  type Column,
  type Layout,
  type Rows,
} from '../engines/rows.ts';
import type { Label, Scores } from '../engines/scores.ts';
import { bodyUnreadable, contentTypeUnknown, shapeWrong } from '../serving-errors.ts';

const formats = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

/**
 * Reads the body of `POST /invocations` as MLflow's scoring server does.
 *
 * @throws SERVING_CONTENT_TYPE_UNKNOWN, SERVING_BODY_UNREADABLE
 * @see https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
 */
export function readInvocation(
  body: Buffer,
  contentType: string,
  requestId: string | undefined,
): AskedPrediction {
  const type = mediaType(contentType);
  if (type === 'text/csv') {
    const text = body.toString();
    return {
      requestId,
      keys: null,
      eventAt: null,
      outputNames: undefined,
      rowsFor: (layout) => rowsOfCsv(layout, text),
    };
  }
  if (type !== 'application/json') throw contentTypeUnknown(contentType);
  const known = readKnownSplit(body);
  if (known !== undefined) {
    const { columns, numbers } = known;
    const rowsFor = (layout: Layout): Rows =>
      takeBlock(layout, columns, numbers.values) ?? rowsOfNumbers(layout, columns, numbers);
    return { requestId, keys: null, eventAt: null, outputNames: undefined, rowsFor };
  }
  const { document, numbersIn } = parseDocument(body);
  const given = formats.filter((name) => name in document);
  const [format] = given;
  if (format === undefined || given.length > 1) {
    throw bodyUnreadable(
      given.length === 0
        ? `The body must have exactly one of ${formats.join(', ')}; it has ${Object.keys(document).join(', ') || 'nothing'}.`
        : `The body must have exactly one of ${formats.join(', ')}; it has ${given.join(' and ')}.`,
    );
  }
  const value = document[format];
  if (format === 'dataframe_split') rememberSplit(body);
  return {
    requestId,
    ...readExtras(document['params']),
    outputNames: undefined,
    rowsFor: (layout) => readers[format](layout, value, numbersIn),
  };
}

/** The media type when its only parameter is charset=utf-8, else undefined. */
function mediaType(contentType: string): string | undefined {
  const [type = '', ...parameters] = contentType
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  return parameters.every((parameter) => /^charset="?utf-8"?$/.test(parameter)) ? type : undefined;
}

function parseDocument(body: Buffer): ParsedRequest & { document: Record<string, unknown> } {
  let request: ParsedRequest;
  try {
    // under another format, "data" may be the name of a column
    const isSplit = body.includes('"dataframe_split"');
    request = isSplit
      ? parseRequestJson(body, 'columns')
      : { document: parsePythonJson(body.toString()), numbersIn: () => undefined };
  } catch (cause) {
    throw bodyUnreadable('The body is not valid JSON.', undefined, cause);
  }
  const { document, numbersIn } = request;
  if (!isRecord(document))
    throw bodyUnreadable(`The body must be a JSON object with one of ${formats.join(', ')}.`);
  return { document, numbersIn };
}

type Reader = (layout: Layout, value: unknown, numbersIn: ParsedRequest['numbersIn']) => Rows;

const readers: Record<(typeof formats)[number], Reader> = {
  dataframe_split: (layout, value, numbersIn) => {
    const { columns, data } = (value ?? {}) as { columns?: unknown; data?: unknown };
    if (columns !== undefined && !Array.isArray(columns))
      throw bodyUnreadable('dataframe_split has "columns" that is no list.');
    const names = (columns as string[] | undefined) ?? layout.names;
    const numbers = numbersIn(data);
    if (numbers !== undefined) return rowsOfNumbers(layout, names, numbers);
    if (!Array.isArray(data)) throw bodyUnreadable('dataframe_split must have "data", a list of rows.');
    return rowsOfLists(layout, names, data);
  },
  dataframe_records: (layout, value) => {
    if (!Array.isArray(value)) throw bodyUnreadable('dataframe_records must be a list of objects.');
    return rowsOfRecords(layout, value);
  },
  instances: (layout, value) => {
    if (!Array.isArray(value)) throw bodyUnreadable('instances must be a list.');
    return value.every(isRecord) ? rowsOfRecords(layout, value) : rowsOfUnnamed(layout, value);
  },
  inputs: (layout, value) => {
    if (Array.isArray(value))
      return value.every(isRecord) ? rowsOfRecords(layout, value) : rowsOfUnnamed(layout, value);
    if (!isRecord(value)) throw bodyUnreadable('inputs must be an object of columns, or a list of rows.');
    return rowsOfColumns(layout, value);
  },
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function rowsOfLists(layout: Layout, columns: readonly string[], data: readonly unknown[]): Rows {
  for (const [index, row] of data.entries()) {
    if (!Array.isArray(row)) throw bodyUnreadable(`Row ${index} of "data" is not a list.`);
    if (row.length !== columns.length) {
      throw shapeWrong(`Row ${index} has ${row.length} values for ${columns.length} columns.`);
    }
  }
  const rows = data as readonly (readonly Cell[])[];
  const positions = new Map(columns.map((name, index) => [name, index]));
  return takeRows(layout, rows.length, (name) => {
    const place = positions.get(name);
    return place === undefined ? undefined : { rows, place };
  });
}

function rowsOfNumbers(layout: Layout, columns: readonly string[], { values, rowLength }: NumberList): Rows {
  if (rowLength === undefined) throw bodyUnreadable('Row 0 of "data" is not a list.');
  if (rowLength !== columns.length)
    throw shapeWrong(`Row 0 has ${rowLength} values for ${columns.length} columns.`);
  const positions = new Map(columns.map((name, index) => [name, index]));
  const rowCount = values.length / rowLength;
  return takeRows(layout, rowCount, (name) => {
    const position = positions.get(name);
    return position === undefined
      ? undefined
      : wholeColumn(values.subarray(position * rowCount, (position + 1) * rowCount));
  });
}

function rowsOfRecords(layout: Layout, records: readonly unknown[]): Rows {
  for (const [index, record] of records.entries()) {
    if (!isRecord(record)) throw bodyUnreadable(`Row ${index} is not an object.`);
  }
  const rows = records as readonly Record<string, Cell>[];
  return takeRows(layout, rows.length, (name) => {
    // as in a data frame: a column that some rows have is missing values in the others
    const isThere = rows.length === 0 || rows.some((row) => name in row);
    return isThere ? wholeColumn(rows.map((row) => row[name] ?? null)) : undefined;
  });
}

/** Rows without column names: only a model of one block can tell what they mean. */
function rowsOfUnnamed(layout: Layout, data: readonly unknown[]): Rows {
  if (layout.inputs.length > 1) {
    throw shapeWrong(
      `The model takes columns by name (${layout.names.join(', ')}); rows without names can't be told apart.`,
    );
  }
  return rowsOfLists(
    layout,
    layout.names,
    data.map((row) => (Array.isArray(row) ? row : [row])),
  );
}

function rowsOfColumns(layout: Layout, columns: Record<string, unknown>): Rows {
  const lists = new Map<string, Column>();
  for (const [name, values] of Object.entries(columns)) {
    const list = Array.isArray(values) ? values : [values];
    // a tensor of shape [N, 1] per column is as good as a list
    lists.set(name, list.every((one) => Array.isArray(one) && one.length === 1) ? list.flat() : list);
  }
  const block = layout.inputs.length === 1 ? columns[layout.inputs[0]?.tensor.name ?? ''] : undefined;
  if (Array.isArray(block) && layout.features.length > 1) return rowsOfUnnamed(layout, block);
  const rowCount = lists.get(layout.names[0] ?? '')?.length ?? 0;
  return takeRows(layout, rowCount, (name) => {
    const list = lists.get(name);
    return list === undefined ? undefined : wholeColumn(list);
  });
}

/** What pandas reads as a missing value. */
const missing = new Set([
  '',
  '#N/A',
  '#NA',
  'N/A',
  'NA',
  'NULL',
  'NaN',
  'None',
  'n/a',
  'nan',
  'null',
  '<NA>',
]);

function rowsOfCsv(layout: Layout, text: string): Rows {
  const [header, ...lines] = parseCsv(text);
  if (header === undefined) throw bodyUnreadable('The csv has no header line.');
  const features = header.map((name) => layout.features[layout.indexes.get(name) ?? -1]);
  const rows = lines.map((line) =>
    line.map((cell, index): Cell => {
      if (missing.has(cell)) return null;
      if (features[index]?.datatype === 'BYTES') return cell;
      if (features[index]?.isBoolean === true && /^(true|false)$/i.test(cell))
        return cell.toLowerCase() === 'true';
      const number = Number(cell);
      return Number.isNaN(number) ? cell : number;
    }),
  );
  return rowsOfLists(layout, header, rows);
}

/** Python writes a space after comma and colon; so do we. */
export const writePredictions = (scores: Scores): string =>
  `{"predictions": [${scores.labels.map(jsonOf).join(', ')}]}`;

const jsonOf = (label: Label): string => (Number.isFinite(label) ? String(label) : JSON.stringify(label));

/** The same failure in MLflow's words; the hint goes along, a stack trace never. */
export function writeMlflowError(error: TilthError): string {
  const message = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  return JSON.stringify({ error_code: mlflowCode(error), message });
}

function mlflowCode(error: TilthError): string {
  switch (error.code) {
    case 'SERVING_COLUMN_MISSING':
    case 'SERVING_SHAPE_WRONG':
      return 'INVALID_PARAMETER_VALUE';
    case 'SERVING_ENDPOINT_UNKNOWN':
    case 'SERVING_NOTHING_SERVED':
    case 'NOT_FOUND':
      return 'RESOURCE_DOES_NOT_EXIST';
    case 'SERVING_BUSY':
    case 'SERVING_DEADLINE_TOO_SHORT':
      return 'RESOURCE_EXHAUSTED';
    default:
      if (error.status < 500) return 'BAD_REQUEST';
      return error.status === 503 ? 'TEMPORARILY_UNAVAILABLE' : 'INTERNAL_ERROR';
  }
}
