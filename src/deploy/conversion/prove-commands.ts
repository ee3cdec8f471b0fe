import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { AddCommands } from '../../platform/command.ts';
import { messageOf } from '../../platform/errors.ts';
import { parityCriteria } from '../../start/project/declaration.ts';
import { expectedFile, schemaFile, servedSchemaOf } from './convert-files.ts';
import { proofFile, requestFile } from './prove-apart.ts';
import { proveGraph, readJson } from './prove.ts';

const proofRequest = z.object({ file: z.string(), schema: schemaFile, criteria: parityCriteria });

/** The process that a graph is tried in; not for people. */
export const addProverCommands: AddCommands = (program) => {
  program
    .command('model-prover', { hidden: true })
    .argument('<folder>')
    .action(async (folder: string) => {
      const { file, schema, criteria } = proofRequest.parse(await readJson(join(folder, requestFile)));
      const expected = expectedFile.parse(await readJson(join(folder, 'expected.json')));
      const served = servedSchemaOf(schema, expected);
      const proof = await proveGraph(join(folder, file), served, schema, expected, criteria).catch(
        (cause: unknown) => ({
          fault: `The graph can't be served: ${messageOf(cause)}`,
        }),
      );
      await writeFile(join(folder, proofFile), JSON.stringify(proof));
    });
};
