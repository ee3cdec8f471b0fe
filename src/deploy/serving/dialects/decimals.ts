/** Whole powers of ten that a double holds exactly. */
export const powers = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Of a double, the first 26 bits: products of two such are exact. */
const upperHalf = (value: number): number => {
  const shifted = value * 134_217_729;
  return shifted - (shifted - value);
};
const upperPowers = powers.map(upperHalf);
const inverses = powers.map((power) => 1 / power);

/** Added and taken away again, it leaves the nearest whole number. */
const roundsToWhole = 2 ** 52;

/**
 * The double nearest to a decimal number without a sign: digits, moved by a power of ten.
 *
 * Digits below 10^18 are the exact sum of two doubles. Their quotient by a power of ten is worked out to about 100 bits;
 * where the bits that follow a double's 53 do not tell which double is nearest, nothing is said.
 *
 * @param digits as a whole number that was added up digit by digit, rounded where a double does not hold it
 * @param lastDigits its last eight, exact
 * @param power of ten by which the number is smaller than its digits
 * @returns NaN when it is out of reach, or lies too near to the middle of two doubles
 * @see T. J. Dekker, A floating-point technique for extending the available precision, 1971
 */
export function nearestDouble(digits: number, lastDigits: number, power: number): number {
  if (!(digits < 1e18)) return Number.NaN;
  // whole, since rounding of the digits is far below 10^8; below 10^10, so times 10^8 a double still holds it
  const shifted = ((digits - lastDigits) * 1e-8 + roundsToWhole - roundsToWhole) * 1e8;
  const whole = shifted + lastDigits;
  const rest = lastDigits - (whole - shifted);
  if (power === 0) return whole;
  if (power < 0)
    return rest === 0 && power >= -22 && whole <= 2 ** 53 ? whole * (powers[-power] as number) : Number.NaN;
  if (!(power <= 22)) return Number.NaN;
  const divisor = powers[power] as number;
  // nearly the quotient; a division would take longer than all that follows
  const inverse = inverses[power] as number;
  const quotient = whole * inverse;
  const product = quotient * divisor;
  const upper = upperHalf(quotient);
  const lower = quotient - upper;
  const upperDivisor = upperPowers[power] as number;
  const lowerDivisor = divisor - upperDivisor;
  const missing =
    upper * upperDivisor - product + upper * lowerDivisor + lower * upperDivisor + lower * lowerDivisor;
  const correction = (whole - product - missing + rest) * inverse;
  // what the correction itself may be wrong by, with a wide margin
  const doubt = quotient * 2 ** -98;
  const nearest = quotient + (correction + doubt);
  return nearest === quotient + (correction - doubt) ? nearest : Number.NaN;
}
