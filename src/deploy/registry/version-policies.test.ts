import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { listEvents } from '../../platform/events.ts';
import { newDatasetVersion } from '../../develop/data/data-api.ts';
import { addDatasetVersion } from '../../develop/data/data-store.ts';
import { createExperiment } from '../../develop/tracking/experiment-store.ts';
import { createRun } from '../../develop/tracking/run-store.ts';
import { inRegistry, type TestRegistry } from '../../../test/registry-world.ts';
import { requestApproval } from './approvals/approvals.ts';

const md5 = 'a'.repeat(32);

async function learned({ world, ana }: TestRegistry, data: Record<string, unknown> = {}): Promise<string> {
  const version = newDatasetVersion.parse({
    md5,
    project: 'flights',
    path: 'data/raw',
    size: 1,
    fileCount: 1,
    contractState: 'passed',
    contractHash: 'c',
    owner: 'ana',
    licence: 'CC0-1.0',
    ...data,
  });
  await addDatasetVersion(world, ana, 'flights', version);
  const experimentId = await createExperiment(world, ana, { name: `e${Math.random()}`, tags: [] });
  const run = await createRun(world, ana, {
    experimentId,
    name: 'r',
    startedAt: 1,
    tags: [{ key: 'tilth.dataset.flights', value: md5 }],
  });
  return run.id;
}

const verdicts = async ({ world }: TestRegistry): Promise<unknown[]> =>
  (await listEvents(world.database.read, { verb: 'policy.record' })).flatMap(({ actor, thing, data }) => {
    const { moment, results } = data as {
      moment: string;
      results: { policy: string; verdict: string; inputs: unknown }[];
    };
    return results.map(({ policy, verdict, inputs }) => ({ actor, thing, moment, policy, verdict, inputs }));
  });

const refused =
  (pattern: RegExp) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof TilthError && thrown.code === 'POLICY_REFUSED', String(thrown));
    assert.match(thrown.message, pattern);
    return true;
  };

/** What the project declares stands first here. */
const declared = (
  options: Parameters<typeof inRegistry>[1],
  work: Parameters<typeof inRegistry>[0],
): Promise<void> => inRegistry(work, options);

describe('a policy', () => {
  it('refuses to register what learned from personal data for a public model, and the refusal is on record', () =>
    declared(
      { audience: 'public', policies: '[{id: no-pii, kind: no-classification-into-public-model}]' },
      async (registry) => {
        const run = await learned(registry, {
          columns: [{ name: 'e-mail', type: 'VARCHAR', classification: 'pii' }],
        });
        await assert.rejects(
          registry.addVersion(registry.ana, run),
          refused(/no-pii: flights has e-mail \(pii\), and late is public/),
        );
        const [first] = (await verdicts(registry)) as { policy: string }[];
        assert.deepEqual(first, {
          actor: 'ana',
          thing: 'late',
          moment: 'registration',
          policy: 'no-pii',
          verdict: 'refused',
          inputs: [{ dataset: 'flights', md5 }],
        });
      },
    ));

  it('holds for an internal model of the same data', () =>
    declared({ policies: '[{id: no-pii, kind: no-classification-into-public-model}]' }, async (registry) => {
      const run = await learned(registry, {
        columns: [{ name: 'e-mail', type: 'VARCHAR', classification: 'pii' }],
      });
      assert.equal(await registry.addVersion(registry.ana, run), 1);
    }));

  it('asks that exactly this version of the data kept its contract', () =>
    declared({ policies: '[{id: checked, kind: contract-passed-on-exact-hash}]' }, async (registry) => {
      await assert.rejects(
        registry.addVersion(),
        refused(/checked: it is not known which version of flights was used/),
      );
      const run = await learned(registry, { contractState: 'broken' });
      await assert.rejects(
        registry.addVersion(registry.ana, run),
        refused(/checked: flights@aaaaaaaa breaks its contract/),
      );
      assert.equal(await registry.addVersion(registry.ana, await learned(registry)), 1);
    }));

  it('may come later: what was registered is held to it when its approval is asked for', () =>
    declared(
      { policies: '[{id: licences, kind: licence-in-list, licences: [MIT], at: [deploy]}]' },
      async (registry) => {
        const version = await registry.addVersion(registry.ana, await learned(registry));
        await assert.rejects(
          requestApproval(registry.world, registry.ana, { model: 'late', version }),
          refused(
            /Version 1 of late is refused by 1 policy.*\n {2}licences: flights has the licence CC0-1\.0; allowed: MIT/,
          ),
        );
      },
    ));

  it('that warns lets pass and stays on record, as does a broken contract where no policy speaks of contracts', () =>
    declared(
      { policies: '[{id: licences, kind: licence-in-list, licences: [MIT], outcome: warn}]' },
      async (registry) => {
        const run = await learned(registry, { contractState: 'broken' });
        await registry.addVersion(registry.ana, run);
        const found = (await verdicts(registry)) as { policy: string; verdict: string }[];
        assert.deepEqual(
          found.map(({ policy, verdict }) => [policy, verdict]),
          [
            ['licences', 'warned'],
            ['contract-passed', 'warned'],
          ],
        );
      },
    ));
});
