import { text } from 'node:stream/consumers';
import type { World } from '../../platform/world.ts';
import { commandFiles } from '../repeatable/repeatable.ts';
import { artifactKeyBelow } from '../tracking/artifacts.ts';
import { getRunInfo } from '../tracking/run-store.ts';
import type { Execution, ExecutionLog } from './pipeline-api.ts';

const linesAtOnce = 2_000;
const linePattern = /^(\S+) (out|err) (.*)$/s;

/** What a stage printed, as its run keeps it; empty where the execution has no run, or the run is gone. */
export async function readExecutionLog(
  world: World,
  execution: Execution,
  from: number,
): Promise<ExecutionLog> {
  const isEnded = execution.state !== 'running';
  const printed = execution.runId === null ? '' : await outputOf(world, execution.runId);
  const all = printed.split('\n').slice(0, -1);
  const lines = all.slice(from, from + linesAtOnce).map((line, at) => {
    const [, when = '', stream = 'out', words = line] = linePattern.exec(line) ?? [];
    return {
      number: from + at,
      at: when,
      stream: stream === 'err' ? ('err' as const) : ('out' as const),
      text: words,
    };
  });
  const next = from + lines.length;
  return { lines, next, isOver: isEnded && next >= all.length };
}

async function outputOf(world: World, runId: string): Promise<string> {
  try {
    const { artifactUri } = await getRunInfo(world.database.read, runId);
    const { stream } = await world.blobs.get(artifactKeyBelow(artifactUri, commandFiles.output));
    return await text(stream);
  } catch {
    return '';
  }
}
