import type { QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import type { AuditEventView } from '../../../src/platform/event-api.ts';
import { authorization } from './api.ts';

export type LiveEvent = Pick<AuditEventView, 'seq' | 'at' | 'actor' | 'verb' | 'kind' | 'thing' | 'data'>;
export type LiveState = 'connecting' | 'live' | 'away';

let state: LiveState = 'connecting';
const listeners = new Set<() => void>();
function setState(next: LiveState): void {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
}

export const useLiveState = (): LiveState =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => state,
  );

const quietMs = 700;
const firstRetryMs = 1000;
const longestRetryMs = 15_000;

/**
 * Follows the server's events and marks what is on the screen as stale, at most once per 0.7 s.
 * Read by fetch, not EventSource: the token goes along.
 */
export function followEvents(client: QueryClient): () => void {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const refresh = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void client.invalidateQueries({ queryKey: ['api'] });
    }, quietMs);
  };
  void (async () => {
    let waitMs = firstRetryMs;
    while (!stop.signal.aborted) {
      try {
        const response = await fetch('/api/v1/events/stream', {
          headers: { accept: 'text/event-stream', ...authorization() },
          signal: stop.signal,
        });
        if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
        // what happened while we were away is not replayed: ask again
        if (state === 'away') refresh();
        setState('live');
        waitMs = firstRetryMs;
        for await (const message of messagesOf(response.body)) {
          if (message.event === 'event') refresh();
        }
      } catch {
        if (stop.signal.aborted) return;
      }
      setState('away');
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(waitMs * 2, longestRetryMs);
    }
  })();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}

/** Server-sent events of a stream: `event:` and `data:` lines, a blank line ends one. */
export async function* messagesOf(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ event: string; data: string }> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      let event = 'message';
      const data: string[] = [];
      for (const line of block.split(/\r?\n/)) {
        if (line.startsWith('event:')) event = line.slice(6).trim();
        else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
      }
      if (data.length > 0) yield { event, data: data.join('\n') };
    }
  }
}
