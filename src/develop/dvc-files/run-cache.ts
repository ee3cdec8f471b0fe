import { hash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { lockValue, lockedStageOf, type LockedStage } from './lock-file.ts';
import { compareCodePoints } from './python-text.ts';
import type { Repository } from './repository.ts';
import { readYamlMap } from './yaml-read.ts';
import { valueJson } from './value-json.ts';
import type { YamlMap, YamlScalar, YamlValue } from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

/** What stages ran with and made, ever: `.dvc/cache/runs/ab/<key>/<value>`, the same below a remote. */
export const runsFolder = (repository: Repository): string => join(repository.config.cacheFolder, 'runs');

/** Where the runs with one command, dependencies, params and output paths lie, relative to the runs' folder. */
const folderOf = (stage: LockedStage): string => {
  const key = runKey(stage);
  return join(key.slice(0, 2), key);
};

/** The newest run that had this command, these dependencies and params, and outputs of these paths. */
export function findRun(repository: Repository, stage: LockedStage): LockedStage | undefined {
  const folder = join(runsFolder(repository), folderOf(stage));
  const [newest] = names(folder)
    .map((name) => ({ name, at: statSync(join(folder, name)).mtimeMs }))
    .sort((one, other) => other.at - one.at);
  if (newest === undefined) {
    dropEmpty(folder);
    return undefined;
  }
  const file = join(folder, newest.name);
  try {
    return lockedStageOf(readYamlMap(readFileSync(file, 'utf8'), newest.name));
  } catch {
    // one that can't be read helps nobody, as dvc sees it too
    rmSync(file, { force: true });
    dropEmpty(folder);
    return undefined;
  }
}

/** Keeps a run for later; the same one again is not written again. */
export function keepRun(repository: Repository, stage: LockedStage): void {
  const file = join(runsFolder(repository), folderOf(stage), runValue(stage));
  if (existsSync(file)) return;
  mkdirSync(runsFolder(repository), { recursive: true });
  // beside the folders and not in them: whoever looks there for runs must not find a half one
  const draft = join(runsFolder(repository), `.${runValue(stage).slice(0, 16)}.${process.pid}.tmp`);
  writeFileSync(draft, writeYaml(lockValue(stage)));
  placeRun(draft, file);
}

/**
 * Gives a whole run its name. Its folder appears with the run in it: dvc stumbles over one without any, which a killed
 * command would leave otherwise.
 */
export function placeRun(draft: string, file: string): void {
  const [folder, beside] = [dirname(file), `${draft}.folder`];
  mkdirSync(beside);
  renameSync(draft, join(beside, basename(file)));
  mkdirSync(dirname(folder), { recursive: true });
  try {
    renameSync(beside, folder);
  } catch (thrown) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
    renameSync(join(beside, basename(file)), file);
    rmSync(beside, { recursive: true });
  }
}

/** What a killed command left: dvc takes a folder for a promise that there is a run in it. */
function dropEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // it is not there, or another has put a run into it
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch {
    return [];
  }
}

/** sha256 of the stage without what its outputs hold. */
export function runKey(stage: LockedStage): string {
  const value = lockValue(stage);
  const outs = stage.outs.map(({ path }) => path).sort(compareCodePoints);
  return hashed(new Map([...value, ['outs', outs]]));
}

const runValue = (stage: LockedStage): string => hashed(lockValue(stage));

/** Extent does not tell one content from another; dvc leaves the keys out wherever they stand. */
const leftOut = new Set<YamlScalar>(['size', 'nfiles']);

/** Python's `json.dumps(…, sort_keys=True)`, without what tells only the extent. */
export const pythonJson = (value: YamlValue): string => valueJson(value, { isSorted: true, leftOut });

const hashed = (value: YamlMap): string => hash('sha256', pythonJson(value));
