import { Readable } from 'node:stream';
import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { listProjects } from '../../start/project/project-store.ts';
import { requireRight } from '../../team/can.ts';
import { moveAlias } from './aliases.ts';
import {
  approve,
  approvalsOf,
  comment,
  conversation,
  reject,
  requestApproval,
  withdraw,
} from './approvals/approvals.ts';
import { evaluateGate } from './gate/gate-evidence.ts';
import {
  aliasChange,
  aliasStay,
  approval,
  approvalComment,
  approvalConversation,
  gateReport,
  modelVersion,
  registeredModel,
  registration,
} from './registry-api.ts';
import { badRequest } from '../../platform/errors.ts';
import { aliasHistory, getModelRow, getVersion, listModels, listVersions } from './registry-store.ts';
import { fileKeyOf } from './served-file.ts';
import { convertAgain, registerVersion } from './versions.ts';

const modelPath = z.object({ model: z.string() });
const approvalPath = z.object({ id: z.string() });
const longestComment = 10_000;
const versionPath = modelPath.extend({ version: z.coerce.number().int().positive() });
const asked = z.object({ alias: z.string().optional() });
/** `hash` is the bundleHash that the decider saw; another one that waits by now is not decided */
const decision = asked.extend({ hash: z.string().optional() });

/** Models, versions, gates, approvals and aliases; and the graphs that data planes fetch. */
export function registryRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models',
      responses: answers(z.array(registeredModel), 'Registered models'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const models = await listModels(read);
      const declared = new Set(
        (await listProjects(read)).flatMap((project) => Object.keys(project.declaration.models)),
      );
      return context.json(
        models.map((each) => ({ ...each, isDeclared: declared.has(each.name) })),
        200,
      );
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models',
      request: { body: takes(registration) },
      responses: answers(modelVersion, 'The new version; its conversion is under way'),
    }),
    async (context) => {
      const { model, runId, modelUri, description, tags } = context.req.valid('json');
      const source = modelUri ?? (runId === undefined ? undefined : `runs:/${runId}/`);
      if (source === undefined)
        throw badRequest(
          'Say which model to register: runId or modelUri.',
          'tilth model register MODEL --run RUN_ID',
        );
      const version = await registerVersion(world, context.var.actor, {
        model,
        source,
        runId,
        description,
        tags,
        createsModel: true,
      });
      return context.json(version, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/versions',
      request: { params: modelPath },
      responses: answers(z.array(modelVersion), 'Versions, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model } = context.req.valid('param');
      await getModelRow(read, model);
      return context.json(await listVersions(read, model), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/versions/{version}',
      request: { params: versionPath },
      responses: answers(modelVersion, 'One version with parity, gate report and approvals'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model, version } = context.req.valid('param');
      return context.json(await getVersion(read, model, version), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/versions/{version}/convert',
      request: { params: versionPath },
      responses: answers(z.object({ job: z.string() }), 'The job that converts it again'),
    }),
    async (context) => {
      const { model, version } = context.req.valid('param');
      return context.json({ job: await convertAgain(world, context.var.actor, model, version) }, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/versions/{version}/gate',
      request: {
        params: versionPath,
        query: z.object({ measure: z.enum(['missing', 'again']).default('missing') }),
      },
      responses: answers(gateReport, 'The gate, evaluated now, with its evidence'),
    }),
    async (context) => {
      const { model, version } = context.req.valid('param');
      const measuresAgain = context.req.valid('query').measure === 'again';
      return context.json(
        await evaluateGate(world, context.var.actor, model, version, { measuresAgain }),
        200,
      );
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/versions/{version}/request',
      request: { params: versionPath, body: takes(asked.extend({ message: z.string().min(1).optional() })) },
      responses: answers(approval, 'The request, waiting for a second person'),
    }),
    async (context) => {
      const wanted = { ...context.req.valid('param'), ...context.req.valid('json') };
      return context.json(await requestApproval(world, context.var.actor, wanted), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/versions/{version}/approve',
      request: { params: versionPath, body: takes(decision.extend({ reason: z.string().optional() })) },
      responses: answers(approval, 'The granted approval; the alias has moved'),
    }),
    async (context) => {
      const wanted = { ...context.req.valid('param'), ...context.req.valid('json') };
      return context.json(await approve(world, context.var.actor, wanted), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/versions/{version}/reject',
      request: { params: versionPath, body: takes(decision.extend({ reason: z.string().min(1) })) },
      responses: answers(approval, 'The refused approval'),
    }),
    async (context) => {
      const wanted = { ...context.req.valid('param'), ...context.req.valid('json') };
      return context.json(await reject(world, context.var.actor, wanted), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/versions/{version}/withdraw',
      request: { params: versionPath, body: takes(asked.extend({ reason: z.string().optional() })) },
      responses: answers(approval, 'The request, taken back'),
    }),
    async (context) => {
      const wanted = { ...context.req.valid('param'), ...context.req.valid('json') };
      return context.json(await withdraw(world, context.var.actor, wanted), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/models/{model}/alias',
      request: { params: modelPath, body: takes(aliasChange) },
      responses: answers(z.array(aliasStay), 'The stays of the alias, newest first'),
    }),
    async (context) => {
      const { model } = context.req.valid('param');
      const { alias, version, reason } = context.req.valid('json');
      await moveAlias(world, context.var.actor, { model, alias, version, reason: reason ?? null });
      return context.json(await aliasHistory(read, { model, alias }), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/history',
      request: {
        params: modelPath,
        query: z.object({ alias: z.string().optional(), at: z.coerce.number().optional() }),
      },
      responses: answers(z.array(aliasStay), 'Which version had which alias when, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model } = context.req.valid('param');
      await getModelRow(read, model);
      return context.json(await aliasHistory(read, { model, ...context.req.valid('query') }), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/approvals',
      request: {
        query: z.object({
          state: approval.shape.state.optional(),
          model: z.string().optional(),
          version: z.coerce.number().int().positive().optional(),
        }),
      },
      responses: answers(z.array(approval), 'Approvals, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await approvalsOf(world, context.req.valid('query')), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/approvals/{id}',
      request: { params: approvalPath },
      responses: answers(
        approvalConversation,
        'The request with its gate report, what was said, and what changed since',
      ),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await conversation(world, context.req.valid('param').id), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/approvals/{id}/comments',
      request: {
        params: approvalPath,
        body: takes(z.object({ text: z.string().trim().min(1).max(longestComment) })),
      },
      responses: answers(approvalComment, 'The comment'),
    }),
    async (context) => {
      const { text } = context.req.valid('json');
      return context.json(await comment(world, context.var.actor, context.req.valid('param').id, text), 200);
    },
  );
  api.get('/api/v1/blobs/:digest{[0-9a-f]{64}}', async (context) => {
    requireRight(context.var.actor, 'read');
    const digest = context.req.param('digest');
    const bundle = fileKeyOf('python', digest);
    const isBundle = (await world.blobs.size(bundle)) !== undefined;
    const { stream, byteCount } = await world.blobs.get(isBundle ? bundle : fileKeyOf('onnx', digest));
    return context.body(Readable.toWeb(stream) as ReadableStream, 200, {
      'content-type': 'application/octet-stream',
      'content-length': String(byteCount),
      etag: `"${digest}"`,
      'cache-control': 'public, max-age=31536000, immutable',
    });
  });
  return api;
}
