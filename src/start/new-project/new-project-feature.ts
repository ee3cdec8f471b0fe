import type { Feature } from '../../platform/feature.ts';
import type { World } from '../../platform/world.ts';
import { newProjectRoutes } from './new-project-routes.ts';
import { startJobKind, withNextStep, workOnStart } from './new-projects.ts';
import { OpenedTemplates } from './opened-templates.ts';
import { templateUpdateMigrations } from './template-update-store.ts';
import { branchJobKind, checkJobKind, workOnBranch, workOnCheck } from './template-updates.ts';

const opened = new WeakMap<World, OpenedTemplates>();

function templatesOf(world: World): OpenedTemplates {
  const templates = opened.get(world) ?? new OpenedTemplates(world);
  opened.set(world, templates);
  return templates;
}

/** Starting projects and looking at their templates on the server. */
export const newProjectFeature: Feature = {
  name: 'new projects',
  migrations: templateUpdateMigrations,
  routes: (world) => newProjectRoutes(world, () => templatesOf(world)),
  start: (world) => {
    const templates = templatesOf(world);
    type StartInput = Parameters<typeof workOnStart>[2];
    type UpdateInput = Parameters<typeof workOnCheck>[2];
    world.jobs.handle(startJobKind, (input: StartInput, job) =>
      withNextStep(() => workOnStart(world, templates, input, job)),
    );
    world.jobs.handle(checkJobKind, (input: UpdateInput, job) =>
      withNextStep(() => workOnCheck(world, templates, input, job)),
    );
    world.jobs.handle(branchJobKind, (input: UpdateInput, job) =>
      withNextStep(() => workOnBranch(world, templates, input, job)),
    );
    return () => templates.close();
  },
};
