const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_557_600_000],
  ['month', 2_629_800_000],
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];

/** `3 min ago`, `in 2 hr.`; below a minute `just now`. */
export function ago(at: number, now: number): string {
  const distance = at - now;
  for (const [unit, ms] of units) {
    if (Math.abs(distance) >= ms) return relative.format(Math.trunc(distance / ms), unit);
  }
  return 'just now';
}

const absoluteFormat = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'medium',
  timeZone: 'UTC',
});
/** `5 Mar 2013, 14:00:00 UTC` */
export const absolute = (at: number): string => `${absoluteFormat.format(at)} UTC`;

const dayFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
export const day = (at: number): string => dayFormat.format(at);
const shortDayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
export const shortDay = (at: number): string => shortDayFormat.format(at);

/** `11 Sept – 11 Nov 2013`; the year once where it is the same. */
export const days = (from: number, to: number): string =>
  `${new Date(from).getUTCFullYear() === new Date(to).getUTCFullYear() ? shortDay(from) : day(from)} – ${day(to)}`;

/** `2013-W23`, the ISO week that a moment lies in, in UTC. */
export function isoWeek(at: number): string {
  const dayMs = 86_400_000;
  const monday = Math.floor(at / dayMs) * dayMs - ((new Date(at).getUTCDay() + 6) % 7) * dayMs;
  const year = new Date(monday + 3 * dayMs).getUTCFullYear();
  const week = Math.floor((monday + 3 * dayMs - Date.UTC(year, 0, 1)) / (7 * dayMs)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/** A duration as a person says it: `340 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}

const countFormat = new Intl.NumberFormat('en-GB');
export const count = (value: number): string => countFormat.format(value);
/** `1 token`, `3 tokens` */
export const many = (size: number, word: string): string => `${count(size)} ${word}${size === 1 ? '' : 's'}`;

/** A minus as wide as a figure, so that columns stay straight. */
const minus = (text: string): string => text.replaceAll('-', '−');

/** A measured number: four significant digits, whole numbers as they are. */
export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return countFormat.format(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return minus(value.toExponential(digits - 2));
  return minus(
    value.toLocaleString('en-GB', {
      maximumSignificantDigits: Math.max(digits, Math.floor(Math.log10(size || 1)) + 1),
    }),
  );
}

/** A figure of a chart or table column: the same number of decimals in every row. */
export const fixed = (value: number | null | undefined, decimals = 3): string =>
  value === null || value === undefined || !Number.isFinite(value) ? '–' : minus(value.toFixed(decimals));

/** A figure beside an axis: two decimals, more where the ticks lie closer. */
export const tick = (value: number): string => {
  const text = String(Number(value.toFixed(4)));
  return minus(text.length - text.indexOf('.') - 1 >= 2 && text.includes('.') ? text : value.toFixed(2));
};

/** A share 0..1 as `93.4 %`. */
export const share = (value: number | null | undefined, decimals = 1): string =>
  value === null || value === undefined || !Number.isFinite(value)
    ? '–'
    : `${(value * 100).toFixed(decimals)} %`;

export function bytes(value: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = value;
  let index = 0;
  while (size >= 1000 && index < names.length - 1) {
    size /= 1000;
    index += 1;
  }
  return `${index === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${names[index]}`;
}

/** Microseconds as ms, with as many digits as matter. */
export const microseconds = (us: number): string =>
  us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;

/** Is this number a time of ours? From 1973 to 2096 in ms; other figures of that size don't occur. */
const isInstant = (value: number): boolean => Number.isInteger(value) && value > 1e11 && value < 4e12;

/** One line of text for any value of an event or a tag. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'string') return readable(value);
  if (typeof value === 'number') return isInstant(value) ? day(value) : number(value);
  if (Array.isArray(value) && value.length === 0) return 'none';
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object'))
    return value.map(plain).join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(plain).join('; ');
  return Object.entries(value)
    .map(([key, each]) => `${key} ${plain(each)}`)
    .join(', ');
}
/** `thingCount` as `thing count` */
export const spoken = (key: string): string =>
  key.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const longId = /\b(?:[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{32,64}(?:\.dir)?)\b/g;
const midnight = /\b(\d{4}-\d{2}-\d{2})T00:00:00(?:\.000)?Z/g;

/** A 128-bit id that begins with its time, as runs have it, and not a hash: of our century by its first digits. */
const timedId = /^0[12][0-9a-f]{10}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/;

/** What people need to see of an id or a hash: the last letters of what begins with the time, the first of others. */
export const shortId = (id: string): string =>
  timedId.test(id) || id.length === 26 ? `…${id.slice(-6)}` : id.slice(0, 8);

/** A sentence of the server without what nobody reads: ids whole, of midnight more than the day. */
export const readable = (text: string): string =>
  text
    .replace(longId, shortId)
    .replace(midnight, '$1');

/** A word in the shell, quoted where needed. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
