import { TilthError } from '../../platform/errors.ts';

// the messages are those of cookiecutter 2.7.1, which scripts may look for; what it leaves unsaid is in the hints

export const templateNotFound = (source: string, looked: readonly string[]): TilthError =>
  new TilthError(
    'TEMPLATE_NOT_FOUND',
    404,
    `A valid repository for "${source}" could not be found in the following locations:\n${looked.join('\n')}`,
    'A template is a folder with a cookiecutter.json in it. Give a folder, a git address, gh:owner/name or a .zip file; without one you get ours.',
  );

export const repositoryNotFound = (address: string, hint?: string): TilthError =>
  new TilthError(
    'TEMPLATE_REPOSITORY_NOT_FOUND',
    404,
    `The repository ${address} could not be found, have you made a typo?`,
    hint ??
      `A private repository is told from a missing one only with your access to it: git ls-remote ${address}`,
  );

export const checkoutNotFound = (address: string, checkout: string): TilthError =>
  new TilthError(
    'TEMPLATE_CHECKOUT_NOT_FOUND',
    404,
    `The ${checkout} branch of repository ${address} could not found, have you made a typo?`,
    'Give a branch, a tag or a commit of it to --checkout; without --checkout you get its default branch.',
  );

export const addressRefused = (address: string, reason: string): TilthError =>
  new TilthError(
    'TEMPLATE_ADDRESS_REFUSED',
    400,
    `${address} can't be fetched: ${reason}`,
    'Give a folder, a git address, gh:owner/name or a .zip file.',
  );

export const versionControlMissing = (program: string): TilthError =>
  new TilthError(
    'TEMPLATE_VERSION_CONTROL_MISSING',
    400,
    `'${program}' is not installed.`,
    `Install ${program === 'hg' ? 'Mercurial' : 'git'}, or download the template and give its folder.`,
  );

export const templateNotFetched = (source: string, reason: string, hint?: string): TilthError =>
  new TilthError(
    'TEMPLATE_NOT_FETCHED',
    502,
    `The template ${source} could not be fetched: ${reason}`,
    hint ?? 'Check the address and the branch, and that git reaches it: git ls-remote ADDRESS',
  );

export const folderNotMade = (folder: string, reason: string): TilthError =>
  new TilthError(
    'TEMPLATE_FOLDER_NOT_MADE',
    400,
    `Unable to create directory at ${folder}`,
    `${reason}. Make it writable, or name another: cookiecutters_dir in ~/.cookiecutterrc, TMPDIR for what is unpacked.`,
  );

export const archiveRefused = (message: string, hint: string, cause?: unknown): TilthError =>
  new TilthError('TEMPLATE_ARCHIVE_REFUSED', 400, message, hint, { cause });

export const templatesNotListed = (folder: string): TilthError =>
  new TilthError(
    'TEMPLATES_NOT_LISTED',
    404,
    `Error: Cannot list installed templates. Folder does not exist: ${folder}`,
    'It is made when the first template is fetched: tilth start gh:OWNER/NAME',
  );

export const configRefused = (message: string, hint: string, cause?: unknown): TilthError =>
  new TilthError('TEMPLATE_CONFIG_INVALID', 400, message, hint, { cause });

export const replayMissing = (file: string, reason: string, cause?: unknown): TilthError =>
  new TilthError(
    'TEMPLATE_REPLAY_MISSING',
    404,
    `There are no answers to replay in ${file}: ${reason}`,
    'Start once without --replay.',
    { cause },
  );
