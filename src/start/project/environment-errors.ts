import { TilthError } from '../../platform/errors.ts';

export const poetryMissing = (found: string | undefined): TilthError =>
  new TilthError(
    'POETRY_MISSING',
    400,
    found === undefined
      ? 'The environment of this project is installed by Poetry, and there is none.'
      : `The environment of this project needs Poetry 2, and ${found}.`,
    'Let tilth keep one of its own: add --install-poetry. Or name yours: TILTH_POETRY=/path/to/poetry',
  );

export const poetryNotInstalled = (step: string, said: string): TilthError =>
  new TilthError(
    'POETRY_NOT_INSTALLED',
    400,
    `Poetry could not be installed for tilth (${step}): ${said}`,
    'Check that python3 -m venv works (Debian: apt install python3-venv) and that pip reaches its index.',
  );

export const environmentFailed = (folder: string, said: string): TilthError =>
  new TilthError(
    'ENVIRONMENT_NOT_INSTALLED',
    400,
    `poetry install failed in ${folder}: ${said}`,
    /candidate\(s\)|not found/.test(said)
      ? 'Poetry could not see what pip sees: poetry self add poetry-plugin-pypi-mirror, or use --install-poetry.'
      : 'Run it yourself to see all of it: poetry install -vv',
  );
