import { shownAddress } from './database-address.ts';
import { TilthError, messageOf } from '../errors.ts';

/** What PostgreSQL and its driver say; the codes are in appendix A of PostgreSQL's documentation. */
interface Said {
  readonly code?: string;
  readonly message: string;
}

const saidBy = (thrown: unknown): Said => (thrown instanceof Error ? (thrown as Said) : { message: String(thrown) });

/** The connection is gone or none was had; whether it may be tried again is for who asks. */
export function isConnectionLost(thrown: unknown): boolean {
  const { code = '', message } = saidBy(thrown);
  if (/^(?:08|57P0|53300)/.test(code) || /^(?:25P03|57P05)$/.test(code)) return true;
  if (/^E(?:CONN|HOST|NET|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN)|^ENOENT$|^ENOTFOUND$/.test(code)) return true;
  return /connection terminated|connection error|not queryable|connection timeout|timeout exceeded when trying to connect/i.test(message);
}

/** The tables were changed by a newer tilth while this one had statements prepared for them. */
export const isStale = (thrown: unknown): boolean => (thrown as { code?: string } | undefined)?.code === 'DATABASE_CHANGED';

export const databaseUnreachable = (address: string, cause: unknown): TilthError =>
  new TilthError(
    'DATABASE_UNREACHABLE',
    503,
    `The database at ${shownAddress(address)} can't be reached: ${reasonOf(cause)}. Nothing was changed.`,
    'Look whether PostgreSQL runs there, and what TILTH_DATABASE_URL or --database says; then try again.',
    { cause },
  );

/** An `AggregateError` of several addresses has no message of its own. */
function reasonOf(cause: unknown): string {
  const causes = cause instanceof AggregateError ? (cause.errors as unknown[]) : [cause];
  return causes.map(messageOf).join('; ').replace(/\.$/, '');
}

const databaseRefused = (address: string, cause: unknown): TilthError =>
  new TilthError(
    'DATABASE_REFUSED',
    503,
    `The database at ${shownAddress(address)} does not let tilth in: ${messageOf(cause)}.`,
    'Make it and its owner: CREATE ROLE tilth LOGIN PASSWORD \'…\'; CREATE DATABASE tilth OWNER tilth ENCODING UTF8 TEMPLATE template0.',
    { cause },
  );

export const outcomeUnknown = (address: string, cause: unknown): TilthError =>
  new TilthError(
    'DATABASE_OUTCOME_UNKNOWN',
    503,
    `The connection to the database at ${shownAddress(address)} was lost while a change was being saved: it may be there or not.`,
    'Look whether the change is there before you make it again.',
    { cause },
  );

export const encodingNotUtf8 = (address: string, encoding: string): TilthError =>
  new TilthError(
    'DATABASE_ENCODING',
    500,
    `The database at ${shownAddress(address)} keeps text as ${encoding}; tilth needs UTF8.`,
    'Make one for tilth: CREATE DATABASE tilth ENCODING UTF8 TEMPLATE template0.',
  );

const databaseChanged = (cause: unknown): TilthError =>
  new TilthError(
    'DATABASE_CHANGED',
    503,
    'Another server has just changed the tables of the database. Nothing was changed by this request.',
    'Try again.',
    { cause },
  );

const outOfRange = (cause: unknown): TilthError =>
  new TilthError(
    'NUMBER_OUT_OF_RANGE',
    400,
    `A number is too large for the database: ${messageOf(cause)}.`,
    'Whole numbers go up to 9223372036854775807, others up to 1.8e308.',
    { cause },
  );

const textHasNul = (cause: unknown): TilthError =>
  new TilthError(
    'TEXT_HAS_NUL',
    400,
    'A text holds the character NUL (\\u0000), which PostgreSQL can\'t store.',
    'Send it without that character.',
    { cause },
  );

/** What a failed statement is to who asked: an error of ours where it is not a bug. */
export function translated(address: string, thrown: unknown): unknown {
  const { code = '', message } = saidBy(thrown);
  if (isConnectionLost(thrown)) return databaseUnreachable(address, thrown);
  if (/^(?:28|3D000|42501)/.test(code)) return databaseRefused(address, thrown);
  if (code === '0A000' && message.includes('cached plan')) return databaseChanged(thrown);
  if (code === '22003') return outOfRange(thrown);
  if (code === '22021' || (code === '22P05' && message.includes('Unicode'))) return textHasNul(thrown);
  return thrown;
}
