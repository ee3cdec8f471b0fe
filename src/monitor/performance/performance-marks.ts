import type { Reader } from '../../platform/database/database.ts';
import { listEvents, type AuditEvent } from '../../platform/events.ts';
import type { PerformanceMark } from './performance-api.ts';

interface EventData {
  readonly model?: string;
  readonly version?: number;
  readonly alias?: string;
  readonly name?: string;
  readonly summary?: string;
  readonly windowEnd?: number;
  readonly watermark?: number;
  readonly asOf?: number;
  readonly decidedAsOf?: number | null;
  readonly state?: string;
  readonly note?: string;
  readonly candidate?: number | null;
  readonly champion?: number;
  readonly canary?: number;
  readonly from?: number | string;
  readonly to?: number | string;
  readonly shadows?: readonly number[];
  readonly cause?: { readonly kind: string; readonly id?: string };
  readonly reason?: string;
}

type Told = Pick<PerformanceMark, 'kind' | 'text' | 'version'> & { readonly eventAt?: number | null };

/** Events that are drawn on a model's line, and as what; undefined where an event changes nothing that a reader looks for. */
const tellers: Readonly<Record<string, (data: EventData, event: AuditEvent) => Told | undefined>> = {
  'endpoint.route': (data, { actor }) => {
    const shadow = data.shadows?.[0];
    if (data.champion !== undefined) return told('deploy', `version ${data.champion} answers, routed by ${actor}`, data.champion);
    if (data.canary !== undefined) return told('deploy', `version ${data.canary} answers a share, routed by ${actor}`, data.canary);
    return shadow === undefined ? undefined : told('deploy', `version ${shadow} begins to answer in the shadow`, shadow);
  },
  'endpoint.rollback': (data, { actor }) => told('rollback', `from version ${data.from} back to ${data.to} by ${actor}${because(data.reason)}`, Number(data.to)),
  'model.alias': (data, event) => {
    const version = data.version ?? versionOf(event.thing);
    if ((data.alias ?? data.name) !== 'champion') return undefined;
    return told('promotion', version === null ? `nothing is champion, by ${event.actor}` : `version ${version} becomes champion, by ${event.actor}`, version);
  },
  'alert.raise': (data, event) => ({
    ...told('alert', data.summary ?? `alert ${event.thing}`, data.version ?? null),
    eventAt: data.windowEnd ?? null,
  }),
  'retraining.start': (data, { actor }) => ({
    ...told('retraining', `on ${data.from} to ${data.to}, ${data.cause?.kind === 'person' || data.cause === undefined ? `asked for by ${actor}` : `because of ${data.cause.kind} ${data.cause.id ?? ''}`}`, null),
    eventAt: data.asOf ?? null,
  }),
  // a promotion is told by the alias
  'retraining.advance': (data) =>
    data.state === 'refused'
      ? {
          ...told('refusal', `${data.candidate === null || data.candidate === undefined ? 'no candidate' : `version ${data.candidate}`}: ${data.note ?? 'refused'}`, data.candidate ?? null),
          eventAt: data.decidedAsOf ?? null,
        }
      : undefined,
};

const told = (kind: PerformanceMark['kind'], text: string, version: number | null): Told => ({ kind, text, version });
const because = (reason: string | undefined): string => (reason === undefined || reason === '' ? '' : `: ${reason}`);

const mostEvents = 1000;

/** What happened to a model, placed on the time axis of its traffic: at the watermark that was newest then. */
export async function listMarks(read: Reader, model: string): Promise<PerformanceMark[]> {
  const watermarks = (await listEvents(read, { verb: 'monitor.evaluate', kind: 'model', thing: model, limit: mostEvents })).reverse();
  const marks: PerformanceMark[] = [];
  for (const [verb, tell] of Object.entries(tellers)) {
    for (const event of await listEvents(read, { verb, limit: mostEvents })) {
      const data = event.data as EventData;
      const mark = isAbout(event, data, model) ? tell(data, event) : undefined;
      if (mark === undefined) continue;
      marks.push({ ...mark, at: event.at, eventAt: mark.eventAt ?? watermarkBefore(watermarks, event.seq), seq: event.seq });
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
