import type { World } from '../../platform/world.ts';
import type { ServingReport } from '../serving/serving-api.ts';
import { activeRollouts, putCounts } from './rollout-store.ts';

/** Keeps what a data plane says of the versions that are being rolled out; what it served by an older route does not count. */
export async function countForRollouts(world: World, report: ServingReport, at: number): Promise<void> {
  const rollouts = (await activeRollouts(world.database.read)).filter(
    (rollout) => report.revision >= rollout.config_revision,
  );
  const told = rollouts.flatMap((rollout) => {
    const versions = report.endpoints.find((each) => each.name === rollout.endpoint)?.versions;
    return versions === undefined ? [] : [{ rollout, versions }];
  });
  if (told.length === 0) return;
  await world.database.write(async (tx) => {
    for (const { rollout, versions } of told)
      await putCounts(tx, rollout, { plane: report.plane, startedAt: report.startedAt, at }, versions);
  });
}
