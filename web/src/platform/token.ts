import { useSyncExternalStore } from 'react';

const key = 'tilth.token';
const listeners = new Set<() => void>();

/** The token that the page acts with; it ends with the tab. Empty: the local user. */
export const currentToken = (): string => sessionStorage.getItem(key) ?? '';

export function setToken(token: string): void {
  if (token === '') sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, token);
  for (const listener of listeners) listener();
}

export const useToken = (): string =>
  useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, currentToken);
