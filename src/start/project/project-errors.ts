import { TilthError } from '../../platform/errors.ts';

export const projectNotFound = (name: string): TilthError =>
  new TilthError(
    'PROJECT_NOT_FOUND',
    404,
    `There is no project ${JSON.stringify(name)}.`,
    'Register one from its folder: tilth project register',
  );

export const projectNameTaken = (name: string, root: string): TilthError =>
  new TilthError(
    'PROJECT_NAME_TAKEN',
    409,
    `The project ${JSON.stringify(name)} is the one in ${root}.`,
    'Give this one another name in its tilth.yaml.',
  );

export const modelDeclaredTwice = (model: string, project: string): TilthError =>
  new TilthError(
    'MODEL_DECLARED_TWICE',
    409,
    `The model ${JSON.stringify(model)} is declared by the project ${JSON.stringify(project)} already.`,
    'Give it another name in tilth.yaml, or take it out of the other project.',
  );
