import { TilthError } from '../../platform/errors.ts';

export const rolloutUnderWay = (endpoint: string, version: number): TilthError =>
  new TilthError(
    'ROLLOUT_UNDER_WAY',
    409,
    `Version ${version} is being rolled out at ${endpoint} already.`,
    `See it: tilth endpoint canary ${endpoint}. End it: tilth endpoint canary ${endpoint} stop`,
  );

export const noRollout = (endpoint: string): TilthError =>
  new TilthError(
    'NO_ROLLOUT',
    404,
    `No version is being rolled out at ${endpoint}.`,
    `Begin: tilth endpoint canary ${endpoint} VERSION`,
  );

export const rolloutRefused = (message: string): TilthError =>
  new TilthError('ROLLOUT_REFUSED', 400, message, 'See: tilth endpoint canary --help');

/** Somebody else decided meanwhile. */
export const rolloutMoved = (endpoint: string): TilthError =>
  new TilthError(
    'ROLLOUT_MOVED',
    409,
    `The rollout at ${endpoint} has moved on meanwhile.`,
    `Look again: tilth endpoint canary ${endpoint}`,
  );
