/** How Python writes floats, digit for digit: halves go to the even digit, decided on the exact value. */

/** Python's repr() of a float. */
export function reprFloat(value: number): string {
  const special = unusual(value);
  if (special !== undefined) return special;
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
    return `${mantissa}e${signedExponent(Number(exponent))}`;
  }
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}

/** `%.{places}f` */
export function fixedText(value: number, places: number): string {
  const special = unusual(value);
  if (special !== undefined) return special;
  const digits = scaled(Math.abs(value), places)
    .toString()
    .padStart(places + 1, '0');
  const cut = digits.length - places;
  const text = places === 0 ? digits : `${digits.slice(0, cut)}.${digits.slice(cut)}`;
  return isNegative(value) ? `-${text}` : text;
}

/** `%.{places}e` */
export function exponentText(value: number, places: number): string {
  const special = unusual(value);
  if (special !== undefined) return special;
  const { digits, exponent } = significant(Math.abs(value), places + 1);
  const mantissa = places === 0 ? digits : `${digits.charAt(0)}.${digits.slice(1)}`;
  return `${isNegative(value) ? '-' : ''}${mantissa}e${signedExponent(exponent)}`;
}

/** `%.{precision}g` */
export function generalText(value: number, precision: number): string {
  const special = unusual(value);
  if (special !== undefined) return special;
  const places = precision === 0 ? 1 : precision;
  const { exponent } = significant(Math.abs(value), places);
  const isPlain = exponent >= -4 && exponent < places;
  const text = isPlain ? fixedText(value, places - 1 - exponent) : exponentText(value, places - 1);
  const [mantissa = '', power] = text.split('e');
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  return power === undefined ? short : `${short}e${power}`;
}

/** round(value, places) */
export function roundFloat(value: number, places: number): number {
  if (!Number.isFinite(value) || places > 330) return value;
  const magnitude = scaled(Math.abs(value), places);
  const rounded =
    places >= 0 ? Number(`${magnitude}e-${places}`) : Number(magnitude * 10n ** BigInt(-places));
  return isNegative(value) ? -rounded : rounded;
}

const isNegative = (value: number): boolean => value < 0 || Object.is(value, -0);

function unusual(value: number): string | undefined {
  if (Number.isNaN(value)) return 'nan';
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? 'inf' : '-inf';
}

const signedExponent = (exponent: number): string =>
  `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;

/** The exact value as a fraction. */
function fraction(value: number): { over: bigint; under: bigint } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const power = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xf_ffff_ffff_ffffn) | (power === 0 ? 0n : 1n << 52n);
  const exponent = BigInt(Math.max(power, 1) - 1075);
  return exponent >= 0n
    ? { over: mantissa << exponent, under: 1n }
    : { over: mantissa, under: 1n << -exponent };
}

/** value × 10^places to the nearest whole number, a half to the even one. */
function scaled(value: number, places: number): bigint {
  let { over, under } = fraction(value);
  if (places >= 0) over *= 10n ** BigInt(places);
  else under *= 10n ** BigInt(-places);
  const quotient = over / under;
  const twice = 2n * (over % under);
  const isUp = twice > under || (twice === under && quotient % 2n === 1n);
  return isUp ? quotient + 1n : quotient;
}

/** That many digits, and the power of ten of the first one. */
function significant(value: number, count: number): { digits: string; exponent: number } {
  if (value === 0) return { digits: '0'.repeat(count), exponent: 0 };
  let exponent = Math.floor(Math.log10(value));
  for (;;) {
    const digits = scaled(value, count - 1 - exponent).toString();
    if (digits.length === count) return { digits, exponent };
    exponent += digits.length > count ? 1 : -1;
  }
}
