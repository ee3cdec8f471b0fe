import { TomlDocument } from '@decimalturn/toml-patch';
import {
  at,
  isTable,
  isText,
  lastLineOf,
  normalName,
  rowsOf,
  tableAt,
  type Pyproject,
  type Table,
  type TomlTable,
} from './pyproject.ts';
import { asPep440 } from './python-versions.ts';

/** Keys of `[tool.poetry]` that `[project]` has under the same name. */
const sameName = ['version', 'description', 'license', 'readme', 'keywords'] as const;
const people = ['authors', 'maintainers'] as const;
const addresses = ['homepage', 'repository', 'documentation'] as const;
export const movedKeys: readonly string[] = ['name', ...sameName, ...people, ...addresses];
/** Poetry adds to them what it knows of Python and the licence, as long as they stay with it and are called dynamic. */
const classifiers = 'classifiers';

/** A name that pip, uv and PyPI take. */
export const isDistributionName = (name: string): boolean => /^[a-z\d](?:[\w.-]*[a-z\d])?$/i.test(name);

export const distributionName = (name: string): string =>
  normalName(name.normalize('NFKD').replaceAll(/[^\w.-]+/g, '-')).replaceAll(/^[-_.]+|[-_.]+$/g, '');

const quoted = (text: string): string => JSON.stringify(text);

/**
 * `pyproject.toml` with the metadata of `[tool.poetry]` as `[project]` of PEP 621; comments stay with their lines.
 *
 * @param keepsDependencies leaves Poetry's tables of dependencies as they are and calls them dynamic, which keeps
 *   the hash that poetry.lock holds of them
 * @returns undefined where the standard can't say what Poetry's tables say
 */
export function withStandardMetadata(
  { text, data, document }: Pyproject,
  keepsDependencies: boolean,
): string | undefined {
  const poetry = tableAt(data, 'tool', 'poetry');
  const { name } = poetry;
  const canMove =
    !isTable(data['project']) &&
    isText(name) &&
    distributionName(name) !== '' &&
    isText(poetry['version']) &&
    ['extras', 'plugins'].every((key) => poetry[key] === undefined) &&
    ['scripts', 'urls'].every((key) => Object.values(tableAt(poetry, key)).every(isText)) &&
    (poetry['readme'] === undefined || isText(poetry['readme'])) &&
    (poetry['license'] === undefined || (isText(poetry['license']) && /^[\w.+-]+$/.test(poetry['license'])));
  if (!canMove) return undefined;
  const lines = text.split('\n');
  const blocks = document.cst.filter((block) => block.type === 'Table');
  const tableNamed = (...keys: string[]) =>
    blocks.find(({ key }) => key.item.value.join('\0') === keys.join('\0'));
  const head = tableNamed('tool', 'poetry');
  if (head === undefined) return undefined;

  const project: string[] = [];
  const left: string[] = [];
  const urls: string[] = [];
  let comments: string[] = [];
  for (const item of rowsOf(head)) {
    const source = lines.slice(item.loc.start.line - 1, item.loc.end.line);
    if (item.type === 'Comment') {
      const isTrailing = (lines[item.loc.start.line - 1] ?? '').trim() !== item.raw.trim();
      if (!isTrailing) comments.push(item.raw);
      continue;
    }
    const key = item.key.value.join('.');
    const value = at(poetry, key);
    if ((addresses as readonly string[]).includes(key)) urls.push(...comments, ...source);
    else if (!movedKeys.includes(key)) left.push(...comments, ...source);
    else project.push(...comments, ...standardLines(key, value, source));
    comments = [];
  }

  const dependencies = keepsDependencies
    ? undefined
    : standardDependencies(poetry, tableNamed('tool', 'poetry', 'dependencies'), lines);
  if (!keepsDependencies && dependencies === undefined) return undefined;
  project.push(...(dependencies?.project ?? []), ...dynamicLine(poetry, keepsDependencies));
  const [urlsTable, scriptsTable] = [
    tableNamed('tool', 'poetry', 'urls'),
    tableNamed('tool', 'poetry', 'scripts'),
  ];
  if ((poetry['urls'] !== undefined) !== (urlsTable !== undefined)) return undefined;
  if ((poetry['scripts'] !== undefined) !== (scriptsTable !== undefined)) return undefined;
  const written = [
    '[project]',
    ...project,
    ...(urls.length === 0 || urlsTable !== undefined ? [] : ['', '[project.urls]', ...urls]),
    ...(left.length === 0 ? comments : ['', '[tool.poetry]', ...left, ...comments]),
  ];

  const replaced = new Map<number, readonly string[]>([[head.loc.start.line, written]]);
  if (urlsTable !== undefined) replaced.set(urlsTable.loc.start.line, ['[project.urls]', ...urls]);
  if (scriptsTable !== undefined) replaced.set(scriptsTable.loc.start.line, ['[project.scripts]']);
  const dropped = new Set<number>();
  const drop = (table: TomlTable, keepsBlank: boolean): void => {
    const last = lastLineOf(table);
    for (let line = table.loc.start.line; line <= last; line += 1) dropped.add(line);
    if (!keepsBlank && (lines[last] ?? '').trim() === '') dropped.add(last + 1);
  };
  drop(head, true);
  if (dependencies?.table !== undefined) drop(dependencies.table, false);
  const system = buildSystemLine(data, lines, tableNamed('build-system'));
  if (system !== undefined) replaced.set(system.line, [system.text]);
  const result = lines
    .flatMap((line, index) => replaced.get(index + 1) ?? (dropped.has(index + 1) ? [] : [line]))
    .join('\n');
  return saysTheSame(data, result, keepsDependencies) ? result : undefined;
}

