import { TilthError } from '../../platform/errors.ts';

export const noPipeline = (folder: string): TilthError =>
  new TilthError('PIPELINE_MISSING', 404, `${folder} has no dvc.yaml with stages.`, 'Write one; its form is that of DVC.');

export const circularStages = (circle: readonly string[]): TilthError =>
  new TilthError('PIPELINE_CIRCULAR', 400, `The stages need each other in a circle: ${circle.join(' → ')}.`, 'Take one dependency out of dvc.yaml.');

export const stageUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError('STAGE_NOT_FOUND', 404, `There is no stage ${JSON.stringify(name)}.`, `There is: ${known.join(', ')}.`);

export const dependencyMissing = (stage: string, path: string): TilthError =>
  new TilthError(
    'STAGE_DEPENDENCY_MISSING',
    409,
    `The stage ${stage} depends on ${path}, which does not exist.`,
    'If it is versioned, bring it back with: tilth data checkout',
  );

export const paramMissing = (stage: string, file: string, key: string): TilthError =>
  new TilthError('STAGE_PARAM_MISSING', 409, `The stage ${stage} needs the parameter ${key}, which ${file} does not have.`, `Add it to ${file}.`);

export const dataChanged = (path: string, dataset: string | undefined): TilthError =>
  new TilthError(
    'PIPELINE_DATA_CHANGED',
    409,
    `${path} has changed since it was added, so a run would use data that has no version.`,
    `${dataset === undefined ? 'Add' : 'Check its contract and add'} it with: tilth data add ${path}`,
  );

export const stageFailed = (stage: string, command: string, code: number | null): TilthError =>
  new TilthError(
    'STAGE_FAILED',
    409,
    `The stage ${stage} failed: ${command} ended with ${code ?? 'a signal'}.`,
    'Its output is above; stages that finished before it are kept. Go on with: tilth pipeline run',
  );

export const outputMissing = (stage: string, path: string): TilthError =>
  new TilthError('STAGE_OUTPUT_MISSING', 409, `The stage ${stage} ended well but did not make ${path}.`, 'Correct its outs in dvc.yaml, or its command.');

export const executionMissing = (id: string): TilthError =>
  new TilthError('EXECUTION_NOT_FOUND', 404, `No execution of a stage has the id ${id}.`, 'They are listed by: GET /api/v1/pipelines/executions');
