import { cpSync, existsSync, globSync, lstatSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { ContractReport, ContractState } from '../contracts/contract-api.ts';
import { contractBroken } from '../contracts/contract-errors.ts';
import { contractBeside, declaredDatasets, type DeclaredDataset } from '../contracts/declared-datasets.ts';
import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { isUrl, readDvcFile, saveDvcFile, writeDvcFile, type SizedContent } from '../dvc-files/dvc-file.ts';
import { GitFiles } from '../dvc-files/git-files.ts';
import { IgnoreRules } from '../dvc-files/ignore-rules.ts';
import { isHeld, measureOut } from '../dvc-files/measured-out.ts';
import { refuseOverlaps } from '../dvc-files/overlaps.ts';
import { headCommit, ignoredByGit, repositoryPath, trackedByGit, type Repository } from '../dvc-files/repository.ts';
import { isInside, readIndex, type Index, type Recorded } from '../dvc-files/stored.ts';
import { isWithin, outAt } from '../dvc-files/targets.ts';
import { treeHash, treeText, type TreeEntry } from '../dvc-files/tree.ts';
import type { Content } from '../dvc-files/content.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { yamlMap } from '../dvc-files/yaml-value.ts';
import type { NewDatasetVersionBody } from './data-api.ts';
import {
  alreadyThere,
  changedWhileAdded,
  ignoredByDvc,
  inLinkedFolder,
  keptByGit,
  madeByStage,
  notTheWholeDataset,
  nothingMatches,
  recordIgnoredByGit,
  trackedAsFile,
} from './data-errors.ts';
import { inWorkspace } from './in-workspace.ts';
import { PlacedPaths } from './placed-paths.ts';

export interface AddOptions {
  /** targets are patterns such as `data/*.csv` */
  readonly isGlob?: boolean;
  /** where to put a copy of the one target, which may lie outside of the repository */
  readonly out?: string;
  /** may replace what is at `out` */
  readonly isForced?: boolean;
  /** only writes the `.dvc` files, and leaves the cache alone */
  readonly isWithoutCache?: boolean;
  /** what a person says of the data: kept in its `.dvc` file */
  readonly notes?: { readonly desc?: string; readonly type?: string; readonly labels?: readonly string[] };
}

export interface Added extends Content {
  /** relative to the repository */
  readonly path: string;
  readonly file: string;
  readonly dataset: string | null;
  readonly contractState: ContractState;
  /** true when this data had passed this contract before */
  readonly isRemembered: boolean;
}

/** What `add` hands to the caller, who sends the versions to the server. */
export interface AddOutcome {
  readonly added: readonly Added[];
  readonly versions: readonly { readonly dataset: string; readonly version: NewDatasetVersionBody }[];
  /** files that git should be given now, absolute; none when they are staged already */
  readonly toStage: readonly string[];
}

/** One path to add: as a whole, or as a part of a folder that is versioned already. */
interface Addition {
  readonly target: string;
  /** what records it already */
  readonly recorded: Recorded | undefined;
  /** the `.dvc` file */
  readonly file: string;
}

/**
 * Puts files and folders under version control; a path inside a versioned folder updates that folder. Data with a
 * contract, declared in `tilth.yaml` or beside it, must keep it first: when one breaks, nothing of any path is cached
 * or changed. A contract beside undeclared data that is still a draft holds nobody up.
 *
 * @throws DATA_CONTRACT_BROKEN, DATA_PATH_MISSING, DATA_TRACKED_BY_GIT, DATA_MADE_BY_STAGE, DATA_OUTPUTS_OVERLAP
 */
export async function addPaths(
  folder: string,
  paths: readonly string[],
  options: AddOptions = {},
): Promise<AddOutcome> {
  return inWorkspace(folder, true, async (workspace, repository) => {
    const targets =
      options.out === undefined
        ? expand(folder, paths, options)
        : [bringIn(repository, folder, paths[0] ?? '', options.out, options.isForced === true)];
    const index = readIndex(repository);
    const additions = targets.map((target) => additionOf(index, target));
    refuseOverlaps(
      index,
      additions.flatMap(({ target, recorded }) => (recorded === undefined ? [target] : [])),
    );
    const fresh = additions.flatMap(({ recorded, file }) => (recorded === undefined ? [file] : []));
    const [unseen] = ignoredByGit(repository, fresh);
    if (unseen !== undefined) throw recordIgnoredByGit(repositoryPath(repository, resolve(unseen)));
    const datasets = await declaredDatasets(folder);
    const checks = await checkContracts(workspace, additions, datasets);
    const gitFiles = new GitFiles(repository);
    const added = additions.map((addition): Added => {
      const content = store(workspace, addition, datasets, options, gitFiles);
      const path = addition.recorded?.path ?? addition.target;
      const dataset = datasets.find((one) => pathOf(one) === path);
      const report = checks.get(dataset?.name ?? path);
      return {
        ...content,
        path: repositoryPath(repository, path),
        file: repositoryPath(repository, addition.file),
        dataset: dataset?.name ?? null,
        contractState: report?.state ?? 'none',
        isRemembered: report?.isRemembered ?? false,
      };
    });
    const commit = datasets.length === 0 ? null : (headCommit(repository.root) ?? null);
    const versions = added.flatMap((one) => {
      const dataset = datasets.find(({ name }) => name === one.dataset);
      return dataset === undefined
        ? []
        : [{ dataset: dataset.name, version: versionOf(dataset, one, checks.get(dataset.name), commit) }];
    });
    return { added, versions, toStage: gitFiles.settle() };
  });
}

const pathOf = (dataset: DeclaredDataset): string => resolve(dataset.root, dataset.path);

/** @throws DATA_NO_MATCH */
function expand(folder: string, paths: readonly string[], { isGlob }: AddOptions): string[] {
  const found = isGlob === true ? paths.flatMap((pattern) => globbed(folder, pattern)) : paths;
  if (found.length === 0) throw nothingMatches(paths);
  return [...new Set(found.map((path) => resolve(folder, path)))];
}

/** As Python's `glob`: a name that begins with a dot matches only a pattern that does. */
function globbed(folder: string, pattern: string): string[] {
  const mayBeHidden = /(?:^|\/)\./.test(pattern);
  return globSync(pattern, { cwd: folder })
    .filter(
      (path) =>
        mayBeHidden || !path.split(sep).some((name) => name.startsWith('.') && name !== '.' && name !== '..'),
    )
    .sort();
}

/** Copies data from anywhere on this machine to its place in the repository. */
function bringIn(
  repository: Repository,
  folder: string,
  source: string,
  out: string,
  isForced: boolean,
): string {
  const from = resolve(folder, source);
  if (isUrl(source) || !existsSync(from)) throw pathMissing(source);
  const at = resolve(folder, out);
  const to = statSync(at, { throwIfNoEntry: false })?.isDirectory() === true ? join(at, basename(from)) : at;
  if (existsSync(to) && !isForced) throw alreadyThere(repositoryPath(repository, to));
  if (!existsSync(dirname(to))) throw pathMissing(`${dirname(to)}, where it should go,`);
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, dereference: true });
  return to;
}

