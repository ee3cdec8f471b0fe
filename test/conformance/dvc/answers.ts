/** An answer whose lists are sorted: dvc lists in the order of a Python set, which is another one in each process. */
export function inAnyOrder(answer: unknown): unknown {
  if (Array.isArray(answer))
    return answer
      .map((one): unknown => inAnyOrder(one))
      .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof answer !== 'object' || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [key, inAnyOrder(value)]),
  );
}
