import type { YamlMap, YamlScalar, YamlValue } from './yaml-value.ts';

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** What the reader does not know: the text has to go through the whole of YAML. */
const notPlain = Symbol('not plain');

const word = String.raw`[\w./@+][\w./@+-]*(?: [\w./@+-]+)*`;
const single = String.raw`'(?:[^']|'')*'`;
const double = String.raw`"(?:[^"\\]|\\["\\nt])*"`;
const item = `(?:${word}|${single}|${double})`;
const wholeWord = new RegExp(`^${item}$`);
const keyed = new RegExp(String.raw`^(${item}):(?: +(.*))?$`);
const flowList = new RegExp(String.raw`^\[ *(${item}(?: *, *${item})*) *\]$`);
const flowMap = new RegExp(String.raw`^\{ *(${item} *: +${item}(?: *, *${item} *: +${item})*) *\}$`);
const flowItem = new RegExp(item, 'g');

/**
 * Reads the simple YAML that nearly all `dvc.yaml`, `dvc.lock` and `params.yaml` are: maps and lists in blocks, words, numbers and
 * quoted texts. Many times faster than a parser of all YAML, and every command reads these files.
 *
 * @param scalar what a word without quotes is
 * @returns undefined where the text has anything else in it, which says nothing about it
 */
export function readPlainYaml(text: string, scalar: (word: string) => YamlScalar): YamlValue | undefined {
  if (/[\t\r\u0085\u2028\u2029\ufeff]|^(?:---|\.\.\.|%)/m.test(text)) return undefined;
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    // spaces only: other white space is part of a text
    const content = line.replace(/^ +| +$/g, '');
    if (content !== '' && !content.startsWith('#'))
      lines.push({ indent: line.search(/[^ ]/), text: content });
    // an empty line inside a text of several lines is a line break
    else if (content === '' && lines.length > 0) lines.push({ indent: -1, text: '' });
  }
  while (lines.at(-1)?.text === '') lines.pop();
  try {
    const reader = new Reader(lines, scalar);
    return lines.length === 0 ? undefined : reader.whole();
  } catch (thrown) {
    if (thrown === notPlain) return undefined;
    throw thrown;
  }
}

class Reader {
  readonly #lines: readonly Line[];
  readonly #scalar: (word: string) => YamlScalar;
  #at = 0;

  constructor(lines: readonly Line[], scalar: (word: string) => YamlScalar) {
    this.#lines = lines;
    this.#scalar = scalar;
  }

  whole(): YamlValue {
    const first = this.#peek();
    const value = first === undefined || first.indent !== 0 ? this.#giveUp() : this.#block(0);
    return this.#peek() === undefined ? value : this.#giveUp();
  }

  /** Past empty lines. */
  #peek(): Line | undefined {
    while (this.#lines[this.#at]?.text === '') this.#at += 1;
    return this.#lines[this.#at];
  }

  #block(indent: number): YamlValue {
    return isItem(this.#peek()?.text ?? '') ? this.#list(indent) : this.#map(indent);
  }

  #map(indent: number, first?: string): YamlMap {
    const map = new Map<YamlScalar, YamlValue>();
    let text = first;
    for (;;) {
      if (text === undefined) {
        const line = this.#peek();
        if (line === undefined || line.indent < indent) return map;
        if (line.indent > indent) this.#giveUp();
        if (isItem(line.text)) return map;
        text = line.text;
        this.#at += 1;
      }
      const [, name = '', rest = ''] = keyed.exec(text) ?? this.#giveUp();
      const key = this.#word(name);
      if (map.has(key) || key === '<<') this.#giveUp();
      map.set(key, rest === '' ? this.#below(indent) : this.#inline(rest, indent));
      text = undefined;
    }
  }

  /** What a key has on the lines below it: a list may start at the key's own indent. */
  #below(indent: number): YamlValue {
    const line = this.#peek();
    if (line === undefined || line.indent < indent) return null;
    if (line.indent === indent) return isItem(line.text) ? this.#list(indent) : null;
    return keyed.test(line.text) || isItem(line.text) ? this.#block(line.indent) : this.#giveUp();
  }

  #list(indent: number): YamlValue[] {
    const list: YamlValue[] = [];
    for (;;) {
      const line = this.#peek();
      if (line === undefined || line.indent < indent || (line.indent === indent && !isItem(line.text)))
        return list;
      if (line.indent > indent || line.text === '-') this.#giveUp();
      this.#at += 1;
      const rest = line.text.slice(1).replace(/^ +/, '');
      const inner = indent + line.text.length - rest.length;
      if (isItem(rest)) this.#giveUp();
      list.push(keyed.test(rest) ? this.#map(inner, rest) : this.#inline(rest, indent));
    }
  }

  #inline(text: string, indent: number): YamlValue {
    if (text === '[]') return this.#ended(indent, []);
    if (text === '{}') return this.#ended(indent, new Map());
    const list = flowList.exec(text)?.[1];
    if (list !== undefined)
      return this.#ended(
        indent,
        (list.match(flowItem) ?? []).map((one) => this.#word(one)),
      );
    const map = flowMap.exec(text)?.[1];
    if (map !== undefined) return this.#ended(indent, this.#pairs(map.match(flowItem) ?? []));
    if (wholeWord.test(text) && /^['"]/.test(text)) return this.#ended(indent, this.#word(text));
    return this.#plain(text, indent);
  }

  #pairs(words: readonly string[]): YamlMap {
    const map = new Map<YamlScalar, YamlValue>();
    for (let at = 0; at < words.length; at += 2) {
      const key = this.#word(words[at] ?? '');
      if (map.has(key)) this.#giveUp();
      map.set(key, this.#word(words[at + 1] ?? ''));
    }
    return map;
  }

  /** A text without quotes; lines that are deeper go on with it, as dvc folds long commands. */
  #plain(text: string, indent: number): YamlScalar {
    let whole = text;
    if (!isPlain(whole)) this.#giveUp();
    for (
      let line = this.#lines[this.#at];
      line !== undefined && (line.text === '' || line.indent > indent);
      line = this.#lines[this.#at]
    ) {
      if (line.text === '') {
        // an empty line ends a text, or stands in it
        const next = this.#lines.slice(this.#at).find((one) => one.text !== '');
        if (next !== undefined && next.indent > indent) this.#giveUp();
        break;
      }
      if (!isPlain(line.text) || isItem(line.text)) this.#giveUp();
      whole += ` ${line.text}`;
      this.#at += 1;
    }
    return this.#scalar(whole);
  }

  /** Nothing may go on with a value that is closed. */
  #ended<T extends YamlValue>(indent: number, value: T): T {
    const line = this.#peek();
    return line !== undefined && line.indent > indent ? this.#giveUp() : value;
  }

  #word(text: string): YamlScalar {
    if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
    return text.startsWith('"') ? (JSON.parse(text) as string) : this.#scalar(text);
  }

  #giveUp(): never {
    throw notPlain;
  }
}

const isItem = (text: string): boolean => text === '-' || text.startsWith('- ');

/** May stand without quotes on its line: no indicator before it, no comment or key in it. */
const isPlain = (text: string): boolean =>
  !/^[-?:,[\]{}#&*!|>'"%@`]|: |:$| #/.test(text) || /^-[\w./-](?:(?!: |:$| #).)*$/.test(text);
