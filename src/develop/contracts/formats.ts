/** Regular expressions that hold for a whole value, readable by RE2 and by JavaScript. */
const textFormats: Readonly<Record<string, string>> = {
  email: String.raw`^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$`,
  uuid: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$',
  uri: String.raw`^[a-zA-Z][a-zA-Z0-9+.-]*:[^\s]+$`,
  hostname: '^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?([.][a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$',
  ipv4: '^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])([.]|$)){4}$',
  ipv6: '^[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*$',
};

/** The pattern of a text `format`; undefined for one that says nothing of the characters (`password`, `binary`). */
export const patternOfFormat = (format: string): string | undefined => textFormats[format];

/** Least and greatest value of an integer `format` (`i8`, `u16`, …), exact as text. */
export function rangeOfFormat(
  format: string,
): { readonly minimum: string; readonly maximum: string } | undefined {
  const [, sign, digits] = /^([iu])(8|16|32|64)$/.exec(format) ?? [];
  if (sign === undefined || digits === undefined) return undefined;
  const bits = BigInt(digits);
  return sign === 'u'
    ? { minimum: '0', maximum: String(2n ** bits - 1n) }
    : { minimum: String(-(2n ** (bits - 1n))), maximum: String(2n ** (bits - 1n) - 1n) };
}

const formatParts: Readonly<Record<string, string>> = {
  yyyy: '%Y',
  uuuu: '%Y',
  yy: '%y',
  MMMM: '%B',
  MMM: '%b',
  MM: '%m',
  M: '%-m',
  dd: '%d',
  d: '%-d',
  DDD: '%j',
  EEE: '%a',
  HH: '%H',
  H: '%-H',
  hh: '%I',
  a: '%p',
  mm: '%M',
  ss: '%S',
  SSS: '%g',
  SSSSSS: '%f',
  XXX: '%z',
  Z: '%z',
};

/**
 * A date format as the standard writes it (Java's DateTimeFormatter) in the letters of `strptime`.
 *
 * @returns undefined for a format with letters that have no counterpart
 */
export function strptimeFormat(format: string): string | undefined {
  let result = '';
  for (const [part, quoted, letters] of format.matchAll(/'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+/g)) {
    if (quoted !== undefined) result += (quoted === '' ? "'" : quoted).replaceAll('%', '%%');
    else if (letters === undefined) result += part.replaceAll('%', '%%');
    else {
      const found = formatParts[part];
      if (found === undefined) return undefined;
      result += found;
    }
  }
  return result;
}

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  m: 2_629_800_000,
  y: 31_557_600_000,
};
const unitNames: Readonly<Record<string, string>> = {
  sec: 's',
  second: 's',
  seconds: 's',
  minute: 'min',
  minutes: 'min',
  hr: 'h',
  hour: 'h',
  hours: 'h',
  day: 'd',
  days: 'd',
  wk: 'w',
  week: 'w',
  weeks: 'w',
  mo: 'm',
  month: 'm',
  months: 'm',
  yr: 'y',
  year: 'y',
  years: 'y',
};

/** Milliseconds of `value` units (`d`, `day`, `days`, `y`, …); a month is a twelfth of 365.25 days. */
export function spanMs(value: number, unit: string): number | undefined {
  const one = unitMs[unitNames[unit.toLowerCase()] ?? unit.toLowerCase()];
  return one === undefined ? undefined : value * one;
}
