import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { isUrl, saveDvcFile, withContent, type DvcFile } from '../dvc-files/dvc-file.ts';
import { GitFiles } from '../dvc-files/git-files.ts';
import { refuseOverlaps } from '../dvc-files/overlaps.ts';
import { ignoredByGit, repositoryPath } from '../dvc-files/repository.ts';
import { isInside, readIndex } from '../dvc-files/stored.ts';
import { outAt } from '../dvc-files/targets.ts';
import { textOf, type YamlMap, type YamlValue } from '../dvc-files/yaml-value.ts';
import { alreadyThere, madeByStage, notVersioned, recordIgnoredByGit } from './data-errors.ts';
import { stageHash } from '../remotes/import-file.ts';
import { inWorkspace } from './in-workspace.ts';
import { PlacedPaths } from './placed-paths.ts';

export interface Moved {
  /** relative to the repository */
  readonly from: string;
  readonly to: string;
  readonly file: string;
  /** files that git should be given now, absolute */
  readonly toStage: readonly string[];
}

/**
 * Moves a versioned file or folder with its `.dvc` file and its line in `.gitignore`. A `.dvc` file of another name
 * stays where it is and names the new place.
 *
 * @param to a folder that is there means the same name inside it
 * @throws DATA_NOT_VERSIONED, DATA_MADE_BY_STAGE, DATA_ALREADY_THERE
 */
export async function moveData(folder: string, from: string, to: string): Promise<Moved> {
  return inWorkspace(folder, true, (workspace, repository) => {
    const source = resolve(folder, from);
    const target = placeAt(source, resolve(folder, to));
    const index = readIndex(repository);
    const found = outAt(index, source);
    if (found === undefined || found.out.path !== source) throw notVersioned(from);
    const { stage, out } = found;
    if (stage.record.kind === 'stage') throw madeByStage(from, stage.address);
    if (!isInside(repository, target))
      throw pathMissing(`${target}, inside the repository ${repository.root},`);
    const { dvcFile } = stage.record;
    const isNamedAlike = basename(dvcFile.file) === `${basename(source)}.dvc`;
    const file = isNamedAlike ? `${target}.dvc` : dvcFile.file;
    for (const path of [target, ...(file === dvcFile.file ? [] : [file])]) {
      if (existsSync(path)) throw alreadyThere(repositoryPath(repository, path));
    }
    if (file !== dvcFile.file && ignoredByGit(repository, [file]).length > 0)
      throw recordIgnoredByGit(repositoryPath(repository, file));
    refuseOverlaps({ ...index, stages: index.stages.filter((one) => one !== stage) }, [target]);

    const gitFiles = new GitFiles(repository);
    const placed = new PlacedPaths(repository);
    mkdirSync(dirname(target), { recursive: true });
    const isThere = existsSync(source);
    if (isThere) renameSync(source, target);
    if (out.isCached) gitFiles.unignore(source);
    const content = isThere && out.isCached ? workspace.add(target) : workspace.measure(target);
    const fields = content === undefined ? out.fields : withContent(out.fields, content);
    const moved = movedFile(dvcFile, file, source, target, fields);
    if (file !== dvcFile.file) renameSync(dvcFile.file, file);
    saveDvcFile(file, moved);
    if (out.isCached) gitFiles.ignore(target);
    gitFiles.track(file);
    if (file !== dvcFile.file) gitFiles.track(dvcFile.file);
    placed.forget(source);
    if (content !== undefined) placed.remember(target, content.md5);
    placed.save();
    return {
      from: repositoryPath(repository, source),
      to: repositoryPath(repository, target),
      file: repositoryPath(repository, file),
      toStage: gitFiles.settle(),
    };
  });
}

const placeAt = (source: string, to: string): string =>
  statSync(to, { throwIfNoEntry: false })?.isDirectory() === true ? join(to, basename(source)) : to;

/** The content of the `.dvc` file at its new place; what it is relative to moves along. */
function movedFile(dvcFile: DvcFile, file: string, source: string, target: string, fields: YamlMap): YamlMap {
  const isMoved = file !== dvcFile.file;
  const folder = isMoved ? dirname(file) : dvcFile.folder;
  const path = (absolute: string): string => relative(folder, absolute).split(sep).join('/');
  const outs = dvcFile.outs.map((out): YamlMap => {
    const isIt = out.path === source;
    return new Map([
      ...(isIt ? fields : out.fields),
      ['path', isIt ? path(target) : isUrl(out.path) ? out.path : path(out.path)],
    ]);
  });
  const deps = dvcFile.deps.map((dep): YamlMap => {
    const isHere =
      dep.repo === undefined && !isUrl(dep.path) && textOf(dep.fields.get('path'))?.startsWith('/') !== true;
    return isHere ? new Map([...dep.fields, ['path', path(dep.path)]]) : dep.fields;
  });
  const state = new Map<string, YamlValue>([...dvcFile.fields].map(([key, value]) => [String(key), value]));
  if (isMoved) state.delete('wdir');
  if (dvcFile.deps.length > 0) state.set('deps', deps);
  state.set('outs', outs);
  // an import's own md5 covers its paths; with the old one dvc would say that somebody changed it
  if (state.has('md5')) state.set('md5', stageHash(state));
  return state;
}
