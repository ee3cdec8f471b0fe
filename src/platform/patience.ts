import { AsyncLocalStorage } from 'node:async_hooks';

const patience = new AsyncLocalStorage<true>();

/** Runs work that nobody waits for at a screen: where another service is away for a minute, it waits. */
export const patiently = <T>(work: () => T): T => patience.run(true, work);

export const isPatient = (): boolean => patience.getStore() === true;
