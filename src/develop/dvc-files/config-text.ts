import { configUnreadable } from './dvc-errors.ts';

/** A list comes from a value with commas that are not quoted. */
export type ConfigValue = string | readonly string[];

/** The options of each section, in the order of the file; names in lower case, `remote "store"` without its outer quotes. */
export type ConfigSections = Map<string, Map<string, ConfigValue>>;

/**
 * Reads the INI dialect of Python's ConfigObj, in which dvc keeps `.dvc/config`.
 *
 * @throws DVC_FILE_UNREADABLE for a line that is neither a section nor an option, or a name that comes twice
 */
export function readConfigText(text: string, file: string): ConfigSections {
  const sections: ConfigSections = new Map();
  for (const line of configLines(text, file)) {
    if (line.kind === 'section') sections.set(line.section, new Map());
    else if (line.kind === 'option') sections.get(line.section)?.set(line.option, line.value);
  }
  return sections;
}

type ConfigLine =
  | { readonly kind: 'section'; readonly section: string; readonly text: string }
  | {
      readonly kind: 'option';
      readonly section: string;
      readonly option: string;
      readonly value: ConfigValue;
      readonly text: string;
    }
  | { readonly kind: 'other'; readonly section: string; readonly text: string };

const sectionLine = /^\s*\[\s*("\s*\S.*?\s*"|'\s*\S.*?\s*'|[^'"\s].*?)\s*\]\s*(?:#.*)?$/;
const optionLine = /^\s*(".*?"|'.*?'|[^'"=].*?)\s*=\s*(.*)$/;

function configLines(text: string, file: string): ConfigLine[] {
  const lines: ConfigLine[] = [];
  const seen = new Set<string>();
  let section = '';
  const refuse = (number: number, reason: string): never => {
    throw configUnreadable(file, `line ${number} ${reason}`);
  };
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) {
      lines.push({ kind: 'other', section, text: line });
      continue;
    }
    const head = sectionLine.exec(line)?.[1];
    if (head !== undefined) {
      section = unquoted(head).toLowerCase().trim();
      if (seen.has(section)) refuse(index + 1, `names the section [${section}] a second time`);
      seen.add(section);
      lines.push({ kind: 'section', section, text: line });
      continue;
    }
    const [, name, rest] = optionLine.exec(line) ?? [];
    if (name === undefined || rest === undefined)
      refuse(index + 1, `is neither a [section] nor an option: ${trimmed}`);
    if (section === '') refuse(index + 1, 'holds an option before any [section]');
    const option = unquoted(name ?? '').toLowerCase();
    const value = readValue(rest ?? '');
    if (value === undefined) refuse(index + 1, `has a value with a quote that does not end: ${trimmed}`);
    if (seen.has(`${section}\n${option}`)) refuse(index + 1, `sets ${option} a second time in [${section}]`);
    seen.add(`${section}\n${option}`);
    lines.push({ kind: 'option', section, option, value: value ?? '', text: line });
  }
  return lines;
}

const unquoted = (text: string): string => /^(['"])(.*)\1$/s.exec(text)?.[2] ?? text;

const quotedOrPlain = /\s*(?:"([^"]*)"|'([^']*)'|([^,#]*?))\s*(,|#.*$|$)/y;

/** One value, or the items between commas; undefined when a quote does not end. */
function readValue(text: string): ConfigValue | undefined {
  const triple = /^("""|''')(.*?)\1\s*(?:#.*)?$/.exec(text)?.[2];
  if (triple !== undefined) return triple;
  const items: string[] = [];
  for (let at = 0, isList = false; ;) {
    quotedOrPlain.lastIndex = at;
    const match = quotedOrPlain.exec(text);
    const plain = match?.[3];
    if (match === null || (plain !== undefined && /^['"]/.test(plain))) return undefined;
    const isLast = match[4] !== ',';
    if (!(isLast && isList && plain === '')) items.push(match[1] ?? match[2] ?? plain ?? '');
    if (isLast) return isList ? items : (items[0] ?? '');
    isList = true;
    at = quotedOrPlain.lastIndex;
  }
}

/**
 * The text of a config file after a change: as dvc writes it, byte for byte.
 * A file with comments, which dvc would throw away, is changed line by line and keeps them.
 */
export function writeConfigText(before: string, sections: ConfigSections, file: string): string {
  const lines = configLines(before, file);
  const hasComments = lines.some((line) => line.text.replaceAll(/"[^"]*"|'[^']*'/g, '').includes('#'));
  if (!hasComments) return freshText(sections);
  const written: string[] = [];
  const done = new Set<string>();
  const finish = (section: string): void => {
    if (done.has(section)) return;
    done.add(section);
    const known = new Set(
      lines.flatMap((line) => (line.kind === 'option' && line.section === section ? [line.option] : [])),
    );
    const fresh = [...(sections.get(section) ?? [])].filter(([option]) => !known.has(option));
    // behind the section's last option, before the empty lines and comments that belong to the next one
    let at = written.length;
    while (at > 0 && /^\s*(#.*)?$/.test(written[at - 1] ?? '')) at -= 1;
    written.splice(at, 0, ...fresh.map(([option, value]) => optionText(option, value)));
  };
  let current = '';
  for (const line of lines) {
    if (line.kind === 'section') {
      if (current !== '') finish(current);
      current = line.section;
    }
    const options = sections.get(line.section);
    if (line.kind === 'other') written.push(line.text);
    else if (options === undefined) continue;
    else if (line.kind === 'section') written.push(line.text);
    else {
      const value = options.get(line.option);
      if (value === undefined) continue;
      const isSame = JSON.stringify(value) === JSON.stringify(line.value);
      written.push(isSame ? line.text : optionText(line.option, value));
    }
  }
  if (current !== '') finish(current);
  const fresh = new Map(
    [...sections].filter(
      ([section]) => !lines.some((line) => line.kind === 'section' && line.section === section),
    ),
  );
  return `${written.join('\n')}\n${fresh.size === 0 ? '' : freshText(fresh)}`;
}

/** Sections without options are left out; those with a name of their own come last, as dvc orders them. */
function freshText(sections: ConfigSections): string {
  const order = ['remote', 'machine', 'db'];
  const rank = (name: string): number => order.indexOf(/^(remote|machine|db)\s*"/.exec(name)?.[1] ?? '');
  const kept = [...sections].filter(([name, options]) => rank(name) >= 0 || options.size > 0);
  const lines = kept
    .toSorted(([left], [right]) => rank(left) - rank(right))
    .flatMap(([name, options]) => [
      `[${quoteName(name)}]`,
      ...[...options].map(([option, value]) => optionText(option, value)),
    ]);
  return `${lines.join('\n')}\n`;
}

const optionText = (option: string, value: ConfigValue): string =>
  `    ${quoteName(option)} = ${quoteValue(value)}`;

const quoteName = (name: string): string =>
  needsQuotes(name) || /["']/.test(name[0] ?? '') || /["']/.test(name.at(-1) ?? '') ? quoted(name) : name;

function quoteValue(value: ConfigValue): string {
  if (typeof value !== 'string') {
    if (value.length === 0) return ',';
    const items = value.map((item) => (item === '' ? '""' : needsQuotes(item) ? quoted(item) : item));
    return items.length === 1 ? `${items[0]},` : items.join(', ');
  }
  if (value === '') return '""';
  if (value.includes("'") && value.includes('"'))
    return value.includes('"""') ? `"""${value}"""` : `'''${value}'''`;
  return needsQuotes(value) ? quoted(value) : value;
}

const needsQuotes = (text: string): boolean => text === '' || /^[\s'"]|[\s'"]$|[,#]/.test(text);

const quoted = (text: string): string => (text.includes('"') ? `'${text}'` : `"${text}"`);
