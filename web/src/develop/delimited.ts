/** A table as it is shown: its heading and some of its rows. */
export interface Grid {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Rows of a CSV or TSV text (RFC 4180), at most `limit` after the heading; a row that the text breaks off in is left out. */
export function delimited(text: string, separator: string, limit: number, isWhole = true): Grid {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  let isDone = false;
  while (at < text.length && rows.length <= limit) {
    isDone = false;
    let cell = '';
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const end = text.indexOf('"', at);
        cell += text.slice(at, end === -1 ? undefined : end);
        at = end === -1 ? text.length : end + 1;
        if (text[at] !== '"') break;
        cell += '"';
        at += 1;
      }
    }
    const from = at;
    while (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r') at += 1;
    row.push(cell + text.slice(from, at));
    if (text[at] === separator) {
      at += 1;
      if (at < text.length) continue;
      row.push('');
    }
    if (text[at] === '\r') at += 1;
    if (text[at] === '\n') {
      at += 1;
      isDone = true;
    }
    if (at < text.length || isDone || isWhole) rows.push(row);
    row = [];
  }
  return { columns: rows[0] ?? [], rows: rows.slice(1, limit + 1) };
}

/** A table of JSON: MLflow's `log_table` ({columns, data}), a list of records, or a record of columns; undefined for other JSON. */
export function gridOfJson(value: unknown, limit: number): Grid | undefined {
  if (isRecord(value) && Array.isArray(value['columns']) && Array.isArray(value['data'])) {
    return { columns: value['columns'].map(said), rows: value['data'].slice(0, limit).map((row: unknown) => (Array.isArray(row) ? row.map(said) : [said(row)])) };
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isRecord)) {
    const rows = value.slice(0, limit);
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return { columns, rows: rows.map((row) => columns.map((column) => said(row[column]))) };
  }
  return undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const said = (value: unknown): string => (value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value));
