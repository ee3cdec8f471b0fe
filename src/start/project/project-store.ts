import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { declarationFile } from './declaration-file.ts';
import {
  readDeclaration,
  type ModelDeclaration,
  type ProjectDeclaration,
} from './declaration.ts';
import { readOrigin } from './read-cruft-file.ts';
import type { Project } from './project-api.ts';
import { modelDeclaredTwice, projectNameTaken, projectNotFound } from './project-errors.ts';

interface ProjectTable {
  name: string;
  root: string;
  template: string | null;
  template_commit: string | null;
  /** JSON */
  answers: string;
  /** JSON, complete with defaults */
  declaration: string;
  registered_at: number;
  synced_at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    project: ProjectTable;
  }
}

export const projectMigrations: Migrations = {
  'start-001-projects': {
    async up(db) {
      await db.schema
        .createTable('project')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('root', 'text', (column) => column.notNull())
        .addColumn('template', 'text')
        .addColumn('template_commit', 'text')
        .addColumn('answers', 'text', (column) => column.notNull())
        .addColumn('declaration', 'text', (column) => column.notNull())
        .addColumn('registered_at', 'integer', (column) => column.notNull())
        .addColumn('synced_at', 'integer', (column) => column.notNull())
        .execute();
    },
  },
};

/**
 * Reads `tilth.yaml` and the origin of the project in `root` and keeps them; the same call brings them up to date.
 *
 * @throws PROJECT_FILE_MISSING, PROJECT_FILE_INVALID, PROJECT_NAME_TAKEN, MODEL_DECLARED_TWICE, NOT_ALLOWED
 */
export async function registerProject(world: World, actor: Actor, root: string): Promise<Project> {
  const declaration = readDeclaration(root);
  const origin = readOrigin(root);
  const name = declaration.project;
  const models = Object.keys(declaration.models);
  await perform(
    world,
    {
      actor,
      verb: 'project.register',
      kind: 'project',
      thing: name,
      data: { models, datasets: Object.keys(declaration.datasets) },
    },
    async (tx) => {
      for (const other of await listProjects(tx)) {
        if (other.name !== name) {
          const model = models.find((each) => other.declaration.models[each] !== undefined);
          if (model !== undefined) throw modelDeclaredTwice(model, other.name);
        } else if (other.root !== root && existsSync(join(other.root, declarationFile)))
          throw projectNameTaken(name, other.root);
      }
      const now = world.clock.now();
      const synced = {
        root,
        template: origin?.template ?? null,
        template_commit: origin?.commit ?? null,
        answers: JSON.stringify(origin?.context.cookiecutter ?? {}),
        declaration: JSON.stringify(declaration),
        synced_at: now,
      };
      await tx
        .insertInto('project')
        .values({ name, ...synced, registered_at: now })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(synced))
        .execute();
    },
  );
  return getProject(world.database.read, name);
}

/** @throws PROJECT_NOT_FOUND */
export async function getProject(read: Reader, name: string): Promise<Project> {
  const row = await read.selectFrom('project').selectAll().where('name', '=', name).executeTakeFirst();
  if (row === undefined) throw projectNotFound(name);
  return fromRow(row);
}

export async function listProjects(read: Reader): Promise<Project[]> {
  return (await read.selectFrom('project').selectAll().orderBy('name').execute()).map(fromRow);
}

export interface DeclaredModel {
  readonly project: Project;
  readonly model: ModelDeclaration;
}

/** Which project declares this model, and how; undefined when none does. */
export async function declarationOf(read: Reader, model: string): Promise<DeclaredModel | undefined> {
  for (const project of await listProjects(read)) {
    const declared = project.declaration.models[model];
    if (declared !== undefined) return { project, model: declared };
  }
  return undefined;
}

const fromRow = (row: ProjectTable): Project => ({
  name: row.name,
  root: row.root,
  template: row.template,
  templateCommit: row.template_commit,
  answers: JSON.parse(row.answers) as Record<string, unknown>,
  declaration: JSON.parse(row.declaration) as ProjectDeclaration,
  registeredAt: row.registered_at,
  syncedAt: row.synced_at,
});