function standardLines(key: string, value: unknown, source: readonly string[]): readonly string[] {
  if (key === 'name') return [`name = ${quoted(distributionName(String(value)))}`];
  if (!(people as readonly string[]).includes(key)) return source;
  const persons = (Array.isArray(value) ? value : []).filter(isText).map((person) => {
    const [, name = person, email] = /^(.*?)\s*<([^<>]+)>\s*$/.exec(person) ?? [];
    return email === undefined
      ? `{ name = ${quoted(name.trim())} }`
      : `{ name = ${quoted(name)}, email = ${quoted(email)} }`;
  });
  const oneLine = `${key} = [${persons.join(', ')}]`;
  return oneLine.length <= 100 ? [oneLine] : [`${key} = [`, ...persons.map((person) => `  ${person},`), ']'];
}

function dynamicLine(poetry: Table, keepsDependencies: boolean): string[] {
  const names = [
    ...(keepsDependencies && 'python' in tableAt(poetry, 'dependencies') ? ['requires-python'] : []),
    ...(keepsDependencies && 'dependencies' in poetry ? ['dependencies'] : []),
    ...(classifiers in poetry ? [classifiers] : []),
  ];
  return names.length === 0 ? [] : [`dynamic = [${names.map(quoted).join(', ')}]`];
}

function standardDependencies(
  poetry: Table,
  table: TomlTable | undefined,
  lines: readonly string[],
): { readonly project: string[]; readonly table: TomlTable | undefined } | undefined {
  const asked = tableAt(poetry, 'dependencies');
  if (table === undefined) return Object.keys(asked).length === 0 ? { project: [], table } : undefined;
  const list: string[] = [];
  const project: string[] = [];
  for (const item of rowsOf(table)) {
    if (item.type === 'Comment') {
      const isTrailing = (lines[item.loc.start.line - 1] ?? '').trim() !== item.raw.trim();
      if (isTrailing) list.push(`${list.pop() ?? ''} ${item.raw}`);
      else list.push(`    ${item.raw}`);
      continue;
    }
    const [name = ''] = item.key.value;
    if (item.key.value.length !== 1) return undefined;
    if (name === 'python') {
      const range = isText(asked[name]) ? asPep440(asked[name]) : undefined;
      if (range === undefined) return undefined;
      if (range !== '') project.push(`requires-python = ${quoted(range)}`);
      continue;
    }
    const requirement = standardRequirement(name, asked[name]);
    if (requirement === undefined) return undefined;
    list.push(`    ${quoted(requirement)},`);
  }
  project.push(...(list.length === 0 ? ['dependencies = []'] : ['dependencies = [', ...list, ']']));
  return { project, table };
}

