import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../platform/errors.ts';
import { parityCriteria } from '../../start/project/declaration.ts';
import { expectedFile, schemaFile, servedSchemaOf } from './convert-files.ts';
import { proofFile, requestFile } from './prove-apart.ts';
import { proveGraph, readJson } from './prove.ts';

const proofRequest = z.object({ file: z.string(), schema: schemaFile, criteria: parityCriteria });

/** Tries the graph that the request in a folder names, and leaves the proof beside it; a graph that can't be served is a proof too. */
export async function proveAsked(folder: string): Promise<void> {
  const { file, schema, criteria } = proofRequest.parse(await readJson(join(folder, requestFile)));
  const expected = expectedFile.parse(await readJson(join(folder, 'expected.json')));
  const served = servedSchemaOf(schema, expected);
  const proof = await proveGraph(join(folder, file), served, schema, expected, criteria).catch(
    (cause: unknown) => ({
      fault: `The graph can't be served: ${messageOf(cause)}`,
    }),
  );
  await writeFile(join(folder, proofFile), JSON.stringify(proof));
}
