import { TilthError } from '../../platform/errors.ts';

export const noPipeline = (folder: string): TilthError =>
  new TilthError(
    'PIPELINE_MISSING',
    404,
    `${folder} has no dvc.yaml with stages.`,
    'Write one; its form is that of DVC.',
  );

export const circularStages = (circle: readonly string[]): TilthError =>
  new TilthError(
    'PIPELINE_CIRCULAR',
    400,
    `The stages need each other in a circle: ${circle.join(' → ')}.`,
    'Take one dependency out of dvc.yaml.',
  );

export const stageUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'STAGE_NOT_FOUND',
    404,
    `There is no stage ${JSON.stringify(name)}.`,
    `There is: ${known.join(', ')}.`,
  );

export const dependencyMissing = (stage: string, path: string): TilthError =>
  new TilthError(
    'STAGE_DEPENDENCY_MISSING',
    409,
    `The stage ${stage} depends on ${path}, which does not exist.`,
    'If it is versioned, bring it back with: tilth data checkout',
  );

export const paramMissing = (stage: string, file: string, key: string): TilthError =>
  new TilthError(
    'STAGE_PARAM_MISSING',
    409,
    `The stage ${stage} needs the parameter ${key}, which ${file} does not have.`,
    `Add it to ${file}.`,
  );

export const dataChanged = (path: string): TilthError =>
  new TilthError(
    'PIPELINE_DATA_CHANGED',
    409,
    `${path} has changed since it was added, so a run would use data that has no version.`,
    `Check its contract and add it with: tilth data add ${path}`,
  );

export const outputsOverlap = (path: string, inside: string, stages: readonly string[]): TilthError =>
  new TilthError(
    'PIPELINE_OUTPUTS_OVERLAP',
    400,
    path === inside
      ? `Two stages make ${path}: ${stages.join(' and ')}.`
      : `${inside} of ${stages[1] ?? ''} lies inside ${path}, which ${stages[0] ?? ''} makes as a whole.`,
    'Take one of the two out of its dvc.yaml, or remove its .dvc file.',
  );

export const stageFolderMissing = (stage: string, folder: string): TilthError =>
  new TilthError(
    'STAGE_FOLDER_MISSING',
    409,
    `The stage ${stage} runs in ${folder}, which does not exist.`,
    'Make the folder, or correct its wdir.',
  );

export const runStopped = (stages: readonly string[]): TilthError =>
  new TilthError(
    'PIPELINE_STOPPED',
    409,
    `The run was stopped${stages.length === 0 ? '' : ` in ${stages.join(', ')}`}; stages that had finished are kept.`,
    'Go on with: tilth pipeline run',
  );

export const reproductionFailed = (stages: readonly string[]): TilthError =>
  new TilthError(
    'REPRODUCTION_FAILED',
    409,
    `failed to reproduce${stages.length > 1 ? ' stages:' : ''} ${stages.map((one) => `'${one}'`).join(', ')}`,
  );

export const stageFailed = (stage: string, command: string, code: number | string | null): TilthError =>
  new TilthError(
    'STAGE_FAILED',
    409,
    `The stage ${stage} failed: ${command} ended with ${code ?? 'a signal'}.`,
    'Its output is above; stages that finished before it are kept. Go on with: tilth pipeline run',
  );

export const outputMissing = (stage: string, path: string): TilthError =>
  new TilthError(
    'STAGE_OUTPUT_MISSING',
    409,
    `The stage ${stage} ended well but did not make ${path}.`,
    'Correct its outs in dvc.yaml, or its command.',
  );

export const executionMissing = (id: string): TilthError =>
  new TilthError(
    'EXECUTION_NOT_FOUND',
    404,
    `No execution of a stage has the id ${id}.`,
    'They are listed by: GET /api/v1/pipelines/executions',
  );

export const stageExists = (name: string, file: string): TilthError =>
  new TilthError(
    'STAGE_EXISTS',
    409,
    `Stage '${name}' already exists in '${file}'. Use '--force' to overwrite.`,
  );

export const stageNameInvalid = (name: string): TilthError =>
  new TilthError(
    'STAGE_NAME_INVALID',
    400,
    `Stage name cannot contain punctuation characters: ${JSON.stringify(name)}.`,
  );
