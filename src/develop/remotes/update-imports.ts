import { resolve } from 'node:path';
import { readDvcFile, withContent, type DvcDep, type DvcFile, type DvcOut } from '../dvc-files/dvc-file.ts';
import { GitFiles } from '../dvc-files/git-files.ts';
import type { OnProgress } from '../dvc-files/progress.ts';
import { withRepositoryLock } from '../dvc-files/repository-lock.ts';
import { openRepository } from '../dvc-files/repository.ts';
import { readableIndex } from '../dvc-files/stored.ts';
import { chooseTargets } from '../dvc-files/targets.ts';
import type { Content } from '../dvc-files/content.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { equalValues, isMap, textOf, type YamlMap } from '../dvc-files/yaml-value.ts';
import { bringForeign, findForeign } from './foreign-data.ts';
import { openForeign } from './foreign-repository.ts';
import type { Imported } from './import-data.ts';
import { saveImport } from './import-file.ts';
import { notAnImport } from './remote-errors.ts';
import { bringSource, depFields, openSource } from './url-source.ts';
import { Caches } from './used.ts';

export interface UpdateOptions {
  /** of the repository that it was imported from; it is remembered */
  readonly rev?: string | undefined;
  readonly isRecursive?: boolean;
  /** only writes down what there is now */
  readonly isWithoutData?: boolean;
  readonly jobs?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Looks whether what was imported has changed where it came from, and brings what is new.
 *
 * @throws IMPORT_NOT_ONE, DATA_TARGET_UNKNOWN, DATA_UNSAVED and what the source throws
 */
export async function updateImports(
  folder: string,
  targets: readonly string[],
  options: UpdateOptions,
): Promise<Imported[]> {
  const repository = openRepository(folder);
  return withRepositoryLock(repository, async () => {
    const chosen = chooseTargets(readableIndex(repository), targets, {
      folder,
      isRecursive: options.isRecursive === true,
    });
    const imports = chosen.flatMap(({ stage }) => {
      const found = stage.record.kind === 'dvc-file' ? importIn(readDvcFile(stage.file)) : undefined;
      if (found === undefined && options.isRecursive !== true) throw notAnImport(stage.address);
      return found === undefined ? [] : [found];
    });
    const caches = new Caches(repository);
    const workspace = new Workspace(repository, { onProgress: options.onProgress });
    const git = new GitFiles(repository);
    try {
      const done: Imported[] = [];
      for (const { dvcFile, dep, out } of imports) {
        const { fields, content, source } =
          dep.repo === undefined
            ? await fromUrl(folder, repository.config, dep, caches, options)
            : await fromRepository(folder, dep, caches, options);
        const { file } = dvcFile;
        const isChanged =
          !equalValues(fields, dep.fields) || (content !== undefined && content.md5 !== out.md5);
        if (isChanged) {
          // what is there as it was recorded came from the source, and can come again
          const isRecorded = content !== undefined && workspace.measure(out.path)?.md5 === out.md5;
          if (content !== undefined) workspace.restore(out.path, content.md5, isRecorded);
          const outFields = content === undefined ? onlyNamed(out.fields) : withContent(out.fields, content);
          saveImport({ file, dep: fields, out: outFields, isLooked: true, before: dvcFile.fields });
          git.track(file);
        }
        done.push({ path: out.path, file, content, isChanged, source, toStage: [] });
      }
      const toStage = git.settle();
      return done.map((one) => (toStage.includes(one.file) ? { ...one, toStage: [one.file] } : one));
    } finally {
      workspace.close();
      caches.close();
    }
  });
}

function importIn(dvcFile: DvcFile): { dvcFile: DvcFile; dep: DvcDep; out: DvcOut } | undefined {
  const [dep, ...otherDeps] = dvcFile.deps;
  const [out, ...otherOuts] = dvcFile.outs;
  const isOne =
    dep !== undefined &&
    out !== undefined &&
    otherDeps.length === 0 &&
    otherOuts.length === 0 &&
    dvcFile.cmd === undefined;
  return isOne ? { dvcFile, dep, out } : undefined;
}

const onlyNamed = (out: YamlMap): YamlMap =>
  new Map([...out].filter(([key]) => !['md5', 'size', 'nfiles'].includes(String(key))));

interface Found {
  readonly fields: YamlMap;
  readonly content: Content | undefined;
  readonly source: string;
}

async function fromRepository(
  folder: string,
  dep: DvcDep,
  caches: Caches,
  options: UpdateOptions,
): Promise<Found> {
  const url = dep.repo?.url ?? '';
  const rev = options.rev ?? dep.repo?.rev;
  const foreign = await openForeign(url, { rev, folder });
  const data = findForeign(foreign, dep.path);
  const old = dep.fields.get('repo');
  const repo = new Map([
    ...(isMap(old) ? old : []),
    ['rev_lock', foreign.commit],
    ...(options.rev === undefined ? [] : [['rev', options.rev] as const]),
  ] as const);
  const remote = isMap(old) ? textOf(old.get('remote')) : undefined;
  const content =
    options.isWithoutData === true
      ? undefined
      : await bringForeign(foreign, data, caches, {
          jobs: options.jobs,
          onProgress: options.onProgress,
          remote,
        });
  return { fields: new Map([...dep.fields, ['repo', repo]]), content, source: `${dep.path} (${url})` };
}

async function fromUrl(
  folder: string,
  config: Parameters<typeof openSource>[1]['config'],
  dep: DvcDep,
  caches: Caches,
  options: UpdateOptions,
): Promise<Found> {
  const written = textOf(dep.fields.get('path')) ?? dep.path;
  const settings = dep.fields.get('fs_config');
  const fsConfig = new Map(
    [...(isMap(settings) ? settings : [])].map(([key, value]) => [String(key), textOf(value) ?? '']),
  );
  const source = await openSource(dep.path, {
    folder: resolve(folder),
    config,
    fsConfig,
    jobs: options.jobs,
  });
  try {
    const isMarked = source.files[0]?.mark !== undefined;
    const seen = isMarked ? depFields(source, written, undefined) : undefined;
    const isSame =
      seen !== undefined && [...seen].every(([key, value]) => equalValues(dep.fields.get(key), value));
    if (isSame) return { fields: dep.fields, content: undefined, source: written };
    const content =
      isMarked && options.isWithoutData === true
        ? undefined
        : await bringSource(source, caches.current, options.jobs, options.onProgress);
    const fields = depFields(source, written, content);
    const extra = [...dep.fields].filter(([key]) => key === 'fs_config');
    return {
      fields: new Map([...fields, ...extra]),
      content: options.isWithoutData === true ? undefined : content,
      source: written,
    };
  } finally {
    await source.store.close();
  }
}
