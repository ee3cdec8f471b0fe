import { basename, join, sep } from 'node:path';
import { isUrl, parseDvcFile, type DvcDep, type DvcFile, type HashName } from './dvc-file.ts';
import { fileUnreadable } from './dvc-errors.ts';
import { workingTree, type FileTree } from './file-tree.ts';
import { lockFileOf, readLockFile, type LockedStage } from './lock-file.ts';
import { paramsReader, type ReadParams, type ReadText } from './params-file.ts';
import { readPipelineFile } from './pipeline-file.ts';
import { isHeld, measureOut } from './measured-out.ts';
import { repositoryPath, type Repository } from './repository.ts';
import { stagePath, type Stage } from './stage.ts';
import type { Workspace } from './workspace.ts';
import type { FlagStyle } from './template-text.ts';
import { textOf, type YamlMap } from './yaml-value.ts';

/** A path whose content the repository's files record: by a `.dvc` file, or as an output of a stage. */
export interface Recorded {
  /** absolute; a URL for data outside of the machine */
  readonly path: string;
  /** undefined before the first run or add */
  readonly md5: string | undefined;
  readonly size: number | undefined;
  readonly nfiles: number | undefined;
  /** a file that its owner may run */
  readonly isExec: boolean;
  readonly hashName: HashName;
  readonly kind: 'out' | 'metric' | 'plot';
  /** false: git keeps it (`cache: false`) */
  readonly isCached: boolean;
  /** false: it lies outside of the repository, where nothing is ever written */
  readonly isInside: boolean;
  /** true: a stage does not delete it before it runs */
  readonly isKept: boolean;
  /** false: it stays on this machine (`push: false`, and whatever is imported) */
  readonly isPushed: boolean;
  /** the remote that it belongs to, when that is not the default one */
  readonly remote: string | undefined;
  /** all keys of the out in a `.dvc` file, the flags of an out in `dvc.yaml` */
  readonly fields: YamlMap;
  readonly source:
    | { readonly kind: 'dvc-file'; readonly file: string }
    | { readonly kind: 'stage'; readonly stage: string; readonly file: string };
}

/** One `.dvc` file, or one stage of a `dvc.yaml`. */
export interface RecordedStage {
  /** the `.dvc` or `dvc.yaml`, absolute */
  readonly file: string;
  /** undefined of a `.dvc` file */
  readonly name: string | undefined;
  /** as dvc prints it, relative to the repository: `data.dvc`, `train`, `sub/dvc.yaml:train` */
  readonly address: string;
  /** absolute; the paths it names are relative to it */
  readonly folder: string;
  readonly outs: readonly Recorded[];
  readonly isFrozen: boolean;
  readonly isAlwaysChanged: boolean;
  readonly record:
    | { readonly kind: 'dvc-file'; readonly dvcFile: DvcFile }
    | { readonly kind: 'stage'; readonly stage: Stage; readonly locked: LockedStage | undefined };
}

/** Everything a repository records, now or in a commit. */
export interface Index {
  readonly repository: Repository;
  readonly tree: FileTree;
  /** in the order of their files, those of one `dvc.yaml` in its order */
  readonly stages: readonly RecordedStage[];
  readonly outs: readonly Recorded[];
  /** records that can't be read; none unless the reader can do without them */
  readonly broken: readonly BrokenRecord[];
}

export interface BrokenRecord {
  /** absolute */
  readonly file: string;
  readonly reason: unknown;
}

/** @throws DVC_FILE_UNREADABLE, PIPELINE_INVALID */
export function readIndex(repository: Repository, tree: FileTree = workingTree(repository)): Index {
  const index = readableIndex(repository, tree);
  if (index.broken[0] !== undefined) throw index.broken[0].reason;
  return index;
}

/** The same for a reader of some records only, who is not concerned by others that can't be read. */
export function readableIndex(repository: Repository, tree: FileTree = workingTree(repository)): Index {
  const stages: RecordedStage[] = [];
  const broken: BrokenRecord[] = [];
  const outs = new Set<string>();
  for (const path of tree.list((folder) => outs.has(join(repository.root, folder)))) {
    if (basename(path) === 'dvc.lock') continue;
    try {
      for (const stage of readStages(repository, tree, path)) {
        stages.push(stage);
        for (const out of stage.outs) outs.add(out.path);
      }
    } catch (reason) {
      broken.push({ file: join(repository.root, path), reason });
    }
  }
  return { repository, tree, stages, outs: stages.flatMap((stage) => stage.outs), broken };
}

/**
 * The stages of one `.dvc` or `dvc.yaml`.
 *
 * @param path relative to the repository
 * @throws DVC_FILE_UNREADABLE, PIPELINE_INVALID
 */
export function readStages(repository: Repository, tree: FileTree, path: string): RecordedStage[] {
  if (basename(path) === 'dvc.yaml') return pipelineStages(repository, tree, path);
  const text = tree.readText(path);
  if (text === undefined) throw fileUnreadable(path, 'it is not there');
  return [dvcFileStage(repository, parseDvcFile(text, join(repository.root, path)))];
}

function dvcFileStage(repository: Repository, dvcFile: DvcFile): RecordedStage {
  const { file, folder, isFrozen, isAlwaysChanged } = dvcFile;
  const outs = dvcFile.outs.map(({ path, md5, size, nfiles, hashName, fields }): Recorded => {
    const flags = flagsOf(fields);
    return {
      ...flags,
      path,
      md5,
      size,
      nfiles,
      isExec: fields.get('isexec') === true,
      hashName,
      kind: isSet(fields, 'metric') ? 'metric' : isSet(fields, 'plot') ? 'plot' : 'out',
      isInside: isInside(repository, path),
      // what came from another repository belongs to that one's remote
      isPushed: flags.isPushed && !isRepoImport(dvcFile.deps),
      fields,
      source: { kind: 'dvc-file', file },
    };
  });
  const address = repositoryPath(repository, file);
  return {
    file,
    name: undefined,
    address,
    folder,
    outs,
    isFrozen,
    isAlwaysChanged,
    record: { kind: 'dvc-file', dvcFile },
  };
}

