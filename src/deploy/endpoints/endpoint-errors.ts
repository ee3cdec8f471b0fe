import { TilthError } from '../../platform/errors.ts';

export const routeRefused = (message: string): TilthError =>
  new TilthError('ROUTE_REFUSED', 400, message, 'See: tilth endpoint route --help');

export const endpointNotFound = (name: string): TilthError =>
  new TilthError(
    'ENDPOINT_UNKNOWN',
    404,
    `There is no endpoint ${JSON.stringify(name)}.`,
    'See what there is: tilth endpoint list',
  );

export const endpointExists = (name: string, model: string): TilthError =>
  new TilthError(
    'ENDPOINT_ALREADY_EXISTS',
    409,
    `The endpoint ${name} serves ${model} already.`,
    `See it: tilth endpoint show ${name}`,
  );

export const endpointNameRefused = (name: string): TilthError =>
  new TilthError(
    'ENDPOINT_NAME_REFUSED',
    400,
    `${JSON.stringify(name)} is no name for an endpoint.`,
    'Letters, digits, dot, dash and underscore; at most 64.',
  );

export const endpointStopped = (name: string, model: string): TilthError =>
  new TilthError(
    'ENDPOINT_STOPPED',
    409,
    `The endpoint ${name} is stopped.`,
    `Bring it back: tilth endpoint create ${name} --model ${model}`,
  );

export const noChampion = (name: string, model: string): TilthError =>
  new TilthError(
    'ENDPOINT_WITHOUT_CHAMPION',
    409,
    `The endpoint ${name} has no champion yet, since no version of ${model} is approved.`,
    `Approve one: tilth model request ${model} VERSION, then tilth model approve ${model} VERSION`,
  );

export const notServable = (model: string, version: number, reason: string): TilthError =>
  new TilthError(
    'VERSION_NOT_SERVABLE',
    409,
    `Version ${version} of ${model} can't be routed: ${reason}`,
    `See why: tilth model show ${model} ${version}. Models without a graph need a Python worker, which tilth does not have yet.`,
  );

export const nothingBefore = (name: string, refused: readonly (readonly [number, string])[]): TilthError =>
  new TilthError(
    'NO_VERSION_BEFORE',
    409,
    refused.length === 0
      ? `The endpoint ${name} had no other champion that could take over.`
      : `No champion before can take over at ${name}: ${refused.map(([version, why]) => `version ${version}: ${why}`).join('; ')}.`,
    'See: tilth model history MODEL --alias champion',
  );

export const endpointKeepsAlias = (endpoint: string, model: string): TilthError =>
  new TilthError(
    'ALIAS_PROTECTED',
    403,
    `The endpoint ${endpoint} serves the champion of ${model}.`,
    `Stop it first: tilth endpoint stop ${endpoint}`,
  );
