import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { runToEnd, scriptOf, temporaryFolder, tilth, versionsIn } from '../processes.ts';

const fileCount = 2000;
const fileBytes = 10_240;
const stageCount = 20;

interface Tool {
  readonly name: string;
  readonly init: readonly string[];
  readonly add: readonly string[];
  readonly status: readonly string[];
  readonly run: readonly string[];
}

const dvc = (...args: string[]): string[] => [scriptOf('data', 'dvc'), ...args];
const ours: Tool = {
  name: 'tilth',
  init: tilth('dvc', 'init'),
  add: tilth('data', 'add', 'data'),
  status: tilth('dvc', 'status'),
  run: tilth('pipeline', 'run'),
};
const peer: Tool = {
  name: 'dvc',
  init: dvc('init'),
  add: dvc('add', '--quiet', 'data'),
  status: dvc('status'),
  run: dvc('repro'),
};

/** Versions of data and stages that need not run: `tilth data`, `tilth pipeline` and `dvc`, whole processes. */
export async function measureData({ rounds, slowRounds }: Effort): Promise<Practice> {
  const figures: Figure[] = [];
  const add = (what: string, found: { ours: Round[]; peer: Round[] }): void =>
    void figures.push({
      what,
      unit: 'ms',
      better: 'less',
      ours: { name: 'tilth', rounds: found.ours },
      peer: { name: 'dvc', rounds: found.peer },
    });

  const contents = Array.from({ length: fileCount }, (_, index) => bytesOf(index));
  const freshData = async (tool: Tool): Promise<string> => {
    const folder = await freshRepository(tool);
    for (const [index, content] of contents.entries()) {
      const below = join(folder, 'data', `part-${index % 10}`);
      mkdirSync(below, { recursive: true });
      writeFileSync(join(below, `${index}.bin`), content);
    }
    return folder;
  };
  const addIn = async (tool: Tool): Promise<{ folder: string; round: Round }> => {
    const folder = await freshData(tool);
    const { seconds, cpuMs } = await runToEnd(tool.add, { cwd: folder });
    return { folder, round: { value: seconds * 1000, cpuMs } };
  };

  const mine = (await addIn(ours)).folder;
  const theirs = (await addIn(peer)).folder;
  assert.equal(readFileSync(join(mine, 'data.dvc'), 'utf8'), readFileSync(join(theirs, 'data.dvc'), 'utf8'));
  assert.deepEqual(cacheOf(mine), cacheOf(theirs));
  const once = async (tool: Tool): Promise<Round> => {
    const { folder, round } = await addIn(tool);
    rmSync(folder, { recursive: true, force: true });
    return round;
  };
  add(
    `add ${fileCount} files of 10 KiB`,
    await inTurns(
      slowRounds,
      () => once(ours),
      () => once(peer),
    ),
  );

  const timed = async (command: readonly string[], folder: string, saying: RegExp): Promise<Round> => {
    const { seconds, cpuMs, stdout } = await runToEnd(command, { cwd: folder });
    assert.match(stdout, saying);
    return { value: seconds * 1000, cpuMs };
  };
  const isClean = /Data and pipelines are up to date/;
  // each tool calls the other's folder clean, and has looked at its own before the clock runs
  for (const folder of [mine, theirs])
    for (const tool of [ours, peer]) await timed(tool.status, folder, isClean);
  add(
    `status of ${fileCount} files, seen before`,
    await inTurns(
      rounds,
      () => timed(ours.status, mine, isClean),
      () => timed(peer.status, theirs, isClean),
    ),
  );

  const pipelines = { mine: await pipelineRun(ours), theirs: await pipelineRun(peer) };
  assert.equal(
    readFileSync(join(pipelines.mine, 'dvc.lock'), 'utf8'),
    readFileSync(join(pipelines.theirs, 'dvc.lock'), 'utf8'),
  );
  for (const folder of Object.values(pipelines))
    for (const tool of [ours, peer]) await timed(tool.run, folder, isClean);
  add(
    `pipeline of ${stageCount} stages, nothing to do`,
    await inTurns(
      rounds,
      () => timed(ours.run, pipelines.mine, isClean),
      () => timed(peer.run, pipelines.theirs, isClean),
    ),
  );
  return {
    name: 'data',
    peer: 'dvc',
    versions: await versionsIn('data', ['dvc', 'dvc-data', 'dvc-objects']),
    checked: [
      'data.dvc, the names and contents of the cache, and dvc.lock are equal byte for byte',
      'each tool calls the folder and the pipeline of the other up to date',
    ],
    notEqual: [
      'Both copy into the cache (dvc links where the file system can; here neither does).',
      'Inside of a git repository without a commit; ours looks for a server to tell of new versions, and finds none.',
    ],
    figures,
  };
}

async function freshRepository(tool: Tool): Promise<string> {
  const folder = temporaryFolder('data');
  await runToEnd(['git', 'init', '--quiet'], { cwd: folder });
  await runToEnd(tool.init, { cwd: folder });
  return folder;
}

/** Always the same bytes, no two files alike. */
function bytesOf(index: number): Buffer {
  const blocks: Buffer[] = [];
  for (let block = 0; block * 32 < fileBytes; block++)
    blocks.push(createHash('sha256').update(`${index}/${block}`).digest());
  return Buffer.concat(blocks, fileBytes);
}

/** Objects by name, which is the hash of what they hold. */
const cacheOf = (folder: string): string[] => {
  const cache = join(folder, '.dvc', 'cache', 'files', 'md5');
  return readdirSync(cache, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.length > 2)
    .map(
      (name) =>
        `${name} ${createHash('md5')
          .update(readFileSync(join(cache, name)))
          .digest('hex')}`,
    )
    .sort();
};

/** A chain of stages that copy a file, run once by `tool`. */
async function pipelineRun(tool: Tool): Promise<string> {
  const folder = await freshRepository(tool);
  writeFileSync(join(folder, 'file-0.bin'), bytesOf(0));
  const stages = Array.from({ length: stageCount }, (_, index) => {
    const [from, to] = [`file-${index}.bin`, `file-${index + 1}.bin`];
    return `  copy-${index + 1}:\n    cmd: cp ${from} ${to}\n    deps:\n    - ${from}\n    outs:\n    - ${to}\n`;
  });
  writeFileSync(join(folder, 'dvc.yaml'), `stages:\n${stages.join('')}`);
  await runToEnd(tool.run, { cwd: folder });
  return folder;
}
