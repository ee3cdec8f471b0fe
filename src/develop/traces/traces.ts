import type { Instant } from '../../platform/clock.ts';

/**
 * A value of OpenTelemetry, in the JSON of its messages: JSON alone can't tell the whole number 1 from 1.0, nor hold 2^63.
 * An empty object is no value.
 */
export type AnyValue =
  | { readonly string_value: string }
  | { readonly bool_value: boolean }
  /** 64 bits, in decimal digits */
  | { readonly int_value: string }
  | { readonly double_value: number | NotFinite }
  /** base64 */
  | { readonly bytes_value: string }
  | { readonly array_value: { readonly values: readonly AnyValue[] } }
  | { readonly kvlist_value: { readonly values: readonly Attribute[] } }
  | Readonly<Record<string, never>>;

export type NotFinite = 'NaN' | 'Infinity' | '-Infinity';

export interface Attribute {
  readonly key: string;
  readonly value: AnyValue;
}

/** Nanoseconds since the epoch in decimal digits: more than a number holds. '0' is not known. */
export type Nanos = string;

export const spanStatuses = ['UNSET', 'OK', 'ERROR'] as const;
export type SpanStatus = (typeof spanStatuses)[number];

/** One step of a trace: a call with its inputs, outputs and what it noted. */
export interface Span {
  /** 32 hexadecimal digits */
  readonly traceId: string;
  /** 16 hexadecimal digits */
  readonly id: string;
  readonly parentId: string | null;
  readonly name: string;
  readonly startNanos: Nanos;
  readonly endNanos: Nanos;
  readonly status: SpanStatus;
  readonly statusMessage: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
}

export interface SpanEvent {
  readonly name: string;
  readonly atNanos: Nanos;
  readonly attributes: readonly Attribute[];
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: readonly Attribute[];
}

/** Spans that one program sent, and what it says about itself. */
export interface SpanBatch {
  readonly resource: readonly Attribute[];
  readonly spans: readonly Span[];
}

export const traceStates = ['STATE_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS'] as const;
export type TraceState = (typeof traceStates)[number];

/** One request that an application answered, without its spans. */
export interface TraceInfo {
  /** `tr-` and the hexadecimal digits of OpenTelemetry's id */
  readonly id: string;
  readonly experimentId: string;
  readonly requestedAt: Instant;
  readonly durationMs: number | null;
  readonly state: TraceState;
  readonly clientRequestId: string | null;
  readonly requestPreview: string | null;
  readonly responsePreview: string | null;
  /** what never changes: run, session, user, sizes */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly assessments: readonly Assessment[];
}

/** A judgement of a trace or one of its spans, by a person, a program or a model. */
export interface Assessment {
  readonly id: string;
  readonly traceId: string;
  readonly name: string;
  readonly spanId: string | null;
  readonly sourceType: string;
  readonly sourceId: string;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly rationale: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** the id of an earlier one that this corrects */
  readonly overrides: string | null;
  /** false once another one overrides it */
  readonly isValid: boolean;
  readonly says:
    | { readonly kind: 'feedback'; readonly value: unknown; readonly error: AssessmentError | null }
    | { readonly kind: 'expectation'; readonly value: unknown }
    | { readonly kind: 'issue'; readonly value: string };
}

export interface AssessmentError {
  readonly code: string;
  readonly message: string | null;
  readonly stackTrace: string | null;
}

/** Keys that MLflow's clients give a meaning. */
export const tagKeys = {
  name: 'mlflow.traceName',
  artifacts: 'mlflow.artifactLocation',
  spansLocation: 'mlflow.trace.spansLocation',
  linkedPrompts: 'mlflow.linkedPrompts',
} as const;
export const metadataKeys = {
  run: 'mlflow.sourceRun',
  session: 'mlflow.trace.session',
  user: 'mlflow.trace.user',
  tokenUsage: 'mlflow.trace.tokenUsage',
  cost: 'mlflow.trace.cost',
  /** set once the client has told all about the trace: spans that come later change nothing of it */
  isFinal: 'mlflow.trace.infoFinalized',
} as const;
export const spanKeys = {
  traceId: 'mlflow.traceRequestId',
  inputs: 'mlflow.spanInputs',
  outputs: 'mlflow.spanOutputs',
  type: 'mlflow.spanType',
  tokenUsage: 'mlflow.chat.tokenUsage',
  cost: 'mlflow.llm.cost',
  model: 'mlflow.llm.model',
  session: 'session.id',
  conversation: 'gen_ai.conversation.id',
  user: 'user.id',
  /** before the key of a tag that the trace shall have */
  tagPrefix: 'mlflow.traceTag.',
} as const;