function additionOf(index: Index, target: string): Addition {
  const { repository } = index;
  const path = repositoryPath(repository, target);
  const found = outAt(index, target);
  if (found === undefined) {
    if (!isInside(repository, target))
      throw pathMissing(`${target}, inside the repository ${repository.root},`);
    refuseLinkedFolder(repository, target);
    const { ignored, by } = ignoredPart(repository, target);
    if (ignored) throw ignoredByDvc(path, by);
    if (!existsSync(target)) throw pathMissing(path);
    if (trackedByGit(repository.root, target)) throw keptByGit(path);
    return { target, recorded: undefined, file: `${target}.dvc` };
  }
  const { out, stage } = found;
  if (stage.record.kind === 'stage' || stage.record.dvcFile.cmd !== undefined)
    throw madeByStage(path, stage.address);
  if (out.path !== target && out.md5 !== undefined && !out.md5.endsWith('.dir'))
    throw trackedAsFile(repositoryPath(repository, out.path));
  if (out.path === target && !existsSync(target)) throw pathMissing(path);
  return { target, recorded: out, file: stage.file };
}

/** Data behind a link to another folder would be recorded at a place where it does not lie. */
function refuseLinkedFolder(repository: Repository, target: string): void {
  for (let folder = dirname(target); isInside(repository, folder); folder = dirname(folder)) {
    if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      throw inLinkedFolder(repositoryPath(repository, target), repositoryPath(repository, folder));
  }
  const link = lstatSync(target, { throwIfNoEntry: false });
  if (
    link?.isSymbolicLink() === true &&
    statSync(target, { throwIfNoEntry: false })?.isDirectory() === true
  ) {
    throw inLinkedFolder(repositoryPath(repository, target), repositoryPath(repository, target));
  }
}