/** `fastapi = {extras = ["standard"], version = "^0.115"}` as `fastapi[standard] (>=0.115,<0.116)`. */
export function standardRequirement(name: string, value: unknown): string | undefined {
  if (isText(value)) return requirement(name, '', value);
  if (!isTable(value) || Object.keys(value).some((key) => key !== 'version' && key !== 'extras'))
    return undefined;
  const { version, extras = [] } = value;
  if (!isText(version) || !Array.isArray(extras) || !extras.every(isText)) return undefined;
  return requirement(name, extras.length === 0 ? '' : `[${extras.join(',')}]`, version);
}

function requirement(name: string, extras: string, constraint: string): string | undefined {
  const range = asPep440(constraint);
  if (range === undefined) return undefined;
  return range === '' ? `${name}${extras}` : `${name}${extras} (${range})`;
}

/** poetry-core reads `[project]` from its version 2 on. */
function buildSystemLine(
  data: Table,
  lines: readonly string[],
  block: TomlTable | undefined,
): { line: number; text: string } | undefined {
  const requires = at(data, 'build-system', 'requires');
  const row = block?.items.find((item) => item.type === 'KeyValue' && item.key.value[0] === 'requires');
  if (row === undefined || !Array.isArray(requires) || row.loc.start.line !== row.loc.end.line)
    return undefined;
  if (requires.some((each) => isText(each) && /^poetry[-_]core\s*\(?\s*(?:>=|~=|==|\^|~)\s*[2-9]/.test(each)))
    return undefined;
  const line = row.loc.start.line;
  const source = lines[line - 1] ?? '';
  const text = source.replace(/(["'])(?:poetry[-_]core|poetry)\b[^"']*\1/, '$1poetry-core>=2.0.0,<3.0.0$1');
  return text === source ? undefined : { line, text };
}

const sortedTable = (table: Table): [string, unknown][] =>
  Object.entries(table).toSorted(([one], [other]) => (one < other ? -1 : 1));

const urlsOf = (poetry: Table): [string, unknown][] =>
  sortedTable({
    ...tableAt(poetry, 'urls'),
    ...Object.fromEntries(
      addresses.flatMap((key) => (poetry[key] === undefined ? [] : [[key, poetry[key]]])),
    ),
  });

/** What was edited as text must read as what was meant. */
function saysTheSame(before: Table, text: string, keepsDependencies: boolean): boolean {
  let after: unknown;
  try {
    after = new TomlDocument(text).toJsObject;
  } catch {
    return false;
  }
  const poetry = tableAt(before, 'tool', 'poetry');
  const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
  const asked = Object.entries(tableAt(poetry, 'dependencies')).filter(([name]) => name !== 'python');
  const kept = Object.keys(poetry).filter(
    (key) =>
      !movedKeys.includes(key) &&
      key !== 'urls' &&
      key !== 'scripts' &&
      (keepsDependencies || key !== 'dependencies'),
  );
  const others = (data: unknown): Record<string, unknown> => {
    const { project: _project, tool, 'build-system': system, ...rest } = tableAt(data);
    const { poetry: _poetry, ...tools } = tableAt(tool);
    return { ...rest, tools, backend: at(system, 'build-backend') };
  };
  return (
    sameName.every((key) => same(poetry[key], at(after, 'project', key))) &&
    kept.every((key) => same(poetry[key], at(after, 'tool', 'poetry', key))) &&
    same(others(before), others(after)) &&
    same(poetry['scripts'], at(after, 'project', 'scripts')) &&
    same(urlsOf(poetry), sortedTable(tableAt(after, 'project', 'urls'))) &&
    (keepsDependencies ||
      same(
        asked.map(([name, value]) => standardRequirement(name, value)),
        at(after, 'project', 'dependencies') ?? [],
      ))
  );
}
