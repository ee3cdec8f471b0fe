/** Greatest common divisor. */
export const divisor = (left: number, right: number): number =>
  right === 0 ? left : divisor(right, left % right);

/** To the nearest whole number, a half to the even one, as numpy rounds. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}
