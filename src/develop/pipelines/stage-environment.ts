import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Repository } from '../dvc-files/repository.ts';

/** Our own environment, in which the project's Python comes first. */
export function stageEnvironment(repository: Repository): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env };
  const python = join(repository.root, '.venv');
  if (existsSync(join(python, 'bin'))) {
    environment['PATH'] = [join(python, 'bin'), environment['PATH'] ?? ''].join(delimiter);
    environment['VIRTUAL_ENV'] = python;
    delete environment['PYTHONHOME'];
  }
  return environment;
}
