import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { project, registration } from './project-api.ts';
import { getProject, listProjects, registerProject } from './project-store.ts';

export function projectRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/projects',
      responses: answers(z.array(project), 'All projects'),
    }),
    async (context) => context.json(await listProjects(world.database.read), 200),
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/projects/{name}',
      request: { params: z.object({ name: z.string() }) },
      responses: answers(project, 'One project with its declaration'),
    }),
    async (context) =>
      context.json(await getProject(world.database.read, context.req.valid('param').name), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/projects',
      request: { body: takes(registration) },
      responses: answers(project, 'The project, registered or brought up to date with its tilth.yaml'),
    }),
    async (context) =>
      context.json(await registerProject(world, context.var.actor, context.req.valid('json').root), 200),
  );
  return api;
}
