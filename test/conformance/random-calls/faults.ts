import type { Call } from './call.ts';
import type { Dice } from './dice.ts';

/**
 * The call with one thing wrong or odd about it: a field left out, of another type, too long, unknown, no JSON.
 * Spoiled calls that write are aimed at things made for it, since a server may take what another refuses.
 */
export function spoiled(dice: Dice, call: Call): Call {
  const { names: _names, ...rest } = call;
  if (call.query !== undefined && Object.keys(call.query).length > 0) return { ...rest, query: oddQuery(dice, call.query) };
  if (call.body === undefined) return call;
  const reads = /search|get-latest/.test(call.path);
  const aimed: Call = reads ? rest : (JSON.parse(atScrap(JSON.stringify(rest))) as Call);
  if (dice.chance(0.08)) return { ...aimed, text: dice.of(['', '{', '[]', 'null', '"text"', '{"run_id": }', 'NaN', '1']) };
  return { ...aimed, body: oddBody(dice, aimed.body as Record<string, unknown>) };
}

const atScrap = (text: string): string =>
  text
    .replaceAll(/<run\d+>/g, '<runScrap>')
    .replaceAll(/<exp\d+>/g, '<expScrap>')
    .replaceAll(/<model\d+>/g, '<modelScrap>')
    .replaceAll(/"name":"model \d+"/g, '"name":"scrap"');

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