const isSet = (fields: YamlMap, key: string): boolean => fields.has(key) && fields.get(key) !== false;
const isRepoImport = (deps: readonly DvcDep[]): boolean => deps.length === 1 && deps[0]?.repo !== undefined;

/** What an import that was written down without its data (`--no-download`) will be: its source had this md5. */
export function awaitedMd5({ outs, record }: RecordedStage): string | undefined {
  if (record.kind === 'stage' || outs.length !== 1 || outs[0]?.md5 !== undefined) return undefined;
  const [dep, ...others] = record.dvcFile.deps;
  return others.length > 0 || dep?.repo !== undefined ? undefined : dep?.md5;
}

export const isInside = (repository: Repository, path: string): boolean =>
  !isUrl(path) && path.startsWith(repository.root + sep);

/** The flags that an out has in a `.dvc` file and in `dvc.yaml` alike. */
const flagsOf = (fields: YamlMap): Pick<Recorded, 'isCached' | 'isKept' | 'isPushed' | 'remote'> => ({
  isCached: fields.get('cache') !== false,
  isKept: fields.get('persist') === true,
  isPushed: fields.get('push') !== false,
  remote: textOf(fields.get('remote')),
});

/** Text of the files of a tree by their absolute paths. */
export const textIn =
  (repository: Repository, tree: FileTree): ReadText =>
  (file) =>
    tree.readText(repositoryPath(repository, file));

const paramsOf = new WeakMap<FileTree, ReadParams>();

/** Files of parameters of a commit, each read once; those of the working tree may change while we look. */
function paramsIn(repository: Repository, tree: FileTree): ReadParams {
  const known = paramsOf.get(tree) ?? paramsReader(textIn(repository, tree));
  if (tree.commit !== undefined) paramsOf.set(tree, known);
  return known;
}

/** `parsing.bool` and `parsing.list`: how a map in a command becomes flags. */
function flagStyle({ config }: Repository): FlagStyle {
  const parsing = config.sections.get('parsing');
  return {
    bool: String(parsing?.get('bool')) === 'boolean_optional' ? 'boolean_optional' : 'store_true',
    list: String(parsing?.get('list')) === 'append' ? 'append' : 'nargs',
  };
}

function pipelineStages(repository: Repository, tree: FileTree, path: string): RecordedStage[] {
  const file = join(repository.root, path);
  const readText = textIn(repository, tree);
  const locked = readLockFile(lockFileOf(file), readText);
  return readPipelineFile(file, {
    readText,
    readParams: paramsIn(repository, tree),
    flags: flagStyle(repository),
  }).map((stage) => {
    const known = locked.get(stage.name);
    const outs = stage.outs.map((out): Recorded => {
      const content = known?.outs.find((one) => one.path === out.path);
      return {
        ...flagsOf(out.flags),
        path: stagePath(stage, out.path),
        md5: content?.md5,
        size: content?.size,
        nfiles: content?.nfiles,
        isExec: content?.isExec === true,
        hashName: content?.hashName ?? 'md5',
        kind: out.kind,
        isInside: isInside(repository, stagePath(stage, out.path)),
        fields: out.flags,
        source: { kind: 'stage', stage: stage.name, file },
      };
    });
    return {
      file,
      name: stage.name,
      address: path === 'dvc.yaml' ? stage.name : `${path}:${stage.name}`,
      folder: stage.folder,
      outs,
      isFrozen: stage.isFrozen,
      isAlwaysChanged: stage.isAlwaysChanged,
      record: { kind: 'stage', stage, locked: known },
    };
  });
}

/** Everything `.dvc` files and `dvc.lock` record, in the order of the files. */
export const listRecorded = (repository: Repository): readonly Recorded[] => readIndex(repository).outs;

/** What `.dvc` files record. */
export const listRecordedFiles = (
  repository: Repository,
): (Recorded & { readonly source: { readonly kind: 'dvc-file' } })[] =>
  readIndex(repository).outs.flatMap((out) =>
    out.source.kind === 'dvc-file' ? [{ ...out, source: out.source }] : [],
  );

/** `dvc status` of `.dvc` files: `{"data.dvc": [{"changed outs": {"data": "modified"}}]}`, empty when all is as recorded. */
export function fileStatus(workspace: Workspace): Record<string, unknown[]> {
  const status: Record<string, unknown[]> = {};
  for (const recorded of listRecordedFiles(workspace.repository)) {
    if (!recorded.isCached) continue;
    const change = changeOf(workspace, recorded);
    if (change === undefined) continue;
    const path = repositoryPath(workspace.repository, recorded.path);
    status[repositoryPath(workspace.repository, recorded.source.file)] = [
      { 'changed outs': { [path]: change } },
    ];
  }
  return status;
}

export type Change = 'new' | 'modified' | 'deleted' | 'not in cache';

/** How the workspace differs from what is recorded, in dvc's words; undefined when it does not. */
export function changeOf(workspace: Workspace, recorded: Recorded): Change | undefined {
  const { md5, isCached } = recorded;
  const now = measureOut(workspace, recorded);
  if (md5 === undefined || md5 === '') return now === undefined ? 'deleted' : 'new';
  // dvc says first what can't be brought back
  if (isCached && !isHeld(workspace, { md5, hashName: recorded.hashName })) return 'not in cache';
  if (now === undefined) return 'deleted';
  return now.md5 === md5 ? undefined : 'modified';
}
