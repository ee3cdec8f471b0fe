import type { ModelVersion } from '../../../src/deploy/registry/registry-api.ts';

/** Versions to choose from; what may not answer says so, and the server refuses it. */
export const VersionChoices = ({ versions }: { versions: readonly ModelVersion[] | undefined }) => (
  <>
    {(versions ?? []).map((each) => {
      const isApproved = each.approvals.some((approval) => approval.state === 'granted');
      return (
        <option key={each.version} value={each.version}>
          version {each.version}
          {each.aliases.length === 0 ? '' : `, ${each.aliases.join(', ')}`}
          {isApproved ? '' : ', not approved'}
        </option>
      );
    })}
  </>
);
