/** Eigenvalues, and in the columns of `vectors` what belongs to each. */
export interface Eigen {
  readonly values: number[];
  readonly vectors: number[][];
}

/**
 * Of a small symmetric matrix, by Jacobi's rotations.
 *
 * @see Golub, Van Loan, Matrix Computations, 8.5.
 */
export function eigenOfSymmetric(matrix: readonly (readonly number[])[]): Eigen {
  const a = matrix.map((row) => [...row]);
  const size = a.length;
  const vectors = a.map((_, row) => a.map((__, column) => (row === column ? 1 : 0)));
  const get = (m: number[][], i: number, j: number): number => m[i]?.[j] ?? 0;
  const rotate = (
    m: number[][],
    i: number,
    j: number,
    k: number,
    l: number,
    s: number,
    tau: number,
  ): void => {
    const [g, h] = [get(m, i, j), get(m, k, l)];
    (m[i] as number[])[j] = g - s * (h + g * tau);
    (m[k] as number[])[l] = h + s * (g - h * tau);
  };
  for (let sweep = 0; sweep < 100; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += Math.abs(get(a, p, q));
    if (off === 0) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const g = get(a, p, q);
        if (g === 0) continue;
        const theta = (get(a, q, q) - get(a, p, p)) / (2 * g);
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        const tau = s / (1 + c);
        (a[p] as number[])[p] = get(a, p, p) - t * g;
        (a[q] as number[])[q] = get(a, q, q) + t * g;
        (a[p] as number[])[q] = 0;
        for (let i = 0; i < p; i++) rotate(a, i, p, i, q, s, tau);
        for (let i = p + 1; i < q; i++) rotate(a, p, i, i, q, s, tau);
        for (let i = q + 1; i < size; i++) rotate(a, p, i, q, i, s, tau);
        for (let i = 0; i < size; i++) rotate(vectors, i, p, i, q, s, tau);
      }
    }
  }
  return { values: a.map((row, index) => row[index] ?? 0), vectors };
}
