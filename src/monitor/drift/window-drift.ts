import type { World } from '../../platform/world.ts';
import { readFeatures, type LogReader } from '../predictions/prediction-log-reader.ts';
import type { Window } from '../windows/window.ts';
import type { FeatureDrift } from './drift-api.ts';
import type { Column } from './column.ts';
import { compareColumns, judgeTogether, type ColumnDrift } from './drift.ts';
import { profileOf, referenceProfile } from './reference-profile.ts';
import type { VersionDrift } from './drift-store.ts';

/** Drift of every feature in a window, for every version that was asked, against what that version learned from. */
export async function evaluateDrift(
  world: World,
  log: LogReader,
  model: string,
  window: Window,
): Promise<VersionDrift[]> {
  const found: VersionDrift[] = [];
  for (const [version, inputs] of await readFeatures(log, model, window.start, window.end)) {
    const reference = await referenceProfile(world, log, model, version, inputs);
    const current = profileOf(inputs);
    const features = new Map<string, ColumnDrift>();
    for (const [name, before] of reference.columns) {
      const after: Column = current.get(name) ?? emptyLike(before);
      features.set(name, compareColumns(before, after));
    }
    found.push({ version, baseline: reference.baseline, features: judgeTogether(features) });
  }
  return found;
}

const emptyLike = (column: Column): Column =>
  column.kind === 'num'
    ? { kind: 'num', sorted: new Float64Array(), missingCount: 0 }
    : { kind: 'cat', counts: new Map(), count: 0, missingCount: 0 };

/** Features by how far they moved, furthest first; on one scale, Jensen and Shannon's distance. */
export const mostMoved = (
  features: readonly FeatureDrift[],
  count: number,
): { feature: string; distance: number; drifted: boolean }[] =>
  features
    .map((each) => ({
      feature: each.feature,
      distance: each.scores['jensenshannon']?.value ?? 0,
      drifted: each.default?.drifted === true,
    }))
    .sort((left, right) => right.distance - left.distance)
    .slice(0, count);
