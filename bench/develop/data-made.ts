import assert from 'node:assert/strict';
import { createHash, hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { runToEnd, temporaryFolder } from '../processes.ts';
import type { Tool } from './data-tools.ts';

/** Where the files of a measurement lie. */
export interface Place {
  /** behind the name of a figure */
  readonly said: string;
  /** undefined: the system's folder for temporary files */
  readonly folder: string | undefined;
}

const memoryFolder = '/dev/shm';

/** The disk, and memory where there is room: what the disk writes back later is no part of either program. */
export function placesFor(bytes: number): Place[] {
  const disk: Place = { said: '', folder: undefined };
  if (!existsSync(memoryFolder)) return [disk];
  const { bavail, bsize } = statfsSync(memoryFolder);
  return bavail * bsize > 8 * bytes ? [disk, { said: ', in memory (tmpfs)', folder: memoryFolder }] : [disk];
}

export const fileBytes = 10_240;

/** A repository in git, made by `tool`, with these settings of `[cache]`. */
export async function freshRepository(tool: Tool, place: Place, cacheType?: string): Promise<string> {
  const folder = temporaryFolder('data', place.folder);
  await runToEnd(['git', 'init', '--quiet'], { cwd: folder });
  await runToEnd(tool.dvc('init'), { cwd: folder });
  if (cacheType !== undefined)
    writeFileSync(join(folder, '.dvc', 'config'), `[cache]\n    type = ${cacheType}\n`);
  return folder;
}

/** 100 folders with files of 10 KiB, always the same bytes, no two files alike. */
export function writeFiles(folder: string, count: number): void {
  for (let part = 0; part < 100; part++) mkdirSync(join(folder, `part-${part}`), { recursive: true });
  for (let index = 0; index < count; index++)
    writeFileSync(join(folder, `part-${index % 100}`, `${index}.bin`), bytesOf(index));
}

export function bytesOf(index: number): Buffer {
  const block = createHash('sha512').update(String(index)).digest();
  return Buffer.alloc(fileBytes, block);
}

/** One file of whole MiB. */
export function writeBigFile(file: string, mebibytes: number): void {
  const handle = openSync(file, 'wx');
  const block = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < mebibytes; index++) {
    for (let at = 0; at < block.length; at += 64)
      createHash('md5').update(`${index} ${at}`).digest().copy(block, at);
    writeSync(handle, block);
  }
  closeSync(handle);
}

/** Both caches hold the same names, and every object what its name says. */
export function assertEqualCaches(left: string, right: string): void {
  const [one, other] = [cacheOf(left), cacheOf(right)];
  assert.deepEqual(one, other);
  for (const [folder, names] of [
    [left, one],
    [right, other],
  ] as const)
    for (const name of names) {
      const bytes = readFileSync(join(folder, ...cachePath, name));
      assert.equal(hash('md5', bytes), name.replace('/', '').slice(0, 32));
    }
}

const cachePath = ['.dvc', 'cache', 'files', 'md5'];

const cacheOf = (folder: string): string[] =>
  readdirSync(join(folder, ...cachePath), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.length > 2)
    .sort();

/** A chain of stages that copy a file, run once by `tool`. */
export async function pipelineRun(tool: Tool, place: Place, stageCount: number): Promise<string> {
  const folder = await freshRepository(tool, place);
  writeFileSync(join(folder, 'file-0.bin'), bytesOf(0));
  const stages = Array.from({ length: stageCount }, (_, index) => {
    const [from, to] = [`file-${index}.bin`, `file-${index + 1}.bin`];
    return `  copy-${index + 1}:\n    cmd: cp ${from} ${to}\n    deps:\n    - ${from}\n    outs:\n    - ${to}\n`;
  });
  writeFileSync(join(folder, 'dvc.yaml'), `stages:\n${stages.join('')}`);
  await runToEnd(tool.dvc('repro'), { cwd: folder });
  return folder;
}
