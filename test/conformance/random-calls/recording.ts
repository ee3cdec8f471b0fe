import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Answer, Call } from './call.ts';

/** Calls and what MLflow's server answered, so that they can be asked again without it. */
export interface Recording {
  readonly mlflow: string;
  readonly seed: number;
  readonly calls: readonly { readonly call: Call; readonly answer: Answer }[];
}

export const writeRecording = (file: string | URL, recording: Recording): void => writeFileSync(file, gzipSync(JSON.stringify(recording), { level: 9 }));

export const readRecording = (file: string | URL): Recording => JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recording;
