import assert from 'node:assert/strict';
import { inTurns, type Round } from '../measure.ts';
import type { RunningServer } from '../processes.ts';
import type { Place } from './places.ts';
import { Session } from './session.ts';

export type Who = 'ours' | 'peer';
export type Both<T> = Readonly<Record<Who, T>>;

/** One after the other. */
export async function both<T>(make: (who: Who) => Promise<T>): Promise<Both<T>> {
  return { ours: await make('ours'), peer: await make('peer') };
}

/** Our server and MLflow's, each on a place of its own, with a client of each. */
export class Pair {
  readonly servers: Both<RunningServer>;
  readonly sessions: Both<Session>;

  private constructor(servers: Both<RunningServer>, sessions: Both<Session>) {
    this.servers = servers;
    this.sessions = sessions;
  }

  /** Starts both, does the work, and ends both whatever comes. */
  static async during<T>(places: Both<Place>, work: (pair: Pair) => Promise<T>): Promise<T> {
    const running: RunningServer[] = [];
    try {
      const servers = await both(async (who) => {
        const server = await places[who].start();
        running.push(server);
        return server;
      });
      const pair = new Pair(servers, await both(async (who) => new Session(servers[who])));
      const result = await work(pair);
      for (const who of ['ours', 'peer'] as const) pair.sessions[who].close();
      return result;
    } finally {
      await Promise.all(running.map((server) => server.stop()));
    }
  }

  /** Asks both the same. @returns what both answered. @throws when they did not answer the same */
  async same<T>(what: string, ask: (session: Session, who: Who) => Promise<T>): Promise<T> {
    const { ours, peer } = await both((who) => ask(this.sessions[who], who));
    assert.deepEqual(ours, peer, `${what}: ours and the peer's are different`);
    return ours;
  }

  turns(
    rounds: number,
    work: (session: Session, who: Who, round: number) => Promise<Round>,
  ): Promise<{ ours: Round[]; peer: Round[] }> {
    return inTurns(
      rounds,
      (round) => work(this.sessions.ours, 'ours', round),
      (round) => work(this.sessions.peer, 'peer', round),
    );
  }

  memory(): { ours: Round[]; peer: Round[] } {
    const of = (who: Who): Round[] => [{ value: this.servers[who].memoryMiB(), cpuMs: null }];
    return { ours: of('ours'), peer: of('peer') };
  }
}
