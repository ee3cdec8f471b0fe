import { pipelineInvalid } from './dvc-errors.ts';
import { scalarWord } from './template-text.ts';
import { isList, isMap, textOf, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

/** The part of a generated stage's name after `@` → the values that its template may name beside all others. */
export type GroupItems = ReadonlyMap<string, YamlMap>;

/** `foreach`: a list gives `item`, a map `item` and `key`; lists of lists or maps are named by position. */
export function foreachItems(items: YamlValue, where: string, written: YamlValue = items): GroupItems {
  if (isMap(items)) {
    return new Map(
      [...items].map(([key, value]) => [
        scalarWord(key),
        new Map<YamlScalar, YamlValue>([
          ['item', value],
          ['key', scalarWord(key)],
        ]),
      ]),
    );
  }
  if (!isList(items)) throw pipelineInvalid(where, 'foreach needs a list or a map');
  const isPlain = items.every((item) => !isMap(item) && !isList(item));
  return new Map(
    items.map((item, at) => [
      isPlain ? nameWord(item as YamlScalar, written, at) : String(at),
      new Map<YamlScalar, YamlValue>([['item', item]]),
    ]),
  );
}

/** `matrix`: every combination, named by its values with `-` between; lists and maps by axis and position. */
export function matrixItems(axes: YamlValue, where: string, written: YamlValue = axes): GroupItems {
  if (!isMap(axes)) throw pipelineInvalid(where, 'matrix needs a map of lists');
  let found: { fragments: string[]; item: [YamlScalar, YamlValue][] }[] = [{ fragments: [], item: [] }];
  for (const [axis, values] of axes) {
    if (!isList(values)) throw pipelineInvalid(where, 'matrix needs a map of lists');
    found = found.flatMap(({ fragments, item }) =>
      values.map((value, at) => {
        const asWritten = isMap(written) ? (written.get(axis) ?? values) : values;
        const fragment =
          isMap(value) || isList(value) ? `${textOf(axis) ?? ''}${at}` : nameWord(value, asWritten, at);
        return {
          fragments: [...fragments, fragment],
          item: [...item, [axis, value] as [YamlScalar, YamlValue]],
        };
      }),
    );
  }
  return new Map(
    found.map(({ fragments, item }) => {
      const key = fragments.join('-');
      return [
        key,
        new Map<YamlScalar, YamlValue>([
          ['item', new Map(item)],
          ['key', key],
        ]),
      ];
    }),
  );
}

/** dvc writes a truth that a placeholder brought as Python does, one that stands in the list itself as YAML does. */
function nameWord(value: YamlScalar, written: YamlValue, at: number): string {
  const isBrought = isList(written) ? typeof written[at] === 'string' : typeof written === 'string';
  if (typeof value === 'boolean' && isBrought) return value ? 'True' : 'False';
  return scalarWord(value);
}
