import { TilthError, messageOf } from '../../platform/errors.ts';
import { Analytics, dataFile, type Cell } from '../windows/analytics.ts';
import { identifier } from '../../platform/sql-text.ts';

/** Names of the columns that are not inputs of the model. */
export interface ReplayColumns {
  readonly id: string;
  readonly time: string;
  readonly label: string;
  readonly labelTime: string;
}

export interface ReplayLabel {
  readonly key: string;
  readonly label: string | number | boolean;
  readonly observedAt: number;
}

/** Rows in the order in which they happened, column by column. */
export interface ReplayRows {
  readonly keys: readonly string[];
  /** ms since the epoch */
  readonly eventAt: readonly number[];
  readonly features: ReadonlyMap<string, readonly Cell[]>;
}

/** A file of traffic in time order: each row has a fixed place in it, whatever part is replayed. */
export class ReplaySource {
  readonly features: readonly string[];
  readonly #analytics: Analytics;

  private constructor(analytics: Analytics, features: readonly string[]) {
    this.#analytics = analytics;
    this.features = features;
  }

  /** @throws REPLAY_FILE_UNREADABLE, REPLAY_COLUMN_MISSING */
  static async open(path: string, columns: ReplayColumns): Promise<ReplaySource> {
    const analytics = new Analytics();
    try {
      const described = await analytics
        .rows(`DESCRIBE SELECT * FROM ${dataFile(path)}`)
        .catch((cause: unknown) => {
          throw new TilthError(
            'REPLAY_FILE_UNREADABLE',
            400,
            `${path} can't be read as Parquet or CSV: ${messageOf(cause)}`,
            undefined,
            { cause },
          );
        });
      const names = described.map((row) => String(row[0]));
      for (const flag of ['id', 'time', 'label', 'labelTime'] as const) {
        if (!names.includes(columns[flag])) throw columnMissing(path, flag, columns[flag], names);
      }
      const own = new Set<string>(Object.values(columns));
      const features = names.filter((name) => !own.has(name));
      const [id, time, label, labelTime] = [columns.id, columns.time, columns.label, columns.labelTime].map(
        identifier,
      );
      await analytics.run(`CREATE TEMP TABLE traffic AS
        SELECT row_number() OVER (ORDER BY ${time}, ${id}) - 1 AS place, ${id}::VARCHAR AS key,
          epoch_ms(${time})::DOUBLE AS event_ms, ${label} AS label, epoch_ms(${labelTime})::DOUBLE AS label_ms,
          ${features.map((name) => `${identifier(name)} AS ${identifier(`in_${name}`)}`).join(', ')}
        FROM ${dataFile(path)} ORDER BY place`);
      return new ReplaySource(analytics, features);
    } catch (cause) {
      await analytics.close();
      throw cause;
    }
  }

  close(): Promise<void> {
    return this.#analytics.close();
  }

  /** First and last time in the file, and how many rows it has. */
  async range(): Promise<{ first: number; last: number; rowCount: number }> {
    const [row = []] = await this.#analytics.rows(
      'SELECT min(event_ms), max(event_ms), count(*)::DOUBLE FROM traffic',
    );
    return { first: Number(row[0]), last: Number(row[1]), rowCount: Number(row[2]) };
  }

  /** Places of the rows that happened in [from, to): `end` is the place after the last. */
  async places(from: number, to: number): Promise<{ start: number; end: number }> {
    const [row = []] = await this.#analytics.rows(
      `SELECT count(*) FILTER (event_ms < ${from})::DOUBLE, count(*) FILTER (event_ms < ${to})::DOUBLE FROM traffic`,
    );
    return { start: Number(row[0]), end: Number(row[1]) };
  }

  /** Rows at the places [start, end). */
  async rows(start: number, end: number, features: readonly string[]): Promise<ReplayRows> {
    const inputs = features.map((name) => {
      const column = identifier(`in_${name}`);
      return `, CASE WHEN typeof(${column}) IN ('VARCHAR', 'BOOLEAN') THEN NULL ELSE try_cast(${column} AS DOUBLE) END, CASE WHEN typeof(${column}) IN ('VARCHAR', 'BOOLEAN') THEN ${column}::VARCHAR END`;
    });
    const [keys = [], eventAt = [], ...cells] = await this.#analytics.columns(
      `SELECT key, event_ms${inputs.join('')} FROM traffic WHERE place >= ${start} AND place < ${end} ORDER BY place`,
    );
    const columns = features.map((name, index): [string, Cell[]] => {
      const [numbers = [], texts = []] = [cells[2 * index], cells[2 * index + 1]];
      return [name, texts.some((text) => text !== null) ? texts : numbers];
    });
    return { keys: keys as string[], eventAt: eventAt as number[], features: new Map(columns) };
  }

  /** Labels that were observed in (after, until], of rows that happened in [from, to), in the order of their observation. */
  async labels(after: number, until: number, from: number, to: number): Promise<ReplayLabel[]> {
    const rows = await this.#analytics.rows(`
      SELECT key, CASE WHEN typeof(label) = 'VARCHAR' THEN NULL ELSE try_cast(label AS DOUBLE) END, label::VARCHAR, label_ms FROM traffic
      WHERE label IS NOT NULL AND label_ms > ${after} AND label_ms <= ${until} AND event_ms >= ${from} AND event_ms < ${to}
      ORDER BY label_ms, place`);
    return rows.map(([key, number, text, at]) => ({
      key: String(key),
      label: (number as number | null) ?? String(text),
      observedAt: Number(at),
    }));
  }
}

const flagNames = { id: '--id', time: '--time', label: '--label', labelTime: '--label-time' } as const;

const columnMissing = (
  path: string,
  flag: keyof typeof flagNames,
  name: string,
  names: readonly string[],
): TilthError =>
  new TilthError(
    'REPLAY_COLUMN_MISSING',
    400,
    `${path} has no column ${JSON.stringify(name)}; it has ${names.join(', ')}.`,
    `Name the column with ${flagNames[flag]} NAME`,
  );
