import type { Policy, PolicyMoment } from '../../start/project/declaration.ts';
import type { ColumnType, ContractState } from './contract-api.ts';
import type { PolicyResult } from './policy-api.ts';

/** A dataset version that something is made of, with all that policies ask about. */
export interface PolicyData {
  readonly dataset: string;
  /** null when no version is named */
  readonly md5: string | null;
  readonly owner: string | null;
  readonly licence: string | null;
  readonly classification: string | null;
  readonly columns: readonly ColumnType[];
  readonly contractState: ContractState | 'unknown';
}

export interface PolicyFacts {
  readonly moment: PolicyMoment;
  /** the model that is made; null where a stage only reads */
  readonly model: { readonly name: string; readonly audience: 'internal' | 'public' } | null;
  readonly data: readonly PolicyData[];
}

/** Where `tilth.yaml` says nothing of contracts, a broken or missing check is told and refuses nothing. */
const contractsAtLeastTold: Policy = {
  id: 'contract-passed',
  kind: 'contract-passed-on-exact-hash',
  outcome: 'warn',
  at: ['registration', 'deploy'],
};

/** Holds each policy against the facts; what is not known does not hold. */
export function evaluatePolicies(policies: readonly Policy[], facts: PolicyFacts): PolicyResult[] {
  const isContractNamed = policies.some(({ kind }) => kind === 'contract-passed-on-exact-hash');
  const hasContract = facts.data.some(({ contractState }) => contractState !== 'none');
  const all = isContractNamed || !hasContract ? policies : [...policies, contractsAtLeastTold];
  return all
    .filter(({ at }) => at.includes(facts.moment))
    .map((policy): PolicyResult => {
      const faults = faultsOf(policy, facts);
      return {
        policy: policy.id,
        kind: policy.kind,
        verdict: faults.length === 0 ? 'holds' : policy.outcome === 'refuse' ? 'refused' : 'warned',
        faults,
        model: facts.model?.name ?? null,
        inputs: facts.data.map(({ dataset, md5 }) => ({ dataset, md5 })),
      };
    });
}

function faultsOf(policy: Policy, { model, data }: PolicyFacts): string[] {
  switch (policy.kind) {
    case 'no-classification-into-public-model': {
      if (model?.audience !== 'public') return [];
      const forbidden: ReadonlySet<string> = new Set(policy.classifications);
      return data.flatMap((one) => {
        const columns = classified(one, forbidden, new Set(policy.except));
        return columns.length === 0
          ? []
          : [`${one.dataset} has ${columns.join(', ')}, and ${model.name} is public`];
      });
    }
    case 'licence-in-list':
      return data.flatMap(({ dataset, licence }) =>
        licence !== null && policy.licences.includes(licence)
          ? []
          : [
              `${dataset} has ${licence === null ? 'no licence' : `the licence ${licence}`}; allowed: ${policy.licences.join(', ')}`,
            ],
      );
    case 'contract-passed-on-exact-hash':
      return data.length === 0 ? ['no version of the data is named'] : data.flatMap(contractFault);
    case 'dataset-has-owner':
      return data.flatMap(({ dataset, owner }) =>
        owner === null || owner === '' ? [`${dataset} has no owner`] : [],
      );
  }
}

/** A column that its contract does not classify has the class of its dataset. */
function classified(data: PolicyData, forbidden: ReadonlySet<string>, except: ReadonlySet<string>): string[] {
  if (data.columns.length === 0) {
    return data.classification !== null && forbidden.has(data.classification)
      ? [`the class ${data.classification}`]
      : [];
  }
  return data.columns.flatMap(({ name, classification }) => {
    const own = classification ?? data.classification;
    return own !== null && forbidden.has(own) && !except.has(name) ? [`${name} (${own})`] : [];
  });
}

function contractFault({ dataset, md5, contractState }: PolicyData): string[] {
  const version = md5 === null ? dataset : `${dataset}@${md5.slice(0, 8)}`;
  if (md5 === null) return [`it is not known which version of ${dataset} was used`];
  if (contractState === 'passed') return [];
  if (contractState === 'broken') return [`${version} breaks its contract`];
  return [
    contractState === 'none'
      ? `${version} was checked against no contract`
      : `no check of ${version} is known`,
  ];
}
