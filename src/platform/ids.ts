import { randomBytes } from 'node:crypto';
import { monotonicFactory } from 'ulid';

/** Text that was checked to be the id of one kind of thing, so that ids can't be mixed up. */
export type Branded<Name extends string> = string & { readonly __brand: Name };

const ulid = monotonicFactory();

/** Sortable by time, unique across processes: 26 characters. */
export const newUlid = (): string => ulid();

/** 32 hex characters, the form that MLflow's clients know for run and model ids. */
export const newHexId = (): string => randomBytes(16).toString('hex');
