/** Milliseconds since the epoch, UTC. */
export type Instant = number;

/** The only way domain code learns the time; tests pass their own. */
export interface Clock {
  now(): Instant;
}

export const systemClock: Clock = { now: () => Date.now() };
