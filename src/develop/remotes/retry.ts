import { TilthError } from '../../platform/errors.ts';

const attempts = 5;
const firstPauseMs = 200;

/** Tries again, with growing pauses, what failed because the other side was away for a moment. */
export async function withRetries<T>(work: () => Promise<T>, pauseMs = firstPauseMs): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      if (attempt === attempts || !isPassing(thrown)) throw thrown;
      // a little chance keeps many machines from coming back at the same moment
      await new Promise((resolve) =>
        setTimeout(resolve, pauseMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)),
      );
    }
  }
}

const isPassing = (thrown: unknown): boolean =>
  thrown instanceof TilthError && thrown.code === 'REMOTE_UNAVAILABLE';
