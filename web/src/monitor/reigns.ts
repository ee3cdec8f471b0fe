import type { RetrainingView } from '../../../src/maintain/retraining/retraining-api.ts';
import type { Alert } from '../../../src/monitor/alerts/alert-api.ts';
import type { PerformanceHistory } from '../../../src/monitor/performance/performance-api.ts';
import { day } from '../platform/format.ts';

type Mark = PerformanceHistory['marks'][number];

/** One version's time as champion, on the axis of the events. */
export interface Reign {
  readonly version: number;
  readonly from: number;
  readonly to: number;
}

/** Who was champion when; of several changes at one moment the last counts. */
export function reignsOf(marks: readonly Mark[], extent: readonly [number, number]): Reign[] {
  const turns = marks
    .filter((mark) => mark.kind === 'promotion' && mark.version !== null)
    .map((mark) => ({ at: Math.max(mark.eventAt ?? extent[0], extent[0]), version: mark.version ?? 0 }));
  return turns
    .map((turn, index) => ({ version: turn.version, from: turn.at, to: turns[index + 1]?.at ?? extent[1] }))
    .filter((reign) => reign.to > reign.from);
}

/** A model's history in one sentence. */
export function storyOf(
  reigns: readonly Reign[],
  alerts: readonly Alert[],
  retrainings: readonly RetrainingView[],
): string {
  const fired = alerts.filter((alert) => alert.raisedEventAt !== null).length;
  const by = (state: RetrainingView['state']): number =>
    retrainings.filter((each) => each.state === state).length;
  const now = reigns.at(-1);
  const parts = [
    now === undefined
      ? 'No version was champion yet'
      : `Version ${now.version} is champion since ${day(now.from)}`,
    fired === 0 ? 'no alert fired' : `${fired} ${fired === 1 ? 'alert' : 'alerts'} fired`,
    retrainings.length === 0
      ? 'never retrained'
      : `${retrainings.length} ${retrainings.length === 1 ? 'retraining' : 'retrainings'}: ${by('promoted')} promoted, ${by('refused')} refused by the gate`,
  ];
  return `${parts.join('; ')}.`;
}
