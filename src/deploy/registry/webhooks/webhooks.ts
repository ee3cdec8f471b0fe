import { createHmac } from 'node:crypto';

/** What can be told of each thing of the registry; prompts are models with a tag. */
export const webhookActions = {
  registered_model: ['created'],
  model_version: ['created'],
  model_version_tag: ['set', 'deleted'],
  model_version_alias: ['created', 'deleted'],
  prompt: ['created'],
  prompt_version: ['created'],
  prompt_tag: ['set', 'deleted'],
  prompt_version_tag: ['set', 'deleted'],
  prompt_alias: ['created', 'deleted'],
  // of MLflow's gateway, which is not here: it can be subscribed to, and never happens
  budget_policy: ['exceeded'],
} as const satisfies Record<string, readonly string[]>;
export type WebhookEntity = keyof typeof webhookActions;

/** `model_version.created`; the form in which subscriptions are kept. */
export type WebhookEventName = `${WebhookEntity}.${string}`;

/** MLflow's numbers for them on the wire, from 1. */
export const webhookEntities = Object.keys(webhookActions) as readonly WebhookEntity[];
export const webhookActionNames = ['created', 'updated', 'deleted', 'set', 'exceeded'] as const;

export interface Notice {
  readonly event: WebhookEventName;
  readonly data: object;
}

/** What an audit event says, with what its thing looks like. */
export interface RegistryChange {
  readonly verb: string;
  readonly kind: string;
  /** `model` or `model/version` */
  readonly thing: string;
  readonly data: {
    readonly source?: string;
    readonly run?: string | null;
    readonly alias?: string;
    readonly version?: number | null;
    readonly putTags?: Readonly<Record<string, string>>;
    readonly removeTag?: string;
  };
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string | null;
  readonly isPrompt: boolean;
}

const textTag = 'mlflow.prompt.text';
const innerTags = new Set(['mlflow.prompt.is_prompt', '_mlflow_prompt_type', textTag]);

/** What webhooks are told of a change, with the fields that MLflow's server sends. */
export function noticesOf(change: RegistryChange): Notice[] {
  const { verb, kind, data, isPrompt, description } = change;
  const [name, version] = splitThing(change);
  const tags = isPrompt
    ? Object.fromEntries(Object.entries(change.tags).filter(([key]) => !innerTags.has(key)))
    : change.tags;
  if (verb === 'model.register' && kind === 'model') {
    return [
      { event: isPrompt ? 'prompt.created' : 'registered_model.created', data: { name, tags, description } },
    ];
  }
  if (verb === 'model.register') {
    const of = { name, version, tags, description };
    return isPrompt
      ? [{ event: 'prompt_version.created', data: { ...of, template: change.tags[textTag] ?? null } }]
      : [{ event: 'model_version.created', data: { ...of, source: data.source, run_id: data.run ?? null } }];
  }
  if (verb === 'model.alias' && kind === 'model' && data.alias !== undefined) {
    const entity = isPrompt ? 'prompt_alias' : 'model_version_alias';
    return data.version === null || data.version === undefined
      ? [{ event: `${entity}.deleted`, data: { name, alias: data.alias } }]
      : [{ event: `${entity}.created`, data: { name, alias: data.alias, version: String(data.version) } }];
  }
  if (verb !== 'model.describe' || (kind === 'model' && !isPrompt)) return [];
  const entity = kind === 'model' ? 'prompt_tag' : isPrompt ? 'prompt_version_tag' : 'model_version_tag';
  const of = version === undefined ? { name } : { name, version };
  return [
    ...Object.entries(data.putTags ?? {}).map(([key, value]): Notice => ({
      event: `${entity}.set`,
      data: { ...of, key, value },
    })),
    ...(data.removeTag === undefined
      ? []
      : [{ event: `${entity}.deleted` as const, data: { ...of, key: data.removeTag } }]),
  ];
}

/** A model's name may hold a slash; a version's number comes last. */
export function splitThing({ kind, thing }: Pick<RegistryChange, 'kind' | 'thing'>): [string, string?] {
  if (kind === 'model') return [thing];
  const slash = thing.lastIndexOf('/');
  return [thing.slice(0, slash), thing.slice(slash + 1)];
}

/** What a test call sends. */
export function exampleOf(event: WebhookEventName): object {
  const [entity = '', action] = event.split('.');
  const name = entity.startsWith('prompt') ? 'example_prompt' : 'example_model';
  const tags = { example_key: 'example_value' };
  const tag = action === 'set' ? { key: 'example_key', value: 'example_value' } : { key: 'example_key' };
  switch (entity as WebhookEntity) {
    case 'registered_model':
    case 'prompt':
      return { name, tags, description: `An example ${entity === 'prompt' ? 'prompt' : 'registered model'}` };
    case 'model_version':
      return {
        name,
        version: '1',
        source: 'models:/123',
        run_id: 'abcd1234abcd5678',
        tags,
        description: 'An example model version',
      };
    case 'prompt_version':
      return {
        name,
        version: '1',
        template: 'Hello {{name}}!',
        tags,
        description: 'An example prompt version',
      };
    case 'prompt_tag':
      return { name, ...tag };
    case 'model_version_tag':
    case 'prompt_version_tag':
      return { name, version: '1', ...tag };
    case 'model_version_alias':
    case 'prompt_alias':
      return { name, alias: 'example_alias', ...(action === 'created' ? { version: '1' } : {}) };
    case 'budget_policy':
      return { budget_policy_id: 'bp-example', budget_unit: 'USD', budget_amount: 100, current_spend: 105.5 };
  }
}

/** The body of a request; the same in every attempt. @param at ms since the epoch */
export function bodyOf(event: WebhookEventName, data: object, at: number): string {
  const [entity, action] = event.split('.');
  return JSON.stringify({
    entity,
    action,
    timestamp: new Date(at).toISOString().replace('Z', '+00:00'),
    data,
  });
}

/**
 * The headers by which a receiver knows that a request is ours and recent, and has seen it before.
 *
 * @param at ms since the epoch, of this attempt
 * @param secret none: the request is not signed
 */
export function webhookHeaders(
  delivery: string,
  body: string,
  at: number,
  secret: string | undefined,
): Record<string, string> {
  const timestamp = String(Math.trunc(at / 1000));
  const signature =
    secret === undefined
      ? undefined
      : createHmac('sha256', secret).update(`${delivery}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'X-MLflow-Delivery-Id': delivery,
    'X-MLflow-Timestamp': timestamp,
    ...(signature === undefined ? {} : { 'X-MLflow-Signature': `v1,${signature}` }),
  };
}

const second = 1000;
const waits = [second, 10 * second, 60 * second, 600 * second, 3600 * second];

/**
 * How long to wait before the next attempt; undefined when there is none.
 *
 * @param attempt how many were made
 * @param retryAfter seconds that the receiver asked for
 */
export function waitBefore(attempt: number, retryAfter: string | undefined): number | undefined {
  const wait = waits[attempt - 1];
  const asked = /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) * second : 0;
  return wait === undefined ? undefined : Math.min(Math.max(wait, asked), 24 * 3600 * second);
}

/** Was the receiver only unable just now? */
export const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;