function ignoredPart(repository: Repository, target: string): { ignored: boolean; by: string } {
  const rules = new IgnoreRules(repository.root);
  const names = relative(repository.root, target).split(sep);
  let folder = repository.root;
  for (const [at, name] of names.entries()) {
    const isFolder =
      at < names.length - 1 || statSync(target, { throwIfNoEntry: false })?.isDirectory() === true;
    if (rules.ignores(folder, name, isFolder))
      return { ignored: true, by: repositoryPath(repository, join(folder, name)) };
    folder = join(folder, name);
  }
  return { ignored: false, by: '' };
}

/** By the name of a declared dataset, else by path. */
type Checks = ReadonlyMap<string, ContractReport & { isRemembered: boolean }>;

async function checkContracts(
  workspace: Workspace,
  additions: readonly Addition[],
  datasets: readonly DeclaredDataset[],
): Promise<Checks> {
  const checks = new Map<string, ContractReport & { isRemembered: boolean }>();
  for (const { target } of additions) {
    const touched = datasets.filter((one) => isWithin(target, pathOf(one)) || isWithin(pathOf(one), target));
    for (const dataset of touched) {
      if (checks.has(dataset.name)) continue;
      // only here: most commands check nothing and need not load what checks
      const { checkDeclared } = await import('../contracts/check-datasets.ts');
      const report = await checkDeclared(workspace, dataset);
      if (report?.state === 'broken') throw contractBroken(report);
      if (report !== undefined) checks.set(dataset.name, report);
    }
    if (touched.length > 0 || !existsSync(contractBeside(target))) continue;
    const { checkBeside } = await import('../contracts/check-datasets.ts');
    const report = await checkBeside(workspace, target);
    if (report?.state === 'broken') throw contractBroken(report);
    if (report !== undefined) checks.set(target, report);
  }
  return checks;
}

/** Puts one path into the cache and writes its `.dvc` file. */
function store(
  workspace: Workspace,
  { target, recorded, file }: Addition,
  datasets: readonly DeclaredDataset[],
  options: AddOptions,
  gitFiles: GitFiles,
): Content {
  const path = recorded?.path ?? target;
  const shown = repositoryPath(workspace.repository, path);
  const isGoverned = datasets.some((one) => isWithin(pathOf(one), path) || isWithin(path, pathOf(one)));
  const isOnlyHashed = options.isWithoutCache === true || recorded?.isCached === false;
  const isOldFormat = recorded?.hashName === 'md5-dos2unix';
  // most data is hashed while it is copied, and read only once
  const before =
    isGoverned || isOnlyHashed || isOldFormat || path !== target ? workspace.measure(path) : undefined;
  let content: SizedContent;
  if (path === target) {
    // a file of DVC 2 stays one until its data changes
    if (isOldFormat && before !== undefined && isAsRecorded(workspace, recorded)) return before;
    content = isOnlyHashed && before !== undefined ? before : workspace.add(path);
    // the contract was checked on what was measured; anything else must be checked again
    if (before !== undefined && content.md5 !== before.md5) throw changedWhileAdded(shown);
  } else {
    content = storePart(workspace, path, target, recorded, options.isWithoutCache === true);
    if (isGoverned && content.md5 !== before?.md5) throw notTheWholeDataset(shown);
  }
  writeDvcFile(path, content, file);
  if (options.notes !== undefined) writeNotes(file, path, options.notes);
  gitFiles.track(file);
  if (recorded?.isCached !== false) gitFiles.ignore(path);
  const placed = new PlacedPaths(workspace.repository);
  placed.remember(path, content.md5);
  placed.save();
  return { ...content, size: content.size ?? before?.size ?? 0 };
}

