import type { Approval, ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import { Badge } from '../parts/basics.tsx';
import { approvalTone } from './conversation.tsx';
import { outcomeOf } from './gate.tsx';

export const AliasBadge = ({ alias }: { alias: string }) => (
  <Badge tone={alias === 'champion' ? 'good' : 'info'}>{alias}</Badge>
);

export function GateBadge({ version }: { version: Pick<ModelVersion, 'gate'> }) {
  if (version.gate === null) return <Badge>not evaluated</Badge>;
  const { results, passed } = version.gate;
  const metCount = results.filter((result) => outcomeOf(result) === 'met').length;
  return (
    <Badge tone={passed ? 'good' : 'bad'} icon={passed ? 'check' : 'cross'}>
      {metCount} of {results.length} met
    </Badge>
  );
}

const newestOf = (approvals: readonly Approval[]): Approval | undefined =>
  [...approvals].sort((a, b) => b.requestedAt - a.requestedAt)[0];

/** How the newest request for each alias stands. */
export function ApprovalBadges({ version }: { version: Pick<ModelVersion, 'approvals'> }) {
  const byAlias = Map.groupBy(version.approvals, (each) => each.alias);
  if (byAlias.size === 0) return <Badge>not requested</Badge>;
  return (
    <span className="flex flex-wrap gap-1">
      {[...byAlias].map(([alias, approvals]) => {
        const state = newestOf(approvals)?.state ?? 'waiting';
        return (
          <Badge key={alias} tone={approvalTone[state]}>
            {byAlias.size === 1 && alias === 'champion' ? state : `${alias}: ${state}`}
          </Badge>
        );
      })}
    </span>
  );
}

const engines = { pending: 'conversion under way', onnx: 'ONNX', python: 'its own Python' } as const;

/** What answers for a version. */
export const EngineWords = ({ version }: { version: Pick<ModelVersion, 'engine' | 'reason'> }) => (
  <span title={version.reason ?? undefined}>{engines[version.engine]}</span>
);
