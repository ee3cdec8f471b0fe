/** A test's statistic, and the chance of one as extreme when nothing changed. */
export interface TestResult {
  readonly statistic: number;
  readonly pvalue: number;
}
