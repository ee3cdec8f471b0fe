import type { Reader } from '../../platform/database/database.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { monitoringDeclaration, type AlertRule } from '../../start/project/declaration.ts';
import type { Granularity } from './window.ts';

/** What `tilth.yaml` asks of the monitoring of a model; defaults where no project declares it. */
export interface MonitoringPlan {
  readonly granularity: Granularity;
  /** below this many labelled rows a window says "not yet known" */
  readonly minCount: number;
  /** below this share of labelled rows a window says "not yet known", 0..1 */
  readonly minCoverage: number;
  readonly reference: 'training' | 'first-4-windows';
  readonly alerts: readonly AlertRule[];
}

export async function monitoringPlan(read: Reader, model: string): Promise<MonitoringPlan> {
  const declared = await declarationOf(read, model);
  const { window, ...rest } = declared?.model.monitoring ?? monitoringDeclaration.parse({});
  return { granularity: window, ...rest };
}
