import type { Reader } from './database.ts';

const longReaders = new WeakMap<Reader, Reader>();

/**
 * The same tables, for a statement that may have to look at all of them: another thread answers, so that nobody else
 * waits meanwhile. Inside a write, and where the database is another process anyway, it is the reader itself.
 */
export const longRead = (read: Reader): Reader => longReaders.get(read) ?? read;

/** Says who answers the long statements of a reader. */
export const answerLongReads = (read: Reader, by: Reader): void => void longReaders.set(read, by);
