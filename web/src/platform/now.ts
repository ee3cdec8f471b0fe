import { useSyncExternalStore } from 'react';

const everyMs = 15_000;
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The time, moved on four times a minute for all relative times together. */
export const useNow = (): number =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      if (Date.now() - now > everyMs) now = Date.now();
      timer ??= setInterval(() => {
        now = Date.now();
        for (const each of listeners) each();
      }, everyMs);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    () => now,
  );
