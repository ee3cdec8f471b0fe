import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { Cache } from '../dvc-files/cache.ts';
import { parseJson } from '../dvc-files/params-file.ts';
import { recordedText } from '../dvc-files/recorded-text.ts';
import { readYaml } from '../dvc-files/yaml-read.ts';
import {
  isList,
  isMap,
  textOf,
  type YamlMap,
  type YamlScalar,
  type YamlValue,
} from '../dvc-files/yaml-value.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Revision } from './value-files.ts';

/** One plot as `dvc.yaml` defines it. */
export interface PlotDefinition {
  /** its path, or the name it has at the top of a `dvc.yaml` */
  readonly id: string;
  /** absolute path → the fields of it that are drawn; none means the last one */
  readonly sources: ReadonlyMap<string, readonly string[]>;
  readonly x: string | undefined;
  readonly title: string;
  readonly xLabel: string | undefined;
  readonly yLabel: string | undefined;
  readonly hasHeader: boolean;
}

/** One point: its fields, the revision it is of, and, where several fields are drawn, which one. */
export type PlotRow = ReadonlyMap<string, YamlScalar>;

export interface Plot {
  readonly definition: PlotDefinition;
  readonly revisions: readonly string[];
  readonly rows: readonly PlotRow[];
  readonly x: string;
  readonly y: string;
  /** undefined of a plot that is a picture */
  readonly isImage: boolean;
  readonly errors: readonly string[];
}

const images = new Set(['.png', '.jpg', '.jpeg', '.gif', '.svg', '.webp']);
const severalFields = 'dvc_inferred_y_value';

/** Plots of a revision: those at the top of each `dvc.yaml`, and those that stages make. */
export function plotsOf({ index, files }: Revision, folder: string): PlotDefinition[] {
  const top = files.flatMap((file) =>
    file.plots.map(([id, fields]) => definitionOf(id, fields, dirname(file.file))),
  );
  const named = new Set(top.flatMap(({ sources }) => [...sources.keys()]));
  const made = index.outs
    .filter(({ kind, path }) => kind === 'plot' && !named.has(path))
    .map(({ path, fields }) => definitionOf(relative(folder, path), fields, folder));
  return [...top, ...made];
}

function definitionOf(id: string, fields: YamlMap, folder: string): PlotDefinition {
  const y = fields.get('y');
  const sources = new Map<string, readonly string[]>();
  if (isMap(y))
    for (const [path, names] of y) sources.set(resolve(folder, textOf(path) ?? ''), namesOf(names));
  else sources.set(resolve(folder, id), namesOf(y));
  const x = fields.get('x');
  return {
    id,
    sources,
    x: isMap(x) ? textOf([...x.values()][0]) : textOf(x),
    title: textOf(fields.get('title')) ?? id,
    xLabel: textOf(fields.get('x_label')),
    yLabel: textOf(fields.get('y_label')),
    hasHeader: fields.get('header') !== false,
  };
}

const namesOf = (value: YamlValue | undefined): string[] =>
  isList(value)
    ? value.map((one) => textOf(one) ?? '')
    : value === undefined || value === null
      ? []
      : [textOf(value) ?? ''];

/** The points of a plot in each revision, in their order. */
export function plotIn(definition: PlotDefinition, revisions: ReadonlyMap<string, Revision>): Plot {
  const rows: Map<string, YamlScalar>[] = [];
  const errors: string[] = [];
  const found = new Set<string>();
  const fieldCount = [...definition.sources.values()].reduce(
    (sum, names) => sum + Math.max(1, names.length),
    0,
  );
  let { x } = definition;
  let y = '';
  const isImage = [...definition.sources.keys()].every((path) => images.has(extname(path).toLowerCase()));
  for (const [name, { index }] of isImage ? [] : revisions) {
    const cache = new Cache(index.repository);
    try {
      for (const [path, wanted] of definition.sources) {
        const text = recordedText(index, cache, path);
        if (text === undefined) continue;
        const points = pointsOf(text, path, definition.hasHeader);
        const last = [...(points[0]?.keys() ?? [])].at(-1) ?? '';
        for (const field of wanted.length === 0 ? [last] : wanted) {
          x ??= 'step';
          y = fieldCount > 1 ? severalFields : field;
          for (const [at, point] of points.entries())
            rows.push(rowOf(point, { at, x, field, name, isOneOfMany: fieldCount > 1 }));
        }
        found.add(name);
      }
    } catch (reason) {
      errors.push(`${name}: ${messageOf(reason)}`);
    } finally {
      cache.close();
    }
  }
  return {
    definition, // a picture is shown as it is now
    revisions: isImage ? [...revisions.keys()].slice(0, 1) : [...found],
    rows,
    x: x ?? 'step',
    y,
    isImage,
    errors,
  };
}

interface Place {
  readonly at: number;
  readonly x: string;
  readonly field: string;
  readonly name: string;
  readonly isOneOfMany: boolean;
}

function rowOf(point: PlotRow, { at, x, field, name, isOneOfMany }: Place): Map<string, YamlScalar> {
  const row = new Map(point);
  if (!row.has(x)) row.set(x, BigInt(at));
  if (isOneOfMany) row.set(severalFields, point.get(field) ?? null);
  row.set('rev', name);
  if (isOneOfMany) row.set('field', field);
  return row;
}

/** Rows of a CSV, TSV, JSON or YAML file: the first list of maps that is in it. */
function pointsOf(text: string, path: string, hasHeader: boolean): PlotRow[] {
  const kind = extname(path).toLowerCase();
  if (kind === '.csv' || kind === '.tsv') return table(text, kind === '.csv' ? ',' : '\t', hasHeader);
  const value = kind === '.json' ? parseJson(text, basename(path)) : readYaml(text, basename(path));
  return (firstList(value) ?? [])
    .filter(isMap)
    .map(
      (row) =>
        new Map(
          [...row].flatMap(([key, item]): [string, YamlScalar][] =>
            isMap(item) || isList(item) ? [] : [[String(key), item]],
          ),
        ),
    );
}

function firstList(value: YamlValue): readonly YamlValue[] | undefined {
  if (isList(value)) return value.some((item) => isMap(item)) ? value : undefined;
  if (!isMap(value)) return undefined;
  for (const item of value.values()) {
    const found = firstList(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** dvc keeps the texts of a table's cells as they are. */
function table(text: string, separator: string, hasHeader: boolean): PlotRow[] {
  const lines = text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => cells(line, separator));
  const head = hasHeader ? (lines.shift() ?? []) : (lines[0] ?? []).map((_, at) => String(at));
  return lines.map((line) => new Map(head.map((name, at) => [name, line[at] ?? ''])));
}

const cells = (line: string, separator: string): string[] =>
  [...line.matchAll(separator === ',' ? /("(?:[^"]|"")*"|[^,]*)(?:,|$)/g : /([^\t]*)(?:\t|$)/g)]
    .slice(0, line.endsWith(separator) ? undefined : -1)
    .map(([, cell = '']) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell));

/** Absolute path of a picture that a plot is. */
export const imageOf = ({ sources }: PlotDefinition): string => [...sources.keys()][0] ?? join('.');
