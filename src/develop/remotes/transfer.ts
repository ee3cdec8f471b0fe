import type { OnProgress } from '../dvc-files/progress.ts';
import type { Scope } from './used.ts';

export interface TransferOptions extends Scope {
  /** instead of the default remote */
  readonly remote?: string | undefined;
  /** how many at once */
  readonly jobs?: number | undefined;
  /** also what stages' runs left */
  readonly runCache?: boolean;
  readonly onProgress?: OnProgress | undefined;
}

export interface FetchOptions extends TransferOptions {
  /** outs that are larger are left out; bytes */
  readonly mostBytes?: number;
}

export interface MissingObject {
  readonly md5: string;
  /** of the out, absolute, with the file in it */
  readonly path: string;
}

export interface Fetched {
  /** objects that came, `.dir` objects and entries of the run cache among them */
  readonly broughtCount: number;
  /** recorded, but neither in the cache nor where it should come from */
  readonly missing: readonly MissingObject[];
}
