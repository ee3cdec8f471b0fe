import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Database } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { createApi } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';
import { writeOrigin } from './cruft-file.ts';
import type { Project } from './project-api.ts';
import { projectRoutes } from './project-routes.ts';
import {
  declarationOf,
  getProject,
  listProjects,
  projectMigrations,
  registerProject,
} from './project-store.ts';

let world: World & { close(): Promise<void> };
before(async () => {
  world = await createTestWorld({ migrations: projectMigrations });
});
after(() => world.close());

const fails = (code: string) => (thrown: unknown) => thrown instanceof TilthError && thrown.code === code;

function projectIn(folder: string, name: string, model: string): string {
  const root = join(world.home.root, folder);
  mkdirSync(root, { recursive: true });
  writeFileSync(
    join(root, 'tilth.yaml'),
    `project: ${name}
models:
  ${model}: { dataset: d, task: binary-classification, target: late, owner: ada, experiment: e, endpoint: ${model} }
`,
  );
  return root;
}

test('a registered project is known with its origin, and the file decides again at the next call', async () => {
  const root = projectIn('flights', 'flights', 'late-arrival');
  writeOrigin(root, {
    template: 'tilth:ml-project',
    commit: 'v1',
    checkout: null,
    context: { cookiecutter: { author: 'Ada' } },
    directory: null,
  });
  const project = await registerProject(world, localActor, root);
  assert.deepEqual(
    [project.template, project.templateCommit, project.answers],
    ['tilth:ml-project', 'v1', { author: 'Ada' }],
  );
  const declared = await declarationOf(world.database.read, 'late-arrival');
  assert.deepEqual(
    [declared?.project.name, declared?.model.endpoint, declared?.model.monitoring.window],
    ['flights', 'late-arrival', 'week'],
  );
  assert.equal(await declarationOf(world.database.read, 'unheard-of'), undefined);

  projectIn('flights', 'flights', 'very-late');
  await registerProject(world, localActor, root);
  assert.equal(await declarationOf(world.database.read, 'late-arrival'), undefined);
  assert.equal((await declarationOf(world.database.read, 'very-late'))?.project.name, 'flights');
  assert.equal((await listProjects(world.database.read)).length, 1);
});

test('registering leaves an event in the audit log', async () => {
  const events = await eventsOf(world.database);
  assert.ok(events.some((event) => event.verb === 'project.register' && event.thing === 'flights'));
});
const eventsOf = (database: Database) =>
  database.read.selectFrom('event').select(['verb', 'thing']).execute();

test('a name is one folder, and a model has one project', async () => {
  const elsewhere = projectIn('elsewhere', 'flights', 'other');
  await assert.rejects(registerProject(world, localActor, elsewhere), fails('PROJECT_NAME_TAKEN'));
  const thief = projectIn('thief', 'thief', 'very-late');
  await assert.rejects(registerProject(world, localActor, thief), fails('MODEL_DECLARED_TWICE'));
  rmSync(join(world.home.root, 'flights'), { recursive: true });
  assert.equal((await registerProject(world, localActor, elsewhere)).root, elsewhere, 'a project may move');
});

test('projects are asked for and registered over HTTP', async () => {
  const api = projectRoutes(world);
  const root = projectIn('by-http', 'by-http', 'asked');
  const ask = (path: string, body?: unknown) => {
    const request = new Request(
      `http://tilth${path}`,
      body === undefined
        ? {}
        : {
            method: 'POST',
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
          },
    );
    return asLocal.fetch(request);
  };
  const asLocal = createApi();
  asLocal.use(async (context, next) => {
    context.set('actor', localActor);
    await next();
  });
  asLocal.route('/', api);
  assert.equal((await ask('/api/v1/projects', { root })).status, 200);
  const found = (await (await ask('/api/v1/projects/by-http')).json()) as Project;
  assert.equal(found.declaration.models['asked']?.owner, 'ada');
  const all = (await (await ask('/api/v1/projects')).json()) as Project[];
  assert.ok(all.some((each) => each.name === 'by-http'));
  await assert.rejects(getProject(world.database.read, 'nothing'), fails('PROJECT_NOT_FOUND'));
});
