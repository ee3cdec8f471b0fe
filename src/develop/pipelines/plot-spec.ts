import { yamlMap, type YamlMap, type YamlValue } from '../dvc-files/yaml-value.ts';
import type { Plot } from './plot-data.ts';

/** Colours of revisions, in the order in which they are asked for. */
export const colours = ['#945dd6', '#13adc7', '#f46837', '#48bb78', '#4299e1', '#ed8936', '#f56565'] as const;

const map = (entries: Readonly<Record<string, YamlValue | undefined>>): YamlMap => yamlMap(entries);

/** A line for each revision and field, as a Vega-Lite chart. */
export function vegaOf({ definition, revisions, rows, x, y }: Plot): YamlMap {
  const hasFields = rows.some((row) => row.has('field'));
  const axis = (field: string, label: string | undefined): YamlMap =>
    map({
      field,
      type: 'quantitative',
      title: label ?? (field === 'dvc_inferred_y_value' ? 'y' : field),
      scale: map({ zero: false }),
    });
  return map({
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    data: map({ values: rows.map((row) => new Map(row)) }),
    title: map({ text: definition.title, anchor: 'middle' }),
    width: 300n,
    height: 300n,
    mark: map({ type: 'line', point: true, tooltip: map({ content: 'data' }) }),
    encoding: map({
      x: axis(x, definition.xLabel),
      y: axis(y, definition.yLabel),
      color: map({
        field: 'rev',
        type: 'nominal',
        scale: map({
          domain: [...revisions],
          range: revisions.map((_, at) => colours[at % colours.length] ?? ''),
        }),
      }),
      strokeDash: hasFields ? map({ field: 'field', type: 'nominal' }) : undefined,
    }),
  });
}
