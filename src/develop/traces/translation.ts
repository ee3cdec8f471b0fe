import { attributeOf, plainValue, spanKeys, type AnyValue, type Attribute, type Span } from './traces.ts';

// Programs that are not MLflow's name the same things by other conventions: OpenTelemetry's for generative AI,
// OpenInference, OpenLLMetry. What they say is added under MLflow's keys; their own attributes stay.

const inputKeys = ['input.value', 'gen_ai.input.messages', 'gen_ai.prompt', 'gen_ai.tool.call.arguments', 'traceloop.entity.input'];
const outputKeys = ['output.value', 'gen_ai.output.messages', 'gen_ai.completion', 'gen_ai.tool.call.result', 'traceloop.entity.output'];
const modelKeys = ['gen_ai.response.model', 'gen_ai.request.model', 'llm.model_name'];
const inputTokenKeys = ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt'];
const outputTokenKeys = ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion'];
const totalTokenKeys = ['gen_ai.usage.total_tokens', 'llm.usage.total_tokens', 'llm.token_count.total'];

const typeKeys = ['gen_ai.operation.name', 'openinference.span.kind', 'traceloop.span.kind'];
const types: Readonly<Record<string, string>> = {
  chat: 'CHAT_MODEL',
  create_agent: 'AGENT',
  embeddings: 'EMBEDDING',
  execute_tool: 'TOOL',
  generate_content: 'LLM',
  invoke_agent: 'AGENT',
  text_completion: 'LLM',
  TOOL: 'TOOL',
  CHAIN: 'CHAIN',
  LLM: 'LLM',
  RETRIEVER: 'RETRIEVER',
  EMBEDDING: 'EMBEDDING',
  AGENT: 'AGENT',
  RERANKER: 'RERANKER',
  workflow: 'WORKFLOW',
  task: 'TASK',
  agent: 'AGENT',
  tool: 'TOOL',
};

/** The span with what other conventions say under MLflow's keys, where those are not set. */
export function translated(span: Span): Span {
  const added: Attribute[] = [];
  const offer = (key: string, value: AnyValue | undefined): void => {
    if (value !== undefined && attributeOf(span, key) === undefined) added.push({ key, value });
  };
  const first = (keys: readonly string[]): AnyValue | undefined => {
    for (const key of keys) {
      const value = attributeOf(span, key);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  offer(spanKeys.inputs, first(inputKeys));
  offer(spanKeys.outputs, first(outputKeys));
  offer(spanKeys.model, first(modelKeys));
  offer(spanKeys.tokenUsage, usageOf(first(inputTokenKeys), first(outputTokenKeys), first(totalTokenKeys)));
  const kind = plainValue(first(typeKeys));
  const type = typeof kind === 'string' ? types[kind] : undefined;
  const known = plainValue(attributeOf(span, spanKeys.type));
  if (type === undefined || (known !== null && known !== 'UNKNOWN')) return added.length === 0 ? span : { ...span, attributes: [...span.attributes, ...added] };
  const kept = span.attributes.filter(({ key }) => key !== spanKeys.type);
  return { ...span, attributes: [...kept, ...added, { key: spanKeys.type, value: { string_value: type } }] };
}

function usageOf(input: AnyValue | undefined, output: AnyValue | undefined, total: AnyValue | undefined): AnyValue | undefined {
  const inputCount = plainValue(input);
  const outputCount = plainValue(output);
  if (typeof inputCount !== 'number' || typeof outputCount !== 'number') return undefined;
  const totalCount = plainValue(total);
  const counts = [inputCount, outputCount, typeof totalCount === 'number' ? totalCount : inputCount + outputCount];
  const keys = ['input_tokens', 'output_tokens', 'total_tokens'];
  return { kvlist_value: { values: keys.map((key, index) => ({ key, value: { int_value: String(Math.trunc(counts[index] ?? 0)) } })) } };
}
