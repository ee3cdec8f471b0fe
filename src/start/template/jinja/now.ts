import { EngineCannot, TemplateFault } from './faults.ts';

const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const shifts: Readonly<Record<string, number>> = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  microseconds: 0.001,
};

/**
 * What the `{% now %}` tag writes.
 *
 * @param offset `days=1,hours=2` as in the tag, with the sign beside it
 * @param format strftime's
 */
export function formatNow(
  at: Date,
  zone: string,
  offset: string | undefined,
  sign: '+' | '-',
  format: string,
): string {
  let moment = at.getTime();
  for (const part of offset === undefined ? [] : offset.split(',')) {
    const [unit = '', amount = ''] = part.split('=').map((side) => side.trim());
    const size = shifts[unit];
    if (size === undefined) throw new EngineCannot(`a shift by ${unit} needs Python`);
    moment += (sign === '-' ? -1 : 1) * Number(amount) * size;
  }
  return strftime(zoned(moment, zone), format);
}

interface Zoned {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  readonly weekday: number;
}

function zoned(moment: number, zone: string): Zoned {
  const timeZone = /^(utc|UTC|Z)$/.test(zone)
    ? 'UTC'
    : zone === 'local'
      ? Intl.DateTimeFormat().resolvedOptions().timeZone
      : zone;
  let parts: Record<string, number>;
  try {
    parts = Object.fromEntries(
      new Intl.DateTimeFormat('en-US', {
        timeZone,
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      })
        .formatToParts(moment)
        .map(({ type, value }) => [type, Number(value)]),
    );
  } catch (cause) {
    throw new TemplateFault(`${JSON.stringify(zone)} is not a time zone`, { cause });
  }
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
  return {
    year,
    month,
    day,
    hour,
    minute,
    second,
    millisecond: ((moment % 1000) + 1000) % 1000,
    weekday,
  };
}

function strftime(at: Zoned, format: string): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const month = monthNames[at.month - 1] ?? '';
  const weekday = dayNames[at.weekday] ?? '';
  const dayOfYear =
    Math.round((Date.UTC(at.year, at.month - 1, at.day) - Date.UTC(at.year, 0, 1)) / 86_400_000) + 1;
  const fields: Readonly<Record<string, string>> = {
    Y: String(at.year),
    m: two(at.month),
    d: two(at.day),
    H: two(at.hour),
    M: two(at.minute),
    S: two(at.second),
    y: two(at.year % 100),
    B: month,
    b: month.slice(0, 3),
    h: month.slice(0, 3),
    A: weekday,
    a: weekday.slice(0, 3),
    j: String(dayOfYear).padStart(3, '0'),
    I: two(at.hour % 12 === 0 ? 12 : at.hour % 12),
    p: at.hour < 12 ? 'AM' : 'PM',
    e: String(at.day).padStart(2, ' '),
    w: String(at.weekday),
    f: String(Math.floor(at.millisecond * 1000)).padStart(6, '0'),
    F: `${at.year}-${two(at.month)}-${two(at.day)}`,
    T: `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`,
    '%': '%',
    n: '\n',
    t: '\t',
  };
  return format.replace(/%([^])/g, (_whole, field: string) => {
    const value = fields[field];
    if (value === undefined) throw new EngineCannot(`the date format %${field} needs Python`);
    return value;
  });
}
