import type { RowCheck } from '../../../develop/contracts/row-rules.ts';
import type { Engine } from '../engines/engine.ts';
import type { RouteTarget, ServedEndpoint, ServedVersion } from '../serving-api.ts';
import type { Deadline } from './admission.ts';

/** A target of a route with its model in memory. */
export interface ActiveTarget extends RouteTarget {
  readonly served: ServedVersion;
  readonly inMemory: Engine;
  /** holds rows to the contract of the training data; undefined where there is none */
  readonly check: RowCheck | undefined;
}

/** An endpoint as it is served now; replaced as a whole, never changed. */
export interface ActiveEndpoint extends ServedEndpoint {
  readonly targets: ActiveTarget[];
}

/** What the caller said beside the rows. */
export interface CallerContext {
  /** the same key meets the same version while the weights stay */
  readonly stickyKey: string | undefined;
  /** a header of the request by its name in small letters, for endpoints that are sticky by one */
  readonly header?: (name: string) => string | undefined;
  readonly caller: string | null;
  readonly traceId: string | null;
  /** `performance.now()` when the request was read */
  readonly startedAt: number;
  /** `performance.now()` at which it may have come at the earliest */
  readonly arrivedAt: number;
  /** after it, an answer is of no use to the caller */
  readonly deadline: Deadline;
}
