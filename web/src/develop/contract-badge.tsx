import type { ContractState } from '../../../src/develop/contracts/contract-api.ts';
import { Badge } from '../parts/basics.tsx';

const tone = { passed: 'good', broken: 'bad', none: 'plain' } as const;
const word = { passed: 'contract holds', broken: 'contract broken', none: 'no contract' } as const;

export const ContractBadge = ({ state }: { state: ContractState }) => (
  <Badge
    tone={tone[state]}
    {...(state === 'none' ? {} : { icon: state === 'passed' ? ('check' as const) : ('cross' as const) })}
  >
    {word[state]}
  </Badge>
);

const classTone = {
  public: 'plain',
  internal: 'plain',
  confidential: 'warn',
  pii: 'warn',
  'special-category': 'warn',
} as const;

/** Who may see it, in the words of `tilth.yaml`. */
export const ClassBadge = ({ name }: { name: string }) => (
  <Badge tone={(classTone as Readonly<Record<string, 'plain' | 'warn'>>)[name] ?? 'plain'}>{name}</Badge>
);
