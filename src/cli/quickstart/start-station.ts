import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { clientsOf, model, scriptOf, terminalOf, type Journey, type Person, type Station } from './journey.ts';
import { run, tilth } from './tools.ts';

interface Started {
  readonly folder: string;
  readonly template: string;
  readonly templateCommit: string;
  readonly fileCount: number;
  readonly repository: { readonly commit: string };
  readonly environment: { readonly packageCount: number; readonly seconds: number };
}

export const startStation: Station = {
  name: 'start',
  what: 'a project from a template, as a git repository with Poetry',
  run: async (journey) => {
    const { progress } = journey;
    await progress.step('two people join, both simulated: ana the data scientist, ben the ML engineer', () => joinTeam(journey));
    const answers = ['project_title=Late flights', 'author=ana', `model=${model}`];
    // both wait for the package index most of the time, so they wait together
    const clients = installClients(journey);
    // a failure is told where it is awaited
    clients.catch(() => undefined);
    const started = await progress.step(
      'tilth start: render our template, commit it, install what its lock names',
      (update) =>
        tilth<Started>(['start', '--no-input', '--install-poetry', '--overwrite-if-exists', '-o', journey.folder, ...answers], {
          cwd: journey.folder,
          env: terminalOf(journey, 'ana'),
          onLine: update,
        }),
      ({ fileCount, environment }) => `${fileCount} files, ${environment.packageCount} packages`,
    );
    await progress.step('the public clients that will check our answers: dvc, tritonclient', () => clients);
    return {
      template: started.template,
      templateCommit: started.templateCommit,
      fileCount: started.fileCount,
      commit: started.repository.commit,
      packageCount: started.environment.packageCount,
      environmentSeconds: started.environment.seconds,
    };
  },
};

const people: readonly { id: Person; name: string; title: string; roles: string[] }[] = [
  { id: 'ana', name: 'Ana', title: 'data scientist', roles: ['contributor', 'maintainer'] },
  { id: 'ben', name: 'Ben', title: 'ML engineer', roles: ['reviewer', 'operator', 'maintainer'] },
];

async function joinTeam(journey: Journey): Promise<void> {
  for (const { id, name, title, roles } of people) {
    await tilth(['team', 'add', id, '--name', name, '--title', title, '--simulated', '--role', ...roles], { env: terminalOf(journey) });
    const { token } = await tilth<{ token: string }>(['team', 'token', id], { env: terminalOf(journey) });
    journey.memory.keep(`token ${id}`, token);
  }
}

async function installClients(journey: Journey): Promise<void> {
  const python = clientsOf(journey);
  const stamp = join(python, '..', 'dvc');
  if (existsSync(stamp)) return;
  const found = process.env['TILTH_PYTHON'] ?? 'python3';
  await run(existsSync(python) ? python : found, ['-m', 'venv', join(journey.folder, 'clients')]);
  const install = ['-m', 'pip', 'install', '--disable-pip-version-check', '-r', scriptOf('requirements.txt')];
  await run(python, install);
}