/** What MLflow's clients read to know that spans are to be asked for here, not in an artifact. */
export const spansAreHere = 'TRACKING_STORE';

export const traceIdOf = (hex: string): string => `tr-${hex}`;

export const attributeOf = (span: Pick<Span, 'attributes'>, key: string): AnyValue | undefined =>
  span.attributes.find((attribute) => attribute.key === key)?.value;

/** A value as plain JSON; whole numbers beyond 2^53 and what is not finite become text. */
export function plainValue(value: AnyValue | undefined): unknown {
  if (value === undefined) return null;
  if ('string_value' in value) return value.string_value;
  if ('bool_value' in value) return value.bool_value;
  if ('double_value' in value) return value.double_value;
  if ('int_value' in value) return Number.isSafeInteger(Number(value.int_value)) ? Number(value.int_value) : value.int_value;
  if ('bytes_value' in value) return value.bytes_value;
  if ('array_value' in value) return value.array_value.values.map(plainValue);
  if ('kvlist_value' in value) return plainRecord(value.kvlist_value.values);
  return null;
}

/** Attributes as a plain object. */
export const plainRecord = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));

/** A value as one text: itself when it is text, else JSON. */
export const textOf = (value: AnyValue | undefined): string | null => {
  if (value === undefined || Object.keys(value).length === 0) return null;
  return 'string_value' in value ? value.string_value : jsonText(value);
};

/** JSON as Python writes it, so that a preview reads the same whether the client or the server made it. */
export function jsonText(value: AnyValue): string {
  if ('string_value' in value) return JSON.stringify(value.string_value);
  if ('bool_value' in value) return String(value.bool_value);
  if ('int_value' in value) return value.int_value;
  if ('double_value' in value) return doubleText(value.double_value);
  if ('bytes_value' in value) return JSON.stringify(value.bytes_value);
  if ('array_value' in value) return `[${value.array_value.values.map(jsonText).join(', ')}]`;
  if ('kvlist_value' in value) {
    return `{${value.kvlist_value.values.map((pair) => `${JSON.stringify(pair.key)}: ${jsonText(pair.value)}`).join(', ')}}`;
  }
  return 'null';
}

