import type { Call } from './call.ts';
import type { Dice } from './dice.ts';

/** A spoiled call, and those that make the things that it is aimed at. */
export interface Spoiled {
  readonly before: readonly Call[];
  readonly call: Call;
  readonly after: readonly Call[];
}

/**
 * The call with one thing wrong or odd about it: a field left out, of another type, too long, unknown, no JSON.
 * One that writes is aimed at things made for it alone, since a server may take what another refuses.
 *
 * @param number tells its things apart
 */
export function spoiled(dice: Dice, call: Call, number: number): Spoiled {
  const { names: _names, ...rest } = call;
  if (call.query !== undefined && Object.keys(call.query).length > 0) return { before: [], call: { ...rest, query: oddQuery(dice, call.query), isSpoiled: true }, after: [] };
  if (call.body === undefined) return { before: [], call, after: [] };
  const reads = /search|get-latest/.test(call.path);
  const { before, aimed } = reads ? { before: [], aimed: rest } : atScrap(rest, number);
  const odd = dice.chance(0.08) ? { text: dice.of(['', '{', '[]', 'null', '"text"', '{"run_id": }', 'NaN', '1']) } : { body: oddBody(dice, bodyToSpoil(aimed)) };
  return { before, call: { ...aimed, ...odd, isSpoiled: true }, after: reads ? [] : forgotten(aimed, odd.body) };
}

/** An experiment whose tags only one of the servers can read would be there for good, and found by every search. */
function bodyToSpoil({ path, body }: Call): Record<string, unknown> {
  const fields = body as Record<string, unknown>;
  return path.endsWith('experiments/create') ? { name: fields['name'] } : fields;
}

/** What searches would find of a model that only one of the servers has taken. */
function forgotten(aimed: Call, odd: unknown): Call[] {
  if (!/registered-models|model-versions/.test(aimed.path)) return [];
  const names = [aimed.body, odd].flatMap((body) => ['name', 'new_name'].map((key) => (body as Record<string, unknown> | undefined)?.[key]));
  return [...new Set(names)].flatMap((name): Call[] =>
    typeof name === 'string' && name !== '' && name !== 'taken' && !name.startsWith('model ') ? [{ method: 'DELETE', path: '/api/2.0/mlflow/registered-models/delete', body: { name }, isTidying: true }] : [],
  );
}

function atScrap(call: Call, number: number): { before: Call[]; aimed: Call } {
  const text = JSON.stringify(call)
    .replaceAll(/<run\d+>/g, `<runScrap${number}>`)
    .replaceAll(/<exp[1-9]\d*>/g, /experiments\/(delete|restore|update)$/.test(call.path) ? '<expLost>' : '<expScrap>')
    .replaceAll(/<model\d+>/g, `<modelScrap${number}>`)
    .replaceAll(/"name":"model \d+"/g, `"name":"scrap ${number}"`)
    .replaceAll(/"new_name":"model \d+"/g, `"new_name":"scrap ${number} renamed"`);
  const make = (path: string, body: object, names?: Call['names']): Call => ({ method: 'POST', path: `/api/2.0/mlflow/${path}`, body, ...(names === undefined ? {} : { names }) });
  const before: Call[] = [];
  const location = { experiment_id: '<expScrap>' };
  if (text.includes('<runScrap')) before.push(make('runs/create', { ...location, start_time: number, run_name: 'scrap' }, { [`runScrap${number}`]: 'run.info.run_id' }));
  if (text.includes('<modelScrap')) before.push(make('logged-models', { ...location, name: 'scrap' }, { [`modelScrap${number}`]: 'model.info.model_id' }));
  if (text.includes('"scrap ') && !call.path.endsWith('registered-models/create')) before.push(make('registered-models/create', { name: `scrap ${number}` }));
  return { before, aimed: JSON.parse(text) as Call };
}

const oddValues: readonly unknown[] = [null, '', 0, 1, -1, 1.5, true, [], {}, ['x'], 'x', '1', { key: 'x' }, 'x'.repeat(300), 'x'.repeat(7000), 'ünï😀', '../x', 'a//b', 'a\nb', 'a\u0000b', 1e20, '12345678901234567890'];

function oddBody(dice: Dice, body: Record<string, unknown>): unknown {
  const keys = Object.keys(body);
  const key = dice.of(keys.length === 0 ? ['none'] : keys);
  const value = body[key];
  if (Array.isArray(value) && value.length > 0 && dice.chance(0.6)) {
    const place = dice.whole(0, value.length - 1);
    const item: unknown = value[place];
    const changed = typeof item === 'object' && item !== null && dice.chance(0.8) ? oddBody(dice, item as Record<string, unknown>) : dice.of(oddValues);
    return { ...body, [key]: value.with(place, changed) };
  }
  if (dice.chance(0.3)) return Object.fromEntries(Object.entries(body).filter(([name]) => name !== key));
  if (dice.chance(0.15)) return { ...body, unknown_field: dice.of(oddValues) };
  return { ...body, [key]: dice.of(oddValues) };
}

function oddQuery(dice: Dice, query: NonNullable<Call['query']>): NonNullable<Call['query']> {
  const key = dice.of(Object.keys(query));
  const { [key]: value, ...others } = query;
  return dice.of<() => NonNullable<Call['query']>>([
    () => others,
    () => ({ ...query, unknown_field: 'x' }),
    () => ({ ...query, [key]: dice.of(['', 'x', '0', '-1', '1.5', '99999999', 'true', '../x', 'x'.repeat(300), 'ü']) }),
    () => ({ ...query, [key]: [...(typeof value === 'string' ? [value] : (value ?? [])), 'x'] }),
  ])();
}
