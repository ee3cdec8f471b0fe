import { createHash } from 'node:crypto';
import {
  metadataKeys,
  spanKeys,
  tagKeys,
  type Attribute,
  type Span,
  type TraceInfo,
} from '../../develop/traces/traces.ts';

/** A trace with everything that is kept of it. */
export interface TraceRecord {
  readonly info: TraceInfo;
  readonly spans: readonly Span[];
  /** runs that it was linked to, beside the one it came from */
  readonly runIds: readonly string[];
  /** prompts that it used, name/version */
  readonly prompts: readonly string[];
  /** where its files are */
  readonly artifactUri: string;
}

/** Equal for traces that say the same, wherever their files lie and in whatever order they were read. */
export function traceDigest({ info, spans, runIds, prompts }: TraceRecord): string {
  const { experimentId: _number, tags, metadata, assessments, ...head } = info;
  const { [tagKeys.artifacts]: _place, [tagKeys.spansLocation]: _where, ...ownTags } = tags;
  const { [metadataKeys.isFinal]: _final, ...ownMetadata } = metadata;
  const facts = [
    Object.entries(head).toSorted(byFirst),
    Object.entries(ownTags).toSorted(byFirst),
    Object.entries(ownMetadata).toSorted(byFirst),
    assessments
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((each) => Object.entries(each).toSorted(byFirst)),
    spans.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(spanFacts),
    runIds.toSorted(),
    prompts.toSorted(),
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

const spanFacts = ({ attributes, events, links, ...span }: Span): unknown => [
  Object.entries(span).toSorted(byFirst),
  attributesFacts(attributes.filter(({ key }) => key !== spanKeys.traceId)),
  events.map((event) => [event.name, event.atNanos, attributesFacts(event.attributes)]),
  links.map((link) => [link.traceId, link.spanId, attributesFacts(link.attributes)]),
];

const attributesFacts = (attributes: readonly Attribute[]): unknown =>
  attributes.map(({ key, value }) => [key, value] as const).toSorted(byFirst);

const byFirst = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
