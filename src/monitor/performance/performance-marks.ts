import type { Reader } from '../../platform/database.ts';
import { listEvents, type AuditEvent } from '../../platform/events.ts';
import type { PerformanceMark } from './performance-api.ts';

/** Events that are drawn on a model's line, and as what. */
const kinds: Readonly<Record<string, PerformanceMark['kind']>> = {
  'endpoint.route': 'deploy',
  'endpoint.rollback': 'rollback',
  'model.alias': 'promotion',
  'alert.raise': 'alert',
  'retraining.start': 'retraining',
};

const mostEvents = 1000;

interface EventData {
  readonly model?: string;
  readonly version?: number;
  readonly alias?: string;
  readonly name?: string;
  readonly summary?: string;
  readonly windowEnd?: number;
  readonly watermark?: number;
}

/** What happened to a model, placed on the time axis of its traffic: at the watermark that was newest then. */
export async function listMarks(read: Reader, model: string): Promise<PerformanceMark[]> {
  const watermarks = (await listEvents(read, { verb: 'monitor.evaluate', kind: 'model', thing: model, limit: mostEvents })).reverse();
  const marks: PerformanceMark[] = [];
  for (const [verb, kind] of Object.entries(kinds)) {
    for (const event of await listEvents(read, { verb, limit: mostEvents })) {
      const data = event.data as EventData;
      if (!isAbout(event, data, model)) continue;
      if (kind === 'promotion' && (data.alias ?? data.name) !== 'champion') continue;
      marks.push({
        at: event.at,
        eventAt: data.windowEnd ?? watermarkBefore(watermarks, event.seq),
        kind,
        text: data.summary ?? `${verb} by ${event.actor}`,
        version: data.version ?? versionOf(event.thing),
        seq: event.seq,
      });
    }
  }
  return marks.sort((left, right) => left.seq - right.seq);
}

const isAbout = (event: AuditEvent, data: EventData, model: string): boolean =>
  data.model === model || event.thing === model || event.thing.startsWith(`${model}/`);

const versionOf = (thing: string): number | null => {
  const version = /\/(\d+)$/.exec(thing)?.[1];
  return version === undefined ? null : Number(version);
};

function watermarkBefore(watermarks: readonly AuditEvent[], seq: number): number | null {
  const last = watermarks.findLast((event) => event.seq < seq);
  return (last?.data as EventData | undefined)?.watermark ?? null;
}
