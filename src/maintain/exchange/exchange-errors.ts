import { TilthError } from '../../platform/errors.ts';

export const sourceUnreadable = (source: string, reason: string, cause?: unknown): TilthError =>
  new TilthError(
    'IMPORT_SOURCE_UNREADABLE',
    400,
    `${source} can't be read: ${reason}.`,
    'Name the SQLite file of an MLflow server (mlflow.db) or an mlruns folder, as the machine of the tilth server sees it.',
    { cause },
  );

export const noPostgres = (source: string): TilthError =>
  new TilthError(
    'IMPORT_POSTGRES_NOT_SUPPORTED',
    501,
    `${source.replace(/\/\/[^@/]*@/, '//…@')} is a PostgreSQL database, whose password the server does not want to know.`,
    'Let the command read it: tilth import mlflow postgresql://…',
  );

/** Two different things would become one; the user has to choose. */
export const importClashes = (clashes: readonly string[]): TilthError =>
  new TilthError(
    'IMPORT_CLASHES',
    409,
    `Nothing was imported, since ${clashes.length === 1 ? 'something here has' : `${clashes.length} things here have`} the same id or name and ${clashes.length === 1 ? 'is' : 'are'} something else: ${clashes.slice(0, 5).join('; ')}${clashes.length > 5 ? '; …' : ''}.`,
    'Let them come in under a new id or name with: --rename',
    { details: clashes },
  );

export const targetTaken = (target: string): TilthError =>
  new TilthError(
    'EXPORT_TARGET_EXISTS',
    409,
    `${target} exists already and is not empty.`,
    'Name a folder or a file that is not there yet.',
  );

export const importStopped = (reason: string): TilthError =>
  new TilthError(
    'IMPORT_FAILED',
    500,
    `The import stopped: ${reason}`,
    'Run it again: it goes on with what is missing.',
  );

export const exportStopped = (reason: string): TilthError =>
  new TilthError(
    'EXPORT_FAILED',
    500,
    `The export stopped: ${reason}`,
    'Nothing was left at the target; run it again.',
  );
