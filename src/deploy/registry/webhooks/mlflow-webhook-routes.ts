import { z } from '../../../platform/http.ts';
import {
  absent,
  filledText,
  int64,
  invalidParameter,
  message,
  mlflowCall,
  pageToken,
  readPageToken,
  text,
  type MlflowCall,
} from '../../../develop/tracking/mlflow-wire.ts';
import { testWebhook } from './webhook-delivery.ts';
import {
  createWebhook,
  deleteWebhook,
  eventsOf,
  getWebhook,
  listWebhooks,
  updateWebhook,
  type WebhookRow,
} from './webhook-store.ts';
import {
  exampleOf,
  webhookActionNames,
  webhookActions,
  webhookEntities,
  type WebhookEntity,
  type WebhookEventName,
} from './webhooks.ts';

/** An enum of the wire: its name in capitals, or its number. */
const named = <T extends string>(names: readonly T[]) =>
  z.union([text, z.number()]).transform((value, context): T => {
    const found =
      typeof value === 'number'
        ? names[value - 1]
        : names.find((name) => name.toUpperCase() === value.toUpperCase());
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: `one of ${names.join(', ').toUpperCase()}` });
    return z.NEVER;
  });

const event = z
  .object({ entity: named(webhookEntities), action: named(webhookActionNames) })
  .transform(({ entity, action }): WebhookEventName => {
    const valid: readonly string[] = webhookActions[entity];
    if (!valid.includes(action)) {
      throw invalidParameter(
        `Invalid action '${action}' for entity '${entity}'. Valid actions are: ${JSON.stringify(valid)}`,
      );
    }
    return `${entity}.${action}`;
  });

const name = text.refine((value) => /^(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(value), {
  error:
    'It must start and end with a letter or digit, have at most 63 characters, and only letters, digits, dots, underscores and hyphens.',
});
const url = filledText.max(2000);
const events = z.array(event).min(1).max(100);
const status = named(['ACTIVE', 'DISABLED'] as const);
const secret = text.max(1000);
const described = text.max(1000);
const identified = z.object({ webhook_id: filledText });
const position = z.tuple([z.number(), z.string()]);

/** MLflow's calls about webhooks. */
export const webhookCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    path: 'webhooks',
    right: 'webhook.manage',
    takes: z.object({
      name,
      url,
      events,
      description: absent(described),
      secret: absent(secret),
      status: absent(status),
    }),
    answer: async (world, actor, fields) => ({
      webhook: wireWebhook(await createWebhook(world, actor, fields)),
    }),
  }),
  mlflowCall({
    method: 'get',
    path: 'webhooks',
    right: 'webhook.manage',
    takes: z.object({
      max_results: absent(int64.pipe(z.number().min(1).max(1000))),
      page_token: absent(text),
    }),
    async answer(world, _actor, { max_results, page_token }) {
      const limit = max_results ?? 100;
      const rows = await listWebhooks(world.database.read, limit + 1, readPageToken(position, page_token));
      const last = rows[limit - 1];
      const hasMore = rows.length > limit && last !== undefined;
      return message({
        webhooks: rows.slice(0, limit).map(wireWebhook),
        next_page_token: hasMore ? pageToken([last.created_at, last.id]) : undefined,
      });
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'webhooks/{webhook_id}',
    right: 'webhook.manage',
    takes: identified,
    answer: async (world, _actor, { webhook_id }) => ({
      webhook: wireWebhook(await getWebhook(world.database.read, webhook_id)),
    }),
  }),
  mlflowCall({
    method: 'patch',
    path: 'webhooks/{webhook_id}',
    right: 'webhook.manage',
    takes: identified.extend({
      name: absent(name),
      url: absent(url),
      events: absent(z.array(event).max(100)),
      description: absent(described),
      secret: absent(secret),
      status: absent(status),
    }),
    async answer(world, actor, { webhook_id, events: wanted, ...change }) {
      const subscribed = wanted === undefined || wanted.length === 0 ? {} : { events: wanted };
      return {
        webhook: wireWebhook(
          await updateWebhook(world, actor, webhook_id, { ...defined(change), ...subscribed }),
        ),
      };
    },
  }),
  mlflowCall({
    method: 'delete',
    path: 'webhooks/{webhook_id}',
    right: 'webhook.manage',
    takes: identified,
    async answer(world, actor, { webhook_id }) {
      await deleteWebhook(world, actor, webhook_id);
      return {};
    },
  }),
  mlflowCall({
    method: 'post',
    path: 'webhooks/{webhook_id}/test',
    right: 'webhook.manage',
    takes: identified.extend({ event: absent(event) }),
    async answer(world, _actor, { webhook_id, event: asked }) {
      const webhook = await getWebhook(world.database.read, webhook_id);
      const tested = asked ?? eventsOf(webhook)[0] ?? 'model_version.created';
      const { answer, error } = await testWebhook(world, webhook, tested, exampleOf(tested));
      return {
        result: message({
          success: answer !== undefined && answer.status < 300,
          response_status: answer?.status,
          response_body: answer?.body,
          error_message: error,
        }),
      };
    },
  }),
];

const defined = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

const wireWebhook = (row: WebhookRow): object =>
  message({
    webhook_id: row.id,
    name: row.name,
    description: row.description,
    url: row.url,
    events: eventsOf(row).map((each) => {
      const [entity, action] = each.split('.') as [WebhookEntity, string];
      return { entity: entity.toUpperCase(), action: action.toUpperCase() };
    }),
    status: row.status,
    creation_timestamp: row.created_at,
    last_updated_timestamp: row.updated_at,
  });
