/** What one subject did in one round. */
export interface Round {
  /** in the unit of the figure */
  readonly value: number;
  /** processor time of the measured program per piece of work, ms; null where it means nothing */
  readonly cpuMs: number | null;
  /** slowest of 100 answers, ms, where single answers were timed */
  readonly p99Ms?: number;
}

export interface Subject {
  readonly name: string;
  readonly rounds: readonly Round[];
}

/** One thing measured for us and for the peer, on the same input, in turns. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly ours: Subject;
  readonly peer: Subject;
}

export interface Practice {
  readonly name: string;
  readonly peer: string;
  readonly versions: Record<string, string>;
  /** what was found equal before anything was timed */
  readonly checked: readonly string[];
  /** where both do not do the same work */
  readonly notEqual: readonly string[];
  readonly figures: readonly Figure[];
}

export interface Effort {
  /** of things that take a second or less */
  readonly rounds: number;
  /** of things that take longer */
  readonly slowRounds: number;
  /** smaller inputs too: does it work? */
  readonly isQuick: boolean;
}

/** Takes turns, and lets the other begin in every second round, so that a busy moment of the machine hits both. */
export async function inTurns(
  rounds: number,
  ours: (round: number) => Promise<Round>,
  peer: (round: number) => Promise<Round>,
): Promise<{ ours: Round[]; peer: Round[] }> {
  const found = { ours: [] as Round[], peer: [] as Round[] };
  for (let round = 0; round < rounds; round++) {
    const both = [
      async () => void found.ours.push(await ours(round)),
      async () => void found.peer.push(await peer(round)),
    ];
    if (round % 2 === 1) both.reverse();
    for (const one of both) await one();
  }
  return found;
}

/** @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

export const valuesOf = (subject: Subject): number[] => subject.rounds.map(({ value }) => value);

export function cpuOf(subject: Subject): number | null {
  const known = subject.rounds.flatMap(({ cpuMs }) => cpuMs ?? []);
  return known.length === subject.rounds.length ? median(known) : null;
}

export interface Ratios {
  /** medians; above 1 we are ahead */
  readonly ratio: number;
  /** the same of each round: how far the machine shook it */
  readonly lowest: number;
  readonly highest: number;
  /** processor time of the peer for ours */
  readonly cpu: number | null;
}

/** How many times better than the peer we are. */
export function ratiosOf({ better, ours, peer }: Figure): Ratios {
  const ahead = (mine: number, theirs: number): number => (better === 'more' ? mine / theirs : theirs / mine);
  const theirs = valuesOf(peer);
  const each = valuesOf(ours).map((mine, round) => ahead(mine, theirs[round] ?? Number.NaN));
  const [mine, other] = [cpuOf(ours), cpuOf(peer)];
  return {
    ratio: ahead(median(valuesOf(ours)), median(theirs)),
    lowest: Math.min(...each),
    highest: Math.max(...each),
    // the kernel counts in hundredths of a second
    cpu: mine === null || other === null || mine === 0 ? null : other / mine,
  };
}
