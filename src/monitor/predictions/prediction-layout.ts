import { createHash } from 'node:crypto';
import type { ColumnPlace, StoredRecord } from '../../deploy/serving/log/prediction-record.ts';
import { featurePrefix, probabilityPrefix } from '../../deploy/serving/log/record-format.ts';

export type ColumnType = 'number' | 'text' | 'boolean';

/** Columns that the rows of one model and schema have in Parquet, known as far as values have been seen. */
export interface Layout {
  readonly features: Readonly<Record<string, ColumnType>>;
  readonly prediction: ColumnType | null;
  /** labels in the order of the model's probability columns; the last one is the positive class of a binary model */
  readonly classes: readonly string[];
}

export const emptyLayout: Layout = { features: {}, prediction: null, classes: [] };

export const featureColumn = (name: string): string => featurePrefix + name;
export const probabilityColumn = (label: string): string => probabilityPrefix + label;

/** The layout with what these records add; a column's type is settled by its first value. */
export function extendLayout(layout: Layout, records: readonly StoredRecord[]): Layout {
  const features: Record<string, ColumnType> = { ...layout.features };
  let { prediction, classes } = layout;
  for (const shape of new Set(records.map((record) => record.shape))) {
    const labels: string[] = [];
    for (const [name, place] of shape) {
      const type = typeOf(place);
      if (name.startsWith(featurePrefix)) {
        const feature = name.slice(featurePrefix.length);
        if (type !== null && features[feature] === undefined) features[feature] = type;
      } else if (name.startsWith(probabilityPrefix)) labels.push(name.slice(probabilityPrefix.length));
      else if (name === 'prediction') prediction ??= type;
    }
    if (labels.length > classes.length) classes = labels;
  }
  return { features, prediction, classes };
}

/** null when no row has a value. */
function typeOf({ type, byteCount }: ColumnPlace): ColumnType | null {
  if (byteCount === 0) return null;
  if (type === 'boolean') return type;
  return type === 'text' || type === 'dictionary' ? 'text' : 'number';
}

/** `model=…` folders must not leave their place, whatever a model is called. */
export const folderName = (text: string): string =>
  /^[\w.-]{1,100}$/.test(text) && !text.startsWith('.') ? text : createHash('sha256').update(text).digest('hex').slice(0, 32);
