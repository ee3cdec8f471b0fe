import { TilthError } from '../../platform/errors.ts';

export const nothingToDeploy = (endpoint: string): TilthError =>
  new TilthError(
    'MANIFESTS_NOTHING_SERVED',
    409,
    `The endpoint ${endpoint} answers nobody, so there is nothing to deploy.`,
    `Give it a champion: tilth endpoint route ${endpoint} --champion VERSION`,
  );

export const notApproved = (endpoint: string, model: string, version: number): TilthError =>
  new TilthError(
    'MANIFESTS_NOT_APPROVED',
    409,
    `Version ${version} of ${model}, which answers at ${endpoint}, has no approval that stands.`,
    `Ask for one: tilth model request ${model}/${version}`,
  );

export const needsPythonImage = (model: string, version: number): TilthError =>
  new TilthError(
    'MANIFESTS_NEED_ONNX',
    409,
    `Version ${version} of ${model} is served by its own Python, which these images do not carry.`,
    'Serve it with tilth serve on a machine that has its Python, or see why it has no graph: tilth model show',
  );

export const imageNotPinned = (image: string): TilthError =>
  new TilthError(
    'MANIFESTS_IMAGE_NOT_PINNED',
    400,
    `The image ${JSON.stringify(image)} is not pinned: what a tag names can change after it was tested.`,
    'Name it with its digest: REGISTRY/NAME@sha256:…, as docker buildx imagetools inspect prints it.',
  );

export const filesOfOthers = (folder: string, files: readonly string[]): TilthError =>
  new TilthError(
    'MANIFESTS_FILES_OF_OTHERS',
    409,
    `${folder} holds files that tilth did not write, or that were changed since: ${files.join(', ')}.`,
    'Look at them with git diff, move them, or write over them with --force.',
    { details: { files } },
  );

export const modelFileWrong = (digest: string, problem: string): TilthError =>
  new TilthError(
    'MANIFESTS_MODEL_FILE',
    502,
    `The model file ${digest} ${problem}.`,
    'Look into the log of the control plane.',
  );
