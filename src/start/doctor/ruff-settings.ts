import { TomlDocument } from '@decimalturn/toml-patch';
import { isTable, lastLineOf, rowsOf, tableAt, type Pyproject } from './pyproject.ts';

/** Settings that ruff moved from its own table to `lint`. */
const linterKeys = new Set(
  `allowed-confusables dummy-variable-rgx explicit-preview-rules extend-fixable extend-ignore
  extend-per-file-ignores extend-safe-fixes extend-select extend-unsafe-fixes external fixable ignore
  ignore-init-module-imports logger-objects per-file-ignores select task-tags typing-modules unfixable
  flake8-annotations flake8-bandit flake8-boolean-trap flake8-bugbear flake8-builtins
  flake8-comprehensions flake8-copyright flake8-errmsg flake8-gettext flake8-implicit-str-concat
  flake8-import-conventions flake8-pytest-style flake8-quotes flake8-self flake8-tidy-imports
  flake8-type-checking flake8-unused-arguments isort mccabe pep8-naming pycodestyle pydocstyle
  pyflakes pylint pyupgrade`.split(/\s+/),
);

/**
 * `pyproject.toml` with ruff's linter settings below `[tool.ruff.lint]`, comments with their lines.
 *
 * @returns undefined when they are there already; `keys` are those that stand in the wrong table, `text` is undefined where they can't be moved safely
 */
export function withRuffLintTable({
  text,
  data,
  document,
}: Pyproject): { readonly keys: string[]; readonly text: string | undefined } | undefined {
  const settings = tableAt(data, 'tool', 'ruff');
  const keys = Object.keys(settings).filter((key) => linterKeys.has(key));
  if (keys.length === 0) return undefined;
  const lines = text.split('\n');
  const dropped = new Set<number>();
  const moved: string[] = [];
  let headEnd: number | undefined;
  let lintStart: number | undefined;
  let comments: number[] = [];
  for (const block of document.cst) {
    if (block.type !== 'Table') continue;
    const name = block.key.item.value;
    if (name[0] !== 'tool' || name[1] !== 'ruff') continue;
    if (name.length === 3 && name[2] === 'lint') lintStart = block.loc.start.line;
    if (name.length >= 3 && linterKeys.has(name[2] ?? '')) {
      const header = lines[block.loc.start.line - 1] ?? '';
      lines[block.loc.start.line - 1] = header.replace(/(\[\s*tool\s*\.\s*ruff\s*\.)/, '$1lint.');
    }
    if (name.length !== 2) continue;
    headEnd = lastLineOf(block);
    comments = [];
    for (const item of rowsOf(block)) {
      const first = item.loc.start.line;
      const isOwnLine = (lines[first - 1] ?? '').trimStart().startsWith('#');
      if (item.type === 'Comment') {
        if (!isOwnLine) continue;
        if (comments.length > 0 && comments.at(-1) !== first - 1) comments = [];
        comments.push(first);
        continue;
      }
      const owned = comments.at(-1) === first - 1 ? comments : [];
      comments = [];
      if (!linterKeys.has(item.key.value[0] ?? '')) continue;
      for (const line of [...owned, ...range(first, item.loc.end.line)]) {
        moved.push(lines[line - 1] ?? '');
        dropped.add(line);
      }
    }
  }
  const result: string[] = [];
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    if (!dropped.has(number)) result.push(line);
    if (lintStart === number) result.push(...moved);
    else if (lintStart === undefined && headEnd === number && moved.length > 0)
      result.push('', '[tool.ruff.lint]', ...moved);
  }
  const after = result.join('\n');
  return { keys, text: means(after, settings) ? after : undefined };
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** What was edited as text must read as the same settings, moved. */
function means(text: string, before: Readonly<Record<string, unknown>>): boolean {
  try {
    const { lint, ...rest } = tableAt(new TomlDocument(text).toJsObject, 'tool', 'ruff');
    const { lint: lintBefore, ...restBefore } = before;
    const all = { ...restBefore, ...(isTable(lintBefore) ? lintBefore : {}) };
    const sorted = (value: object): string =>
      JSON.stringify(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
    return (
      sorted({ ...rest, ...(isTable(lint) ? lint : {}) }) === sorted(all) &&
      !Object.keys(rest).some((key) => linterKeys.has(key))
    );
  } catch {
    return false;
  }
}
