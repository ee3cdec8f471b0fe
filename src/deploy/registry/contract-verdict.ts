import type { World } from '../../platform/world.ts';

export async function contractVerdict(
  _world: World,
  _dataset: string,
  _dataVersion: string,
): Promise<{ isPassed: boolean; at: number | null; summary: string } | null> {
  return null;
}
