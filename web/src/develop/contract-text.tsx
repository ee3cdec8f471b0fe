import type { DatasetVersion } from '../../../src/develop/data/data-api.ts';
import type { VersionProfile } from '../../../src/develop/data/profile-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { shellWord } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Copy, Empty, Panel } from '../parts/basics.tsx';

/** The contract as the version was added under it. */
export function ContractText({ version }: { version: DatasetVersion }) {
  const query = useApi<VersionProfile>(
    `/api/v1/datasets/${segment(version.dataset)}/versions/${version.md5}/profile`,
  );
  const empty = (
    <Empty
      title="No contract came with this version"
      command={`tilth data contract infer ${shellWord(version.dataset)}`}
    >
      A contract is one file beside the data: who owns it, what each column means, what must hold of it.
    </Empty>
  );
  return (
    <Panel
      title="Contract"
      flush
      aside={typeof query.data?.contract === 'string' ? <Copy text={query.data.contract} isSmall /> : null}
    >
      <Answer query={query} empty={empty} isEmpty={({ contract }) => contract === null}>
        {({ contract }) => (
          <pre
            className="max-h-[640px] overflow-auto p-4 text-xs leading-5 whitespace-pre-wrap"
            tabIndex={0}
            aria-label="Text of the contract"
          >
            {contract}
          </pre>
        )}
      </Answer>
    </Panel>
  );
}
