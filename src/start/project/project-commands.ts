import { resolve } from 'node:path';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { findUp } from '../../platform/home.ts';
import { print, table } from '../../platform/terminal.ts';
import { declarationFile } from './declaration-file.ts';
import type { Project } from './project-api.ts';

export const addProjectCommands: AddCommands = (program) => {
  const project = program.command('project').description('projects the server knows');

  withCommonFlags(project.command('list').description('every project, with its models')).action(
    async (flags: CommonFlags) => {
      const projects = await call<Project[]>(flags, 'GET', '/api/v1/projects');
      print(flags, projects, (rows) =>
        rows.length === 0
          ? 'No project yet. Begin one with: tilth start'
          : table(
              ['project', 'models', 'template', 'folder'],
              rows.map((row) => [
                row.name,
                Object.keys(row.declaration.models).join(', '),
                row.template ?? '',
                row.root,
              ]),
            ),
      );
    },
  );

  withCommonFlags(project.command('show <name>').description('one project as the server knows it')).action(
    async (name: string, flags: CommonFlags) => {
      const found = await call<Project>(flags, 'GET', `/api/v1/projects/${encodeURIComponent(name)}`);
      print(flags, found, (row) => JSON.stringify(row, null, 2));
    },
  );

  withCommonFlags(
    project
      .command('register [folder]')
      .description('tell the server of a project, or of a changed tilth.yaml'),
  ).action(async (folder: string | undefined, flags: CommonFlags) => {
    const root = folder === undefined ? (findUp(declarationFile) ?? process.cwd()) : resolve(folder);
    const registered = await call<Project>(flags, 'POST', '/api/v1/projects', { root });
    print(flags, registered, (row) => `${row.name} is registered, from ${row.root}`);
  });
};
