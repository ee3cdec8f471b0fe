import type { Document, YAMLMap, YAMLSeq } from 'yaml';
import { yamlPackage } from './lazy-packages.ts';
import { readYamlMap } from './yaml-read.ts';
import { equalValues, isList, isMap, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

/**
 * The text of a YAML file once it holds `state`: what did not change keeps its place and its comments, new keys come
 * last, as dvc writes a file that people edit too.
 *
 * @param name of the file, for messages
 * @throws DVC_FILE_UNREADABLE
 */
export function editYaml(before: string, name: string, state: YamlMap): string {
  const map = readYamlMap(before, name);
  if (equalValues(map, state)) return before;
  if (writeYaml(map) === before) return writeYaml(merged(map, state));
  const { isMap: isMapNode, parseDocument } = yamlPackage();
  const document = parseDocument(before, { intAsBigInt: true });
  if (!isMapNode(document.contents)) return writeYaml(state);
  mergeNode(document, document.contents, map, state);
  const text = document.toString({ indentSeq: false, lineWidth: 80, flowCollectionPadding: false, singleQuote: true, nullStr: '' });
  return withCommentsInPlace(text, before);
}

const trailingComment = /^(.*\S)( +)(#.*)$/;

/** A comment behind a value keeps its column, as far as the value leaves room for it. */
function withCommentsInPlace(text: string, before: string): string {
  const columns = new Map<string, number>();
  for (const line of before.split('\n')) {
    const [, value = '', space = '', comment] = trailingComment.exec(line) ?? [];
    if (comment !== undefined && !columns.has(comment)) columns.set(comment, value.length + space.length);
  }
  if (columns.size === 0) return text;
  const moved = text.split('\n').map((line) => {
    const [, value = '', , comment] = trailingComment.exec(line) ?? [];
    const column = comment === undefined ? undefined : columns.get(comment);
    return column === undefined ? line : `${value.padEnd(column - 1)} ${comment ?? ''}`;
  });
  return moved.join('\n');
}

function merged(before: YamlMap, after: YamlMap): YamlMap {
  const result = new Map<YamlScalar, YamlValue>();
  for (const [key, value] of before) {
    const now = after.get(key);
    if (now !== undefined) result.set(key, mergedValue(value, now));
  }
  for (const [key, value] of after) if (!result.has(key)) result.set(key, value);
  return result;
}

function mergedValue(before: YamlValue, after: YamlValue): YamlValue {
  if (isMap(before) && isMap(after)) return merged(before, after);
  if (isList(before) && isList(after) && before.length === after.length) {
    return after.map((value, at) => mergedValue(before[at] ?? null, value));
  }
  return equalValues(before, after) ? before : after;
}

function mergeNode(document: Document, node: YAMLMap, before: YamlMap, after: YamlMap): void {
  for (const key of before.keys()) if (!after.has(key)) node.delete(key);
  for (const [key, value] of after) {
    const held = node.get(key, true);
    const known = before.get(key);
    if (known === undefined || !mergeHeld(document, held, known, value))
      node.set(key, document.createNode(plainOf(value)));
  }
}

function mergeList(
  document: Document,
  node: YAMLSeq,
  before: readonly YamlValue[],
  after: readonly YamlValue[],
): void {
  for (const [at, value] of after.entries()) {
    if (!mergeHeld(document, node.items[at], before[at] ?? null, value))
      node.items[at] = document.createNode(plainOf(value));
  }
}

/** @returns false when the value has to be replaced as a whole */
function mergeHeld(document: Document, held: unknown, before: YamlValue, after: YamlValue): boolean {
  if (equalValues(before, after)) return true;
  const { isMap: isMapNode, isScalar, isSeq: isListNode } = yamlPackage();
  if (isMapNode(held) && isMap(before) && isMap(after)) {
    mergeNode(document, held, before, after);
    return true;
  }
  if (isListNode(held) && isList(before) && isList(after) && before.length === after.length) {
    mergeList(document, held, before, after);
    return true;
  }
  if (isScalar(held) && !isMap(after) && !isList(after)) {
    // its comment stays; how the old value was spelled does not
    held.value = after;
    delete held.source;
    return true;
  }
  return false;
}

function plainOf(value: YamlValue): unknown {
  if (isMap(value)) return new Map([...value].map(([key, item]) => [key, plainOf(item)]));
  return isList(value) ? value.map(plainOf) : value;
}
