import type { TilthError } from '../../../platform/errors.ts';

/** How a process is told which one it is, and which port the others have. */
export const placeVariable = 'PLANE_PLACE';
export const portVariable = 'PLANE_PORT';

/** All metrics of one process, as prom-client gives them away. */
export type MetricsJson = object[];

/** What a process that answers says to the one that keeps them. */
export type ToldByProcess =
  | { readonly tilth: 'answers'; readonly address: string; readonly grpcAddress: string | undefined }
  | { readonly tilth: 'failed'; readonly error: Pick<TilthError, 'code' | 'status' | 'message' | 'hint'> }
  | { readonly tilth: 'metrics wanted'; readonly id: number }
  | { readonly tilth: 'metrics'; readonly id: number; readonly metrics: MetricsJson };

export type ToldToProcess =
  | { readonly tilth: 'metrics asked'; readonly id: number }
  | { readonly tilth: 'metrics of all'; readonly id: number; readonly text: string };
