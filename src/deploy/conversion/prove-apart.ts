import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programEntry } from '../../platform/package-root.ts';
import type { ParityCriteria } from '../../start/project/declaration.ts';
import { candidatesFile, type SchemaFile } from './convert-files.ts';
import { readJson, type Proof } from './prove.ts';

export type Proven =
  | { readonly onnxFile: string; readonly converted: SchemaFile; readonly proof: Proof }
  | { readonly fault: string };

/** What one graph may take to answer all rows. */
const longestMs = 10 * 60_000;

/**
 * Holds the graphs that the converter wrote against their original, one after the other, until one is faithful.
 * Each in a process of its own: a graph can end the runtime, and the process with it (skl2onnx 1.20's KNNImputer does).
 *
 * @param folder what `convert.py` wrote
 * @returns that one, or the fault of the first
 * @throws when `signal` says so
 */
export async function proveFirstFaithful(
  folder: string,
  criteria: ParityCriteria,
  signal?: AbortSignal,
): Promise<Proven> {
  const faults: string[] = [];
  for (const { file, schema } of candidatesFile.parse(await readJson(join(folder, 'candidates.json')))) {
    const proof = await proveApart(folder, { file, schema, criteria }, signal);
    if ('parity' in proof && proof.fault === null)
      return { onnxFile: join(folder, file), converted: schema, proof };
    faults.push(proof.fault ?? 'It was not proven.');
  }
  return { fault: faults[0] ?? 'The converter wrote no graph.' };
}

/** What the process is told by file: a graph of the folder, and what is asked of it. */
export interface ProofRequest {
  readonly file: string;
  readonly schema: unknown;
  readonly criteria: ParityCriteria;
}

export const requestFile = 'proof-request.json';
export const proofFile = 'proof.json';

async function proveApart(
  folder: string,
  request: ProofRequest,
  signal?: AbortSignal,
): Promise<Proof | { fault: string }> {
  await rm(join(folder, proofFile), { force: true });
  await writeFile(join(folder, requestFile), JSON.stringify(request));
  const ended = await new Promise<string | null>((resolve) => {
    const options = {
      timeout: longestMs,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    } as const;
    execFile(process.execPath, [programEntry, 'model-prover', folder], options, (error) => {
      const code = (error as { code?: unknown; signal?: unknown } | null)?.signal ?? error?.code;
      resolve(error === null ? null : typeof code === 'string' ? code : error.message);
    });
  });
  signal?.throwIfAborted();
  if (ended !== null) return { fault: `The graph ends the runtime that would serve it (${ended}).` };
  return JSON.parse(await readFile(join(folder, proofFile), 'utf8')) as Proof | { fault: string };
}
