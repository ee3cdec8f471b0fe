import { TilthError } from '../../platform/errors.ts';

export const templateInvalid = (where: string, reason: string, cause?: unknown): TilthError =>
  new TilthError(
    'TEMPLATE_INVALID',
    400,
    `${where}: ${reason}`,
    'This is a fault of the template; tell who maintains it.',
    { cause },
  );

export const templateUndefined = (
  what: string,
  reason: string,
  context: unknown,
  cause?: unknown,
  hint = 'Name the variable in cookiecutter.json, or use it behind "is defined".',
): TilthError =>
  new TilthError(
    'TEMPLATE_VARIABLE_UNDEFINED',
    400,
    `Unable to ${what}: ${reason}`,
    hint,
    { cause, details: { context } },
  );

export const templateNeedsPython = (reason: string, python: string): TilthError =>
  new TilthError(
    'TEMPLATE_NEEDS_PYTHON',
    400,
    `This template needs Python's Jinja2 (${reason}), and ${python} can't provide it.`,
    'Install it where tilth finds it: python3 -m pip install cookiecutter, or set TILTH_PYTHON to a Python that has it.',
  );

export const hookNeedsPython = (hook: string, python: string): TilthError =>
  new TilthError(
    'TEMPLATE_NEEDS_PYTHON',
    400,
    `The template's hook ${hook} is Python, and ${python} is not there; nothing was written.`,
    'Install Python or set TILTH_PYTHON to one; without the hooks: --accept-hooks no',
  );

export const answerRefused = (message: string, hint?: string): TilthError =>
  new TilthError('TEMPLATE_ANSWER_REFUSED', 400, message, hint);

export const folderExists = (folder: string): TilthError =>
  new TilthError(
    'PROJECT_FOLDER_EXISTS',
    409,
    `"${folder}" directory already exists.`,
    'Choose another name or folder (-o); or render over it: -f, and to keep the files that are there: -f -s',
  );

export const pathRefused = (name: string, rendered: string): TilthError =>
  new TilthError(
    'TEMPLATE_PATH_REFUSED',
    400,
    `${JSON.stringify(name)} becomes ${JSON.stringify(rendered)}, which lies outside the project.`,
    'Correct the answer that this name is made of.',
  );

export const linkRefused = (link: string, target: string): TilthError =>
  new TilthError(
    'TEMPLATE_PATH_REFUSED',
    400,
    `${JSON.stringify(link)} of the template is a link to ${target}, outside of the template.`,
    'This is a fault of the template; tell who maintains it.',
  );

export const leadsOutside = (path: string, target: string): TilthError =>
  new TilthError(
    'TEMPLATE_PATH_REFUSED',
    400,
    `${path} leads to ${target}, outside of the project; nothing is written through such a link.`,
    'Remove the link, or start the project in another folder (-o).',
  );

export const projectNotWritten = (doing: string, reason: string, cause?: unknown): TilthError =>
  new TilthError(
    'PROJECT_NOT_WRITTEN',
    500,
    `Unable to ${doing}: ${reason}. What was there before is as it was.`,
    'Make room or give yourself the right to write there, or choose another folder (-o).',
    { cause },
  );

export const hooksNotTrusted = (
  files: readonly string[],
  extensions: readonly string[],
  wasAsked: boolean,
): TilthError =>
  new TilthError(
    'TEMPLATE_HOOKS_NOT_TRUSTED',
    400,
    wasAsked
      ? `The template can't be rendered without its own Python code (${extensions.join(', ')}), which you declined.`
      : `The template wants to run code of its own (${files.join(', ')}), and there is no terminal to ask you.`,
    extensions.length > 0
      ? "Read the code, then add --accept-hooks yes; without it this template can't be rendered."
      : 'Read the hooks, then add --accept-hooks yes, or go without them: --accept-hooks no',
    { details: { files } },
  );

export const reachesPython = (reason: string): TilthError =>
  new TilthError(
    'TEMPLATE_REACHES_PYTHON',
    400,
    `The template reaches for Python itself, which is as much as code of its own: ${reason}`,
    'Read the template, then add --accept-hooks yes',
  );

export const hookFailed = (hook: string, reason: string, python?: string): TilthError =>
  new TilthError(
    'TEMPLATE_HOOK_FAILED',
    400,
    `The template's hook script ${hook} failed (${reason}).`,
    python === undefined
      ? 'What it printed is above; --keep-project-on-failure leaves the folder to be looked at.'
      : `What it printed is above; it ran with ${python} (TILTH_PYTHON names another). --keep-project-on-failure leaves the folder.`,
    { details: { hook, reason } },
  );

export const stopped = (): TilthError =>
  new TilthError('STOPPED', 400, 'Stopped before the project was complete; nothing of it is left.');
