import { TilthError } from '../../platform/errors.ts';
import type { Failure } from './reproduce-api.ts';

export const cannotRepeat = (message: string, hint: string): TilthError =>
  new TilthError('RUN_NOT_REPEATABLE', 400, message, hint);

export const versionWithoutRun = (model: string, version: string): TilthError =>
  new TilthError(
    'MODEL_VERSION_WITHOUT_RUN',
    400,
    `Version ${version} of ${model} names no run that made it.`,
    'Register a version from a run: tilth model register NAME --run RUN',
  );

export const aliasUnknown = (model: string, alias: string): TilthError =>
  new TilthError(
    'MODEL_ALIAS_UNKNOWN',
    404,
    `${model} has no version with the alias ${alias}.`,
    `tilth model show ${model}`,
  );

export const stopped = (): TilthError =>
  new TilthError(
    'REPRODUCTION_STOPPED',
    400,
    'It was stopped before it came to a verdict; nothing was kept.',
    'tilth reproduce RUN',
  );

/** A step of a reproduction that failed; caught, and kept with the run. */
export class StepFailed extends Error {
  readonly failure: Failure;

  constructor(step: Failure['step'], message: string, todo: string, output = '') {
    super(message);
    this.failure = { step, message: message.slice(0, 2_000), todo, output: output.slice(-8_000) };
  }
}
