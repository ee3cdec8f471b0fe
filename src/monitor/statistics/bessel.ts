/**
 * Modified Bessel function of the second kind, for x above 0. The trapezoidal rule on its integral over exp(-x cosh t) cosh(order t):
 * as the integrand falls doubly exponentially, some hundred steps give all digits.
 *
 * @see Abramowitz and Stegun, 9.6.24.
 */
export function besselK(order: number, x: number): number {
  const step = 1 / 64;
  let total = Math.exp(-x) / 2;
  for (let k = 1; ; k++) {
    const t = k * step;
    const term = Math.exp(-x * Math.cosh(t)) * Math.cosh(order * t);
    total += term;
    if (term <= total * 1e-18) return total * step;
  }
}
