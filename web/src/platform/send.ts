import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from './api.ts';

interface Sending {
  readonly isBusy: boolean;
  /** what the server refused, null while nothing was */
  readonly error: unknown;
  readonly forget: () => void;
  readonly send: (method: string, path: string, body: unknown) => Promise<void>;
}

/** Sends a change; what is on the screen is read anew only after the server has answered yes, and then `onDone` is called. */
export function useSend(onDone?: () => void): Sending {
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  return {
    isBusy,
    error,
    forget: () => setError(null),
    send: async (method, path, body) => {
      setBusy(true);
      setError(null);
      try {
        await ask(method, path, body);
        await client.invalidateQueries({ queryKey: ['api'] });
        onDone?.();
      } catch (thrown) {
        setError(thrown);
      } finally {
        setBusy(false);
      }
    },
  };
}