const isAsRecorded = (workspace: Workspace, out: Recorded): boolean =>
  out.md5 !== undefined &&
  measureOut(workspace, out)?.md5 === out.md5 &&
  isHeld(workspace, { ...out, md5: out.md5 });

/** The versioned folder with one file or folder of it as that is now, or without it when it is gone. */
export function storePart(
  workspace: Workspace,
  folder: string,
  part: string,
  recorded: Recorded | undefined,
  isWithoutCache: boolean,
): SizedContent {
  const name = relative(folder, part).split(sep).join('/');
  const known = recorded?.md5 === undefined ? [] : workspace.cache.readTree(recorded.md5, folder);
  const others = known.filter(({ relpath }) => relpath !== name && !relpath.startsWith(`${name}/`));
  const content = workspace.measure(part);
  const isOnlyMore = others.length === known.length;
  if (content === undefined && isOnlyMore) throw pathMissing(repositoryPath(workspace.repository, part));
  if (content !== undefined && !isWithoutCache) workspace.add(part);
  const entries: TreeEntry[] = [
    ...others,
    ...(content === undefined ? [] : partEntries(workspace, part, name, content)),
  ];
  const text = treeText(entries);
  const md5 = isWithoutCache ? treeHash(text) : workspace.cache.addBytes(Buffer.from(text), '.dir');
  // as dvc counts: what was replaced is not looked at, so the sum is not known
  const isSame = md5 === recorded?.md5;
  const sum =
    isOnlyMore && content !== undefined && recorded?.size !== undefined
      ? recorded.size + content.size
      : undefined;
  return { md5, size: sum ?? (isSame ? recorded.size : undefined), nfiles: entries.length };
}

const partEntries = (workspace: Workspace, part: string, name: string, content: Content): TreeEntry[] =>
  content.nfiles === undefined
    ? [{ md5: content.md5, relpath: name }]
    : (workspace.entries(part) ?? []).map(({ md5, relpath }) => ({ md5, relpath: `${name}/${relpath}` }));

function writeNotes(
  file: string,
  path: string,
  { desc, type, labels }: NonNullable<AddOptions['notes']>,
): void {
  const { fields, outs } = readDvcFile(file);
  const notes = yamlMap({ desc, type, labels: labels === undefined ? undefined : [...labels] });
  const changed = outs.map((out) => (out.path === path ? new Map([...out.fields, ...notes]) : out.fields));
  saveDvcFile(file, new Map([...fields, ['outs', changed]]));
}

function versionOf(
  dataset: DeclaredDataset,
  content: Content,
  report: ContractReport | undefined,
  commit: string | null,
): NewDatasetVersionBody {
  return {
    md5: content.md5,
    project: dataset.project,
    path: dataset.path,
    size: content.size,
    fileCount: content.nfiles ?? 1,
    rowCount: report?.rowCount ?? null,
    columns: report?.columns ?? [],
    contractHash: report?.contractHash ?? null,
    contractState: report?.state ?? 'none',
    report: report ?? null,
    commit,
    owner: dataset.owner,
    classification: dataset.classification,
    licence: dataset.licence ?? null,
  };
}
