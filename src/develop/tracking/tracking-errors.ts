import { TilthError, notFound } from '../../platform/errors.ts';
import type { LifecycleStage } from './tracking.ts';

export const runNotFound = (id: string): TilthError => notFound('RUN_NOT_FOUND', `The run ${id}`, 'See: tilth run list');

export const experimentNotFound = (what: string): TilthError => notFound('EXPERIMENT_NOT_FOUND', `The experiment ${what}`);

export const modelNotFound = (id: string): TilthError => notFound('LOGGED_MODEL_NOT_FOUND', `The logged model ${id}`);

export const tagNotFound = (key: string, thing: string): TilthError => notFound('TAG_NOT_FOUND', `The tag '${key}' of ${thing}`);

export const experimentExists = (name: string, stage: LifecycleStage): TilthError =>
  new TilthError(
    'EXPERIMENT_ALREADY_EXISTS',
    400,
    `An experiment with the name '${name}' already exists${stage === 'deleted' ? ' and is deleted' : ''}.`,
    stage === 'deleted' ? 'Restore it, or choose another name.' : undefined,
  );

export const notActive = (what: 'run' | 'experiment', id: string): TilthError =>
  new TilthError(
    what === 'run' ? 'RUN_DELETED' : 'EXPERIMENT_DELETED',
    400,
    `The ${what} ${id} must be in the 'active' state. Current state is deleted.`,
    'Restore it first.',
  );

export const paramChanged = (key: string, old: string, value: string, runId: string): TilthError =>
  new TilthError(
    'PARAM_CHANGED',
    400,
    `Changing param values is not allowed. Param with key='${key}' was already logged with value='${old}' for run ID='${runId}'. Attempted logging new value '${value}'.`,
    'A value that changes during a run is a metric or a tag; another configuration is another run.',
  );

export const metricBlockDamaged = (how: string): TilthError =>
  new TilthError(
    'METRIC_BLOCK_DAMAGED',
    500,
    `A part of a metric's history can't be read: ${how}.`,
    'The database was damaged outside of tilth: bring back a copy of it.',
  );
