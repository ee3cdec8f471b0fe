import type { Failure, Finding, Likeness, Noise, Verdict } from './reproduce-api.ts';

/** What a reproduction came to; the first of the verdicts that holds. */
export function verdictOf(likeness: Likeness | null, noise: Noise | null, failure: Failure | null): Verdict {
  if (failure !== null || likeness === null) return 'failed';
  if (likeness.isIdentical) return 'bit-identical';
  return noise?.isWithin === true ? 'within-noise' : 'differs';
}

export const countOf = ({ counts }: Likeness, state: string): number => counts[state] ?? 0;

/** The verdict in a sentence. */
export function summaryOf(
  verdict: Verdict,
  known: {
    likeness: Likeness | null;
    noise: Noise | null;
    failure: Failure | null;
    findings: readonly Finding[];
    leftOut: readonly string[];
  },
): string {
  const { likeness, noise, failure, findings } = known;
  if (verdict === 'failed' || likeness === null)
    return failure === null
      ? 'It could not be run again.'
      : `It could not be run again: ${failure.step}: ${failure.message}`;
  const total = likeness.outputs.length - countOf(likeness, 'left out');
  const harmless = countOf(likeness, 'equal but for');
  if (verdict === 'bit-identical') {
    const but =
      harmless === 0 ? '' : `, ${harmless} of them but for times and ids that a named rule takes out`;
    const out = countOf(likeness, 'left out');
    return `Bit-identical: ${total === 1 ? 'the one output is' : `all ${total} outputs are`} equal${but}${out === 0 ? '' : `; ${out} left out as asked`}.`;
  }
  const differing =
    countOf(likeness, 'differs') + countOf(likeness, 'only recorded') + countOf(likeness, 'only found');
  if (verdict === 'within-noise') {
    return `Equal within the noise of ${noise?.seedCount ?? 0} seeds: every metric lies in its ${percent(noise?.confidence ?? 0)} interval; ${differing} of ${total} outputs are not bit-identical.`;
  }
  const why = findings.map(({ cause, certainty }) =>
    certainty === 'shown' ? cause : `${cause} (${certainty})`,
  );
  return `Differs: ${differing} of ${total} outputs. Why: ${why.join(', ')}.`;
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