function doubleText(value: number | NotFinite): string {
  if (typeof value === 'string') return value;
  const text = Object.is(value, -0) ? '-0' : String(value);
  if (/^-?\d+$/.test(text)) return `${text}.0`;
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

const previewLength = 1_000;

/** What a list shows of a request or a response: of a chat the last message of the role, else its JSON; shortened. */
export function previewOf(value: AnyValue | undefined, role: 'user' | 'assistant'): string | null {
  if (value === undefined || Object.keys(value).length === 0) return null;
  const text = lastMessage(messagesIn(plainValue(value)), role) || jsonText(value);
  if (text.length <= previewLength) return text;
  // a letter beyond the first 65,536 takes two places, and must not be cut in the middle
  const letters = Array.from(text);
  return letters.length <= previewLength ? text : `${letters.slice(0, previewLength - 3).join('')}...`;
}

interface Message {
  readonly role: string;
  readonly content: unknown;
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'role' in value && 'content' in value;

/** The messages in a request or response in one of the usual shapes of chats. */
function messagesIn(value: unknown): readonly Message[] {
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  if (Array.isArray(fields['messages']) && fields['messages'].length > 0) return fields['messages'].filter(isMessage);
  const choice = Array.isArray(fields['choices']) ? (fields['choices'][0] as { message?: unknown } | undefined)?.message : undefined;
  if (isMessage(choice)) return [choice];
  for (const key of ['input', 'output']) {
    const list = fields[key];
    if (Array.isArray(list) && list.length > 0) return list.filter(isMessage);
  }
  return 'request' in fields ? messagesIn(fields['request']) : [];
}

function lastMessage(messages: readonly Message[], role: string): string | undefined {
  const content = (messages.findLast((message) => message.role === role) ?? messages.at(-1))?.content;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return undefined;
  for (const part of content as unknown[]) {
    const text = (part as { text?: unknown } | null)?.text;
    if (typeof text === 'string') return text;
  }
  return undefined;
}

/** The kind of work of a span: CHAIN, LLM, TOOL, …; UNKNOWN when nobody said. */
export function spanTypeOf(span: Pick<Span, 'attributes'>): string {
  const type = plainValue(attributeOf(span, spanKeys.type));
  return typeof type === 'string' && type !== '' ? type : 'UNKNOWN';
}

/** How the trace ended, told by its root span; undefined while that has not come. */
export function stateOf(spans: readonly Span[]): TraceState | undefined {
  const root = spans.find((span) => span.parentId === null);
  if (root === undefined) return undefined;
  return root.status === 'ERROR' ? 'ERROR' : 'OK';
}

/** The milliseconds between which spans ran; `endedAt` is undefined when none has ended. */
export function extentOf(spans: readonly Span[]): { startedAt: Instant; endedAt: Instant | undefined } {
  const starts = spans.map((span) => millisOf(span.startNanos));
  const ends = spans.flatMap((span) => (span.endNanos === '0' ? [] : [millisOf(span.endNanos)]));
  return { startedAt: Math.min(...starts), endedAt: ends.length === 0 ? undefined : Math.max(...ends) };
}

export const millisOf = (nanos: Nanos): number => Number(BigInt(nanos) / 1_000_000n);
export const microsOf = (nanos: Nanos): number => Number(BigInt(nanos) / 1_000n);

/**
 * Numbers that spans note, such as tokens or cost, summed over a trace. A span that has them speaks for all below it,
 * so that a parent that sums up its children is not counted twice.
 *
 * @param keys always there, 0 if no span names them; `optionalKeys` only where one does
 * @returns undefined when no span notes any
 */
export function sumOverTree(
  spans: readonly Pick<Span, 'id' | 'parentId' | 'attributes'>[],
  attribute: string,
  keys: readonly string[],
  optionalKeys: readonly string[] = [],
): Record<string, number> | undefined {
  const noted = new Map(spans.map((span) => [span.id, { parentId: span.parentId, numbers: numbersIn(attributeOf(span, attribute)) }]));
  const speaksAbove = (self: string): boolean => {
    const seen = new Set([self]);
    for (let id = noted.get(self)?.parentId ?? null; id !== null && !seen.has(id); id = noted.get(id)?.parentId ?? null) {
      seen.add(id);
      if (noted.get(id)?.numbers !== undefined) return true;
    }
    return false;
  };
  const counted = [...noted].flatMap(([id, { numbers }]) => (numbers === undefined || speaksAbove(id) ? [] : [numbers]));
  if (counted.length === 0) return undefined;
  const sums: Record<string, number> = Object.fromEntries(keys.map((key) => [key, 0]));
  for (const numbers of counted) {
    for (const key of [...keys, ...optionalKeys]) {
      const value = numbers[key];
      if (typeof value === 'number') sums[key] = (sums[key] ?? 0) + value;
    }
  }
  return sums;
}

function numbersIn(value: AnyValue | undefined): Record<string, unknown> | undefined {
  let plain = plainValue(value);
  if (typeof plain === 'string') {
    try {
      plain = JSON.parse(plain);
    } catch {
      return undefined;
    }
  }
  return typeof plain === 'object' && plain !== null && Object.keys(plain).length > 0 ? (plain as Record<string, unknown>) : undefined;
}

export const tokenKeys = ['input_tokens', 'output_tokens', 'total_tokens'] as const;
export const cacheTokenKeys = ['cache_read_input_tokens', 'cache_creation_input_tokens', 'cache_creation_input_tokens_above_1hr'] as const;
export const costKeys = ['input_cost', 'output_cost', 'total_cost'] as const;

/** A record of numbers as Python writes it. */
export const numbersText = (numbers: Readonly<Record<string, number>>, isWhole: boolean): string =>
  jsonText({
    kvlist_value: {
      values: Object.entries(numbers).map(([key, value]) => ({
        key,
        value: isWhole && Number.isInteger(value) ? { int_value: String(value) } : { double_value: value },
      })),
    },
  });
