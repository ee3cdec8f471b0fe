import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { fileUnreadable } from './dvc-errors.ts';
import { IgnoreRules } from './ignore-rules.ts';
import type { Repository } from './repository.ts';
import type { Content } from './workspace.ts';
import { readYamlMap } from './yaml-read.ts';
import { isList, isMap, textOf, yamlMap, type YamlMap, type YamlValue } from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

/** What a `.dvc` file says about one file or folder. */
export interface TrackedOut {
  /** the `.dvc` file, absolute */
  readonly file: string;
  /** what it tracks, absolute */
  readonly path: string;
  readonly md5: string | undefined;
  readonly size: number | undefined;
  readonly nfiles: number | undefined;
  /** false for DVC 2 files, whose hashes are taken another way: read, never rewritten */
  readonly isCurrentFormat: boolean;
}

/**
 * Reads a `.dvc` file.
 *
 * @throws DVC_FILE_UNREADABLE
 */
export function readDvcFile(file: string): TrackedOut {
  const map = readYamlMap(readFileSync(file, 'utf8'), file);
  const outs = map.get('outs');
  const out = isList(outs) ? outs[0] : undefined;
  const path = isMap(out) ? out.get('path') : undefined;
  if (!isMap(out) || typeof path !== 'string') throw fileUnreadable(file, 'it names no out with a path');
  const folder = map.get('wdir');
  return {
    file,
    path: resolve(dirname(file), typeof folder === 'string' ? folder : '.', path),
    md5: textOf(out.get('md5')),
    size: countOf(out.get('size')),
    nfiles: countOf(out.get('nfiles')),
    isCurrentFormat: out.get('hash') === 'md5',
  };
}

const countOf = (value: YamlValue | undefined): number | undefined =>
  typeof value === 'bigint' ? Number(value) : undefined;

/** Writes `PATH.dvc`; keys, order and comments that a person added to an existing one are kept. */
export function writeDvcFile(path: string, content: Content): string {
  const file = `${path}.dvc`;
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const text = before === undefined ? freshText(path, content) : changedText(before, file, content);
  if (text !== before) replaceFile(file, text);
  return file;
}

/** A reader sees the old text or the new one, never half of it. */
export function replaceFile(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text);
  renameSync(draft, file);
}

const freshText = (path: string, content: Content): string =>
  writeYaml(yamlMap({ outs: [yamlMap({ ...contentFields(content), hash: 'md5', path: basename(path) })] }));

const contentFields = (content: Content): Record<string, YamlValue | undefined> => ({
  md5: content.md5,
  size: BigInt(content.size),
  nfiles: content.nfiles === undefined ? undefined : BigInt(content.nfiles),
});

function changedText(before: string, file: string, content: Content): string {
  const map = readYamlMap(before, file);
  const outs = map.get('outs');
  const out = isList(outs) ? outs[0] : undefined;
  if (!isList(outs) || !isMap(out)) throw fileUnreadable(file, 'it names no out with a path');
  // DVC 3 writes its hash only; the fields of DVC 2 give way
  const changed: YamlMap = new Map([
    ...yamlMap({ ...contentFields(content), hash: 'md5' }),
    ...[...out].filter(([key]) => !['md5', 'size', 'nfiles', 'hash'].includes(String(key))),
  ]);
  const isPlain = writeYaml(map) === before;
  if (isPlain) return writeYaml(new Map([...map, ['outs', [changed, ...outs.slice(1)]]]));
  const document = parseDocument(before);
  for (const key of ['md5', 'size', 'nfiles', 'hash']) {
    const value = changed.get(key);
    if (value === undefined) document.deleteIn(['outs', 0, key]);
    else if (typeof value === 'string' || typeof value === 'bigint') document.setIn(['outs', 0, key], value);
  }
  return document.toString({ indentSeq: false, lineWidth: 80 });
}

/** All `.dvc` files of the repository, in the order of their paths. */
export function listDvcFiles(repository: Repository): string[] {
  const rules = new IgnoreRules(repository.root);
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name) && !rules.ignores(folder, entry.name, true)) walk(join(folder, entry.name));
      } else if (entry.name.endsWith('.dvc') && entry.isFile() && !rules.ignores(folder, entry.name, false)) {
        found.push(join(folder, entry.name));
      }
    }
  };
  walk(repository.root);
  return found.sort();
}

/** Folders that hold other people's files by the thousand and never a `.dvc`. */
const skipped = new Set(['node_modules', '.venv', '.tilth', '__pycache__']);
