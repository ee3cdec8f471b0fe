import type { GateResult } from '../registry-api.ts';

/** What was found for a condition, before it is said whether that is known and what to do about it. */
export type Verdict = Omit<GateResult, 'id' | 'kind' | 'status' | 'hint'>;

export const percent = (share: number): string => `${Number((share * 100).toFixed(3))} %`;
export const short = (value: number): string => String(Number(value.toPrecision(5)));

/** Better than nobody is met: somebody has to be the first. */
export const noChampionYet = (required: string): Verdict => ({
  required,
  measured: null,
  passed: true,
  evidence: {},
  note: 'There is no champion to compare with yet.',
});
