import { TilthError } from '../../platform/errors.ts';

export const addressNotUnderstood = (template: string): TilthError =>
  new TilthError(
    'TEMPLATE_ADDRESS_REFUSED',
    400,
    `${JSON.stringify(template)} is not the address of a template.`,
    'Give https://…, an abbreviation such as gh:owner/name, or tilth:ml-project.',
  );

export const addressForLocalUser = (template: string): TilthError =>
  new TilthError(
    'TEMPLATE_ADDRESS_REFUSED',
    403,
    `${JSON.stringify(template)} would use this server's own folders or keys, which only the local user may.`,
    'Give an https:// address, or run it on your machine: tilth start TEMPLATE',
  );

export const addressWithPassword = (): TilthError =>
  new TilthError(
    'TEMPLATE_ADDRESS_REFUSED',
    400,
    'The address holds a name or password, which the project would remember for everyone to read.',
    'Leave it out and let git know it: git config credential.helper',
  );

export const templateChanged = (template: string): TilthError =>
  new TilthError(
    'TEMPLATE_CHANGED',
    409,
    `${template} is not what was shown: its code or its commit is another one now.`,
    'Look at it again, and start then.',
  );

export const templateTooSlow = (doing: string, limitMs: number): TilthError =>
  new TilthError(
    'TEMPLATE_TOO_SLOW',
    408,
    `${doing} took longer than ${Math.round(limitMs / 1000)} s and was ended.`,
    'If the template is to be trusted, give it the time on the command line: tilth start TEMPLATE',
  );

export const templateStopped = (doing: string): TilthError =>
  new TilthError('TEMPLATE_STOPPED', 409, `${doing} was stopped; nothing of it is left.`);

export const templateWorkerDied = (doing: string, said: string): TilthError =>
  new TilthError(
    'TEMPLATE_WORKER_DIED',
    500,
    `${doing} ended without an answer: ${said}`,
    'A template may need more memory than the server gives it; try it on the command line: tilth start TEMPLATE',
  );

export const placeRefused = (folder: string, root: string): TilthError =>
  new TilthError(
    'PROJECT_PLACE_REFUSED',
    403,
    `${JSON.stringify(folder)} is not a folder below ${root}, where this server makes projects.`,
    'Give a folder below it; the owner of the server can name another one with TILTH_PROJECTS.',
  );

/** The same, with what can be done on the page. */
export const folderTaken = ({ code, status, message }: TilthError): TilthError =>
  new TilthError(
    code,
    status,
    message,
    'Choose another name or another folder; what is there stays as it is.',
  );

export const installNotAllowed = (template: string): TilthError =>
  new TilthError(
    'TEMPLATE_CODE_NOT_ALLOWED',
    400,
    `Installing the environment of ${template} runs its own build, and running its code was not allowed.`,
    'Allow the code of the template to run, or install later in the folder: poetry install',
  );

export const updateUnknown = (project: string, reason: string): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_UNKNOWN',
    409,
    `What an update of ${project} would change can't be told: ${reason}`,
    'Find its template again, in its folder: tilth template adopt',
  );

export const branchHasConflicts = (branch: string, count: number): TilthError =>
  new TilthError(
    'TEMPLATE_UPDATE_CONFLICTS',
    409,
    `The update has ${count} conflict${count === 1 ? '' : 's'}, so the branch ${branch} was not made.`,
    'Allow the conflict markers on the branch and resolve them there, or resolve them in the folder: tilth template update',
  );
