/** Files of one format with the same columns. */
export interface FileGroup {
  readonly format: 'parquet' | 'csv' | 'json-lines';
  /** absolute */
  readonly files: readonly string[];
  /** name → DuckDB type; of CSV and JSON lines all are text */
  readonly columns: ReadonlyMap<string, string>;
  readonly delimiter: string;
}
