import { TilthError } from '../../platform/errors.ts';
import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import { job } from '../../platform/job-api.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import {
  describeTemplate,
  jobStarted,
  startNewProject as startShape,
  startPlace,
  templateDescription,
} from './new-project-api.ts';
import { describeNewProject, startJobKind, startNewProject, startPlaceOf } from './new-projects.ts';
import type { OpenedTemplates } from './opened-templates.ts';
import { askForUpdate, branchJobKind, checkJobKind, templateUpdateOf } from './template-updates.ts';
import { branchRequest, templateUpdate } from './template-update-api.ts';

const project = { params: z.object({ name: z.string() }) };

export function newProjectRoutes(world: World, templates: () => OpenedTemplates): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/projects-place',
      responses: answers(startPlace, 'Where projects are made, and what who asks may do there'),
    }),
    (context) => context.json(startPlaceOf(world, context.var.actor), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/templates/describe',
      request: { body: takes(describeTemplate) },
      responses: answers(templateDescription, 'The questions of a template, and the code that it would run'),
    }),
    async (context) => {
      const { signal } = context.req.raw;
      const asked = context.req.valid('json');
      return context.json(
        await describeNewProject(world, templates(), context.var.actor, asked, signal),
        200,
      );
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/projects/start',
      request: { body: takes(startShape) },
      responses: answers(jobStarted, 'The job that makes the project; its output tells where it is'),
    }),
    async (context) =>
      context.json(
        { jobId: await startNewProject(world, context.var.actor, context.req.valid('json')) },
        200,
      ),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/projects/start/{id}/cancel',
      request: { params: z.object({ id: z.string() }) },
      responses: answers(job, 'The job, ended; nothing of the project is left'),
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      const found = await world.jobs.get(id);
      if (![startJobKind, checkJobKind, branchJobKind].includes(found.kind)) throw notOurs(id);
      const change = {
        actor: context.var.actor,
        verb: 'project.start',
        kind: 'job',
        thing: id,
        data: { cancel: found.kind },
      } as const;
      await perform(world, change, async () => undefined);
      await world.jobs.cancel(id);
      return context.json(await world.jobs.get(id), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/projects/{name}/template-update',
      request: project,
      responses: answers(
        templateUpdate,
        'What was found when the template was last looked at; looks at nothing now',
      ),
    }),
    async (context) => context.json(await templateUpdateOf(world, context.req.valid('param').name), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/projects/{name}/template-update/check',
      request: project,
      responses: answers(
        jobStarted,
        'The job that looks at the template and plans the update; the project is not touched',
      ),
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      return context.json({ jobId: await askForUpdate(world, context.var.actor, name) }, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/projects/{name}/template-update',
      request: { ...project, body: takes(branchRequest) },
      responses: answers(
        jobStarted,
        'The job that commits the update on a branch; the work tree is not touched',
      ),
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      return context.json(
        { jobId: await askForUpdate(world, context.var.actor, name, context.req.valid('json')) },
        200,
      );
    },
  );
  return api;
}

const notOurs = (id: string): TilthError =>
  new TilthError(
    'JOB_NOT_CANCELLED',
    400,
    `The job ${id} does not begin or update a project.`,
    'See what it is: GET /api/v1/jobs/ID',
  );
