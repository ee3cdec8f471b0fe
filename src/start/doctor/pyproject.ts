import { TomlDocument } from '@decimalturn/toml-patch';
import type { ProjectFiles } from './project-files.ts';

export const pyprojectFile = 'pyproject.toml';

export type Table = Readonly<Record<string, unknown>>;

/** `pyproject.toml` as read, with where its keys stand. */
export interface Pyproject {
  readonly text: string;
  readonly data: Table;
  readonly document: TomlDocument;
}

export const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

export const isText = (value: unknown): value is string => typeof value === 'string';

/** The value below some keys, as `at(data, 'tool', 'poetry')`. */
export function at(data: unknown, ...keys: readonly string[]): unknown {
  let value = data;
  for (const key of keys) value = isTable(value) ? value[key] : undefined;
  return value;
}

export const tableAt = (data: unknown, ...keys: readonly string[]): Table => {
  const value = at(data, ...keys);
  return isTable(value) ? value : {};
};

/** @returns undefined where there is none; `fault` where it isn't TOML */
export function readPyproject(
  files: ProjectFiles,
): Pyproject | { readonly fault: string; readonly line: number } | undefined {
  const text = files.text(pyprojectFile);
  if (text === undefined) return undefined;
  try {
    const document = new TomlDocument(text);
    const data: unknown = document.toJsObject;
    return { text, document, data: isTable(data) ? data : {} };
  } catch (thrown) {
    const said = thrown instanceof Error ? thrown.message : String(thrown);
    return { fault: said.split('\n').at(-1) ?? said, line: Number(/\((\d+), \d+\)/.exec(said)?.[1] ?? 1) };
  }
}

/** The readable one, for checks of other subjects. */
export function pyprojectOf(files: ProjectFiles): Pyproject | undefined {
  const read = readPyproject(files);
  return read === undefined || 'fault' in read ? undefined : read;
}

/** Line of a key, or of the nearest table above it that is written out; from 1. */
export function lineOf({ document }: Pyproject, ...path: readonly string[]): number {
  let best = { depth: 0, line: 1 };
  const offer = (keys: readonly string[], line: number): void => {
    const isAbove = keys.length <= path.length && keys.every((key, index) => key === path[index]);
    if (isAbove && keys.length > best.depth) best = { depth: keys.length, line };
  };
  for (const block of document.cst) {
    if (block.type === 'KeyValue') offer(block.key.value, block.loc.start.line);
    if (block.type !== 'Table' && block.type !== 'TableArray') continue;
    const table = block.key.item.value;
    offer(table, block.loc.start.line);
    for (const item of block.items)
      if (item.type === 'KeyValue') offer([...table, ...item.key.value], item.loc.start.line);
  }
  return best.line;
}

export type TomlTable = Extract<TomlDocument['cst'][number], { readonly key: { readonly item: unknown } }>;
type Row = TomlTable['items'][number];

/** The lines of a table: its keys and the comments between them, without those inside a list. */
export function rowsOf(table: TomlTable): Row[] {
  const isInside = (row: Row): boolean =>
    row.type === 'Comment' &&
    table.items.some(
      (other) =>
        other.type !== 'Comment' &&
        other.loc.start.line < row.loc.start.line &&
        row.loc.start.line <= other.loc.end.line,
    );
  return table.items.filter((row) => !isInside(row));
}

/** The last line of a table; from 1. */
export const lastLineOf = (table: TomlTable): number =>
  Math.max(table.loc.start.line, ...table.items.map(({ loc }) => loc.end.line));

/** A dependency as the project asks for it. */
export interface Dependency {
  /** normalised as PyPI does */
  readonly name: string;
  readonly constraint: string;
  /** where it is asked for, for `lineOf` */
  readonly path: readonly string[];
  readonly group: string;
}

export const normalName = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-');

/** Every direct dependency of pyproject.toml, in Poetry's tables and in the standard ones. */
export function dependenciesOf({ data }: Pyproject): Dependency[] {
  const poetry = tableAt(data, 'tool', 'poetry');
  const fromTable = (group: string, ...path: string[]): Dependency[] =>
    Object.entries(tableAt(data, ...path))
      .filter(([name]) => name !== 'python')
      .map(([name, value]) => ({
        name: normalName(name),
        constraint: isText(value) ? value : isText(at(value, 'version')) ? String(at(value, 'version')) : '',
        path: [...path, name],
        group,
      }));
  const fromList = (group: string, ...path: string[]): Dependency[] => {
    const list = at(data, ...path);
    return (Array.isArray(list) ? list : []).filter(isText).map((text) => {
      const [, name = '', constraint = ''] = /^\s*([\w.-]+)(?:\[[^\]]*\])?\s*\(?([^;)]*)/.exec(text) ?? [];
      return { name: normalName(name), constraint: constraint.trim(), path, group };
    });
  };
  return [
    ...fromTable('main', 'tool', 'poetry', 'dependencies'),
    ...fromTable('dev', 'tool', 'poetry', 'dev-dependencies'),
    ...Object.keys(tableAt(poetry, 'group')).flatMap((group) =>
      fromTable(group, 'tool', 'poetry', 'group', group, 'dependencies'),
    ),
    ...fromList('main', 'project', 'dependencies'),
    ...Object.keys(tableAt(data, 'project', 'optional-dependencies')).flatMap((group) =>
      fromList(group, 'project', 'optional-dependencies', group),
    ),
    ...Object.keys(tableAt(data, 'dependency-groups')).flatMap((group) =>
      fromList(group, 'dependency-groups', group),
    ),
  ];
}

/** What Python the project says it needs, as it is written. */
export function pythonRange({ data }: Pyproject): string | undefined {
  const range =
    at(data, 'project', 'requires-python') ?? at(data, 'tool', 'poetry', 'dependencies', 'python');
  return isText(range) ? range : undefined;
}

export const usesPoetry = ({ data }: Pyproject): boolean => {
  const backend = at(data, 'build-system', 'build-backend');
  return isTable(at(data, 'tool', 'poetry')) || (isText(backend) && backend.startsWith('poetry'));
};
