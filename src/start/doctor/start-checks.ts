import { composeFiles } from './compose-file.ts';
import { dockerFiles } from './docker-files.ts';
import type { Check } from './doctor.ts';
import { dvcFiles } from './dvc-files.ts';
import { gitFiles } from './git-files.ts';
import { hydraConfig } from './hydra-config.ts';
import { makefile } from './makefile.ts';
import { preCommit } from './pre-commit.ts';
import { pythonProject } from './python-project.ts';
import { pythonSource } from './python-source.ts';
import { readme } from './readme.ts';
import { workflows } from './workflows.ts';

/** What this practice looks at; a later practice hands its own list to `doctorCommands` beside this one. */
export const startChecks: readonly Check[] = [
  pythonProject,
  hydraConfig,
  dvcFiles,
  dockerFiles,
  composeFiles,
  makefile,
  preCommit,
  workflows,
  pythonSource,
  readme,
  gitFiles,
];
