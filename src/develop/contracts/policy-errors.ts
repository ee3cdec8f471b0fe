import { TilthError } from '../../platform/errors.ts';
import type { PolicyResult } from './policy-api.ts';

/** A policy of `tilth.yaml` forbids what was asked. */
export function policyRefused(what: string, results: readonly PolicyResult[]): TilthError {
  const refusing = results.filter(({ verdict }) => verdict === 'refused');
  const lines = refusing.map(({ policy, faults }) => `  ${policy}: ${faults.join('; ')}`);
  return new TilthError(
    'POLICY_REFUSED',
    403,
    `${what} is refused by ${refusing.length} ${refusing.length === 1 ? 'policy' : 'policies'} of tilth.yaml:\n${lines.join('\n')}`,
    'Change what it is made of, or, with those who answer for it, the policy. See all with: tilth data policy check',
    { details: results },
  );
}
