import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import { badRequest } from '../../platform/errors.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { artifactKeyBelow, bodyOf, putArtifact } from '../tracking/artifacts.ts';
import { getExperiment } from '../tracking/experiment-store.ts';
import { getRun, getRunInfo } from '../tracking/run-store.ts';
import { addFacts, endCommandRun, requireCommandRun, startCommandRun } from './command-run-store.ts';
import { commandEnd, commandEnded, commandFileView, commandRunView, moreFacts, newCommandRun, runRepeatability } from './repeatable-api.ts';
import { commandFiles, factsOf, repeatability } from './repeatable.ts';

const runParameter = z.object({ id: z.string() });
const fileNames: ReadonlySet<string> = new Set(Object.values(commandFiles));

/** Runs of `tilth run -- COMMAND`, and how repeatable any run is. */
export function repeatableRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/{id}/repeatability',
      request: { params: runParameter },
      responses: answers(runRepeatability, 'What is known of all that the result of a run depends on, and how to repeat it'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const run = await getRun(read, context.req.valid('param').id);
      const experiment = await getExperiment(read, run.experimentId);
      const facts = factsOf(run, experiment.name);
      return context.json(
        {
          ...repeatability(facts, world.address),
          runId: run.id,
          firstRunId: facts.firstRunId ?? null,
          outputPath: await outputOf(world, facts.firstRunId),
        },
        200,
      );
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/command-runs',
      request: { body: takes(newCommandRun) },
      responses: answers(commandRunView, 'The run of a command that starts now; the first run that its MLflow client starts is this one'),
    }),
    async (context) => context.json(await startCommandRun(world, context.var.actor, context.req.valid('json')), 200),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/command-runs/{id}/facts',
      request: { params: runParameter, body: takes(moreFacts) },
      responses: answers(z.object({}), 'All runs of the command have these tags too'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'run.log');
      await addFacts(world, context.req.valid('param').id, context.req.valid('json').tags);
      return context.json({}, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/command-runs/{id}/end',
      request: { params: runParameter, body: takes(commandEnd) },
      responses: answers(commandEnded, 'The runs of the command, each with its last status'),
    }),
    async (context) => {
      const runs = await endCommandRun(world, context.var.actor, context.req.valid('param').id, context.req.valid('json'));
      return context.json({ runs: runs.map(({ id, name, status }) => ({ id, name, status })) }, 200);
    },
  );

  // bytes, as they are
  api.put('/api/v1/command-runs/:id/file', async (context) => {
    requireRight(context.var.actor, 'run.log');
    const path = context.req.query('path') ?? '';
    if (!fileNames.has(path)) throw badRequest(`A command leaves ${[...fileNames].join(', ')}, and not ${JSON.stringify(path)}.`);
    const { artifactUri } = await requireCommandRun(world, context.req.param('id'));
    await putArtifact(world, artifactKeyBelow(artifactUri, path), bodyOf(context));
    return context.json({ artifactUri } satisfies z.infer<typeof commandFileView>);
  });
  return api;
}

async function outputOf(world: World, first: string | undefined): Promise<string | null> {
  if (first === undefined) return null;
  try {
    const { artifactUri } = await getRunInfo(world.database.read, first);
    return (await world.blobs.size(artifactKeyBelow(artifactUri, commandFiles.output))) === undefined ? null : commandFiles.output;
  } catch {
    return null;
  }
}
