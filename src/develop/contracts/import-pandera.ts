import type { DraftProperty, DraftTable } from './contract-draft.ts';
import { foreignRule, isForeign, typeOfDtype, type DraftRule, type Foreign } from './foreign-rules.ts';

/** What belongs to a column and is no check of its values. */
const columnKeys = new Set([
  'title',
  'description',
  'dtype',
  'nullable',
  'unique',
  'coerce',
  'required',
  'regex',
  'checks',
  'default',
  'metadata',
  'drop_invalid_rows',
]);

/** A schema as pandera's `to_yaml` writes it, with checks beside the column's keys or under `checks`. */
export function fromPandera(schema: Foreign, name: string): DraftTable[] {
  const columns = isForeign(schema['columns']) ? schema['columns'] : {};
  const keys = [schema['unique']].flat().filter((one): one is string => typeof one === 'string');
  const checks = isForeign(schema['checks']) ? schema['checks'] : {};
  const quality: DraftRule[] = [
    ...(keys.length === 0 ? [] : [{ metric: 'duplicateValues', arguments: { properties: keys }, mustBe: 0 }]),
    ...Object.entries(checks).map(([check, given]) => foreignRule('pandera', check, given)),
  ];
  return [
    {
      name: typeof schema['name'] === 'string' ? schema['name'] : name,
      ...(typeof schema['description'] === 'string' ? { description: schema['description'] } : {}),
      properties: Object.entries(columns).map(([key, column]) =>
        propertyOf(key, isForeign(column) ? column : {}),
      ),
      quality,
    },
  ];
}

function propertyOf(name: string, column: Foreign): DraftProperty {
  const inner = isForeign(column['checks']) ? column['checks'] : {};
  const checks = {
    ...Object.fromEntries(Object.entries(column).filter(([key]) => !columnKeys.has(key))),
    ...inner,
  };
  const options: Record<string, unknown> = {};
  const quality: DraftRule[] = [];
  for (const [check, given] of Object.entries(checks)) {
    quality.push(
      ...(checkRules(check, argumentOf(given), options) ?? [foreignRule('pandera', check, given)]),
    );
  }
  const type = typeOfDtype(column['dtype']);
  return {
    name,
    ...(typeof column['description'] === 'string' ? { description: column['description'] } : {}),
    ...(type === undefined ? {} : { logicalType: type }),
    ...(column['nullable'] === true || column['required'] === false ? {} : { required: true }),
    ...(column['unique'] === true ? { unique: true } : {}),
    ...(Object.keys(options).length === 0 ? {} : { logicalTypeOptions: options }),
    ...(quality.length === 0 ? {} : { quality }),
  };
}

/** Newer files hold `{value, options}` where older ones hold the value. */
const argumentOf = (given: unknown): unknown =>
  isForeign(given) && 'value' in given ? given['value'] : given;

/** Sets options of the column or gives rules; undefined when there is no counterpart. */
function checkRules(
  check: string,
  given: unknown,
  options: Record<string, unknown>,
): DraftRule[] | undefined {
  const set = (key: string, value: unknown): DraftRule[] => {
    if (value !== null && value !== undefined) options[key] = value;
    return [];
  };
  switch (check) {
    case 'greater_than_or_equal_to':
    case 'ge':
      return set('minimum', given);
    case 'less_than_or_equal_to':
    case 'le':
      return set('maximum', given);
    case 'greater_than':
    case 'gt':
      return set('exclusiveMinimum', given);
    case 'less_than':
    case 'lt':
      return set('exclusiveMaximum', given);
    case 'in_range':
    case 'between': {
      if (!isForeign(given)) return undefined;
      set(given['include_min'] === false ? 'exclusiveMinimum' : 'minimum', given['min_value']);
      return set(given['include_max'] === false ? 'exclusiveMaximum' : 'maximum', given['max_value']);
    }
    case 'isin':
      return [
        { metric: 'invalidValues', arguments: { validValues: listOf(given, 'allowed_values') }, mustBe: 0 },
      ];
    case 'equal_to':
      return [{ metric: 'invalidValues', arguments: { validValues: [given] }, mustBe: 0 }];
    case 'str_matches':
      return set('pattern', startsAt(given));
    case 'str_contains':
      return set('pattern', typeof given === 'string' ? given : undefined);
    case 'str_length': {
      if (!isForeign(given)) return undefined;
      const exact = given['exact_value'] ?? null;
      set('minLength', exact ?? given['min_value']);
      return set('maxLength', exact ?? given['max_value']);
    }
    default:
      return undefined;
  }
}

const listOf = (given: unknown, key: string): unknown => (isForeign(given) ? given[key] : given);

/** Python's match begins at the start of the text. */
const startsAt = (given: unknown): string | undefined =>
  typeof given !== 'string' ? undefined : given.startsWith('^') ? given : `^(?:${given})`;
