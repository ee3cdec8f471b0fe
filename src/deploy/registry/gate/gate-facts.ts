import type { Instant } from '../../../platform/clock.ts';
import type { Latency } from '../../measuring/latency.ts';
import type { PairedDifference } from '../../measuring/paired-bootstrap.ts';
import type { Slice } from '../../measuring/slices.ts';
import type { Parity } from '../registry-api.ts';

interface OnHoldout {
  /** md5 of the file of held-out rows */
  readonly holdout: string;
  readonly rowCount: number;
  readonly at: Instant;
}

/** What the gate measured itself for one condition; `nothing`, with the reason, where it could not. */
export type Measurement =
  | {
      readonly what: 'latency';
      readonly one: Latency;
      readonly batch: Latency | null;
      readonly machine: string;
      readonly at: Instant;
    }
  | ({ readonly what: 'comparison'; readonly rival: number; readonly method: string } & PairedDifference &
      OnHoldout)
  | ({
      readonly what: 'slices';
      readonly worst: Slice | null;
      readonly judgedCount: number;
      readonly leftOutCount: number;
    } & OnHoldout)
  | { readonly what: 'nothing'; readonly reason: string };

/** How a candidate and the champion did on the same rows of traffic, for one metric. */
export interface MetricComparison {
  readonly candidate: number;
  readonly champion: number;
  /** candidate minus champion; with a metric where less is better, negative is good */
  readonly difference: number;
  readonly ciLow: number;
  readonly ciHigh: number;
  readonly rowCount: number;
  readonly from: Instant;
  readonly to: Instant;
}

/** metric → comparison */
export type ChampionComparison = Readonly<Record<string, MetricComparison>>;

/** A metric of a run, with what it was measured on. */
export interface RunMetric {
  readonly runId: string;
  readonly value: number;
  readonly at: Instant;
  readonly dataVersion: string | null;
}

/** What people say in the card of a model. */
export interface CardWords {
  /** sha256 of their words */
  readonly hash: string;
  /** all that only a person can say, by its label */
  readonly asked: readonly string[];
  /** what of it nobody has said yet */
  readonly missing: readonly string[];
  /** where it is written, as it is said to a person */
  readonly place: string;
}

/** All that is known about a version when its gate is evaluated. */
export interface GateFacts {
  readonly model: string;
  readonly version: number;
  readonly now: Instant;
  readonly runId: string | null;
  readonly dataset: string | null;
  readonly dataVersion: string | null;
  /** latest metrics of the version's run */
  readonly metrics: ReadonlyMap<string, RunMetric>;
  /** the best baseline run per metric in the same experiment, on the same data where there is one */
  readonly baselines: ReadonlyMap<string, RunMetric>;
  readonly engine: 'pending' | 'onnx' | 'python';
  readonly engineReason: string | null;
  /** the model itself answers, in its own Python, so that nothing was converted */
  readonly isServedAsTrained: boolean;
  readonly parity: Parity | null;
  /** verdict of the contract over the data version; null when it is not known */
  readonly contract: {
    readonly isPassed: boolean;
    readonly at: Instant | null;
    readonly summary: string;
  } | null;
  /** the newest reproduction of the version's run that came to an end; null when there is none */
  readonly reproduction: {
    readonly verdict: 'bit-identical' | 'within-noise' | 'differs' | 'failed';
    readonly againId: string | null;
    readonly at: Instant;
    readonly summary: string;
    readonly leftOut: readonly string[];
  } | null;
  /** what people say in the model's card; null when nobody has begun one */
  readonly card: CardWords | null;
  /** what the gate measured itself of this very version, by the id of the condition */
  readonly measurements: ReadonlyMap<string, Measurement>;
  /** the version in production now; null when there is none, or it is this one */
  readonly champion: number | null;
  /** from the traffic that both answered, by the confidence of the intervals; empty while there is not enough */
  readonly comparisons: ReadonlyMap<number, ChampionComparison>;
}
