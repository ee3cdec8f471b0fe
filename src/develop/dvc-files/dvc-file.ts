import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileUnreadable } from './dvc-errors.ts';
import type { Content } from './content.ts';
import { editYaml } from './yaml-edit.ts';
import { readYamlMap } from './yaml-read.ts';
import {
  isList,
  isMap,
  textOf,
  yamlMap,
  type YamlMap,
  type YamlScalar,
  type YamlValue,
} from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

/** How a hash was taken: DVC 2 read CRLF in text files as LF, DVC 3 takes the bytes as they are. */
export type HashName = 'md5' | 'md5-dos2unix';

/** What a `.dvc` file says about one path that it tracks. */
export interface DvcOut {
  /** absolute; a URL stays one */
  readonly path: string;
  readonly md5: string | undefined;
  readonly size: number | undefined;
  readonly nfiles: number | undefined;
  readonly hashName: HashName;
  /** all keys as written */
  readonly fields: YamlMap;
}

/** What an imported out comes from. */
export interface DvcDep {
  /** absolute, a URL, or a path in the other repository */
  readonly path: string;
  readonly md5: string | undefined;
  readonly hashName: HashName;
  /** the git repository it was imported from */
  readonly repo:
    | { readonly url: string; readonly rev: string | undefined; readonly revLock: string | undefined }
    | undefined;
  /** all keys as written */
  readonly fields: YamlMap;
}

export interface DvcFile {
  /** absolute */
  readonly file: string;
  /** absolute; paths of outs and deps are relative to it */
  readonly folder: string;
  readonly outs: readonly DvcOut[];
  readonly deps: readonly DvcDep[];
  readonly cmd: string | undefined;
  readonly isFrozen: boolean;
  readonly isAlwaysChanged: boolean;
  /** everything as written */
  readonly fields: YamlMap;
}

/**
 * Reads a `.dvc` file.
 *
 * @throws DVC_FILE_UNREADABLE
 */
export const readDvcFile = (file: string): DvcFile => parseDvcFile(readFileSync(file, 'utf8'), file);

/**
 * @param file absolute
 * @throws DVC_FILE_UNREADABLE
 */
export function parseDvcFile(text: string, file: string): DvcFile {
  const fields = plainFields(text) ?? readYamlMap(text, file);
  const folder = resolve(dirname(file), textOf(fields.get('wdir')) ?? '.');
  return {
    file,
    folder,
    outs: mapsOf(fields.get('outs'), file, 'outs').map((out) => ({
      ...hashOf(out, file),
      path: pathOf(out, folder, file),
      fields: out,
    })),
    deps: mapsOf(fields.get('deps'), file, 'deps').map((dep) => depOf(dep, folder, file)),
    cmd: textOf(fields.get('cmd')),
    isFrozen: fields.get('frozen') === true || fields.get('locked') === true,
    isAlwaysChanged: fields.get('always_changed') === true,
    fields,
  };
}

const plainFile =
  /^outs:\n- md5: ([0-9a-f]{32}(?:\.dir)?)\n  size: (\d+)\n(?:  nfiles: (\d+)\n)?  hash: md5\n  path: ([A-Za-z_][\w/.-]*)\n$/;

/** The form in which nearly all `.dvc` files are written, without a YAML parser: repositories hold thousands of them. */
function plainFields(text: string): YamlMap | undefined {
  const [, md5 = '', size = '', nfiles, path = ''] = plainFile.exec(text) ?? [];
  // digits alone, or digits around one e, would be a number; so would the words below be no strings
  if (path === '' || /^[\d]+(?:e\d+)?(?:\.dir)?$/.test(md5) || /^(?:null|true|false)$/i.test(path))
    return undefined;
  const content = { md5, size: Number(size), ...(nfiles === undefined ? {} : { nfiles: Number(nfiles) }) };
  return yamlMap({ outs: [yamlMap({ ...contentFields(content), path })] });
}

function mapsOf(value: YamlValue | undefined, file: string, key: string): readonly YamlMap[] {
  if (value === undefined || value === null) return [];
  if (!isList(value) || !value.every((one) => isMap(one)))
    throw fileUnreadable(file, `its ${key} should be a list of maps`);
  return value;
}

function pathOf(fields: YamlMap, folder: string, file: string): string {
  const path = fields.get('path');
  if (typeof path !== 'string') throw fileUnreadable(file, 'it names no path');
  return isUrl(path) ? path : resolve(folder, path);
}

export const isUrl = (path: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(path);

function depOf(fields: YamlMap, folder: string, file: string): DvcDep {
  const repo = fields.get('repo');
  const hash = hashOf(fields, file);
  if (!isMap(repo)) return { ...hash, path: pathOf(fields, folder, file), repo: undefined, fields };
  const path = textOf(fields.get('path')) ?? '.';
  const origin = {
    url: textOf(repo.get('url')) ?? '',
    rev: textOf(repo.get('rev')),
    revLock: textOf(repo.get('rev_lock')),
  };
  return { ...hash, path, repo: origin, fields };
}

function hashOf(fields: YamlMap, file: string): Pick<DvcOut, 'md5' | 'size' | 'nfiles' | 'hashName'> {
  const md5 = textOf(fields.get('md5'));
  // it becomes part of a path in the cache
  if (md5 !== undefined && !/^[0-9a-f]{32}(?:\.dir)?$/.test(md5)) throw fileUnreadable(file, `${md5} is no md5`);
  return { md5, size: countOf(fields.get('size')), nfiles: countOf(fields.get('nfiles')), hashName: hashNameOf(fields) };
}

/** DVC 3 says `hash: md5`; a hash without it was taken by DVC 2. */
export const hashNameOf = (fields: YamlMap): HashName =>
  fields.has('md5') && fields.get('hash') !== 'md5' ? 'md5-dos2unix' : 'md5';

const countOf = (value: YamlValue | undefined): number | undefined =>
  typeof value === 'bigint' ? Number(value) : undefined;

/** Content whose size nobody counted: dvc leaves it out when only a part of a folder was looked at. */
export type SizedContent = Omit<Content, 'size'> & { readonly size?: number | undefined };

/** The keys that tell the content of an out or a dep, in dvc's order. */
export const contentFields = (content: SizedContent): Record<string, YamlValue | undefined> => ({
  md5: content.md5,
  size: content.size === undefined ? undefined : BigInt(content.size),
  nfiles: content.nfiles === undefined ? undefined : BigInt(content.nfiles),
  isexec: content.isExec,
  hash: 'md5',
});

const contentKeys = new Set<YamlScalar>(['md5', 'size', 'nfiles', 'hash', 'etag', 'checksum', 'isexec']);

/** The same out or dep with other content; all its other keys stay. */
export const withContent = (fields: YamlMap, content: SizedContent): YamlMap =>
  new Map([...yamlMap(contentFields(content)), ...[...fields].filter(([key]) => !contentKeys.has(key))]);

/**
 * Writes `PATH.dvc`, or the content of `PATH` into the `.dvc` file that tracks it; keys, order and comments that a
 * person added are kept.
 *
 * @returns the `.dvc` file
 */
export function writeDvcFile(path: string, content: SizedContent, file = `${path}.dvc`): string {
  const before = existsSync(file) ? readDvcFile(file) : undefined;
  const at = before?.outs.findIndex((out) => out.path === path) ?? -1;
  const isNew = before === undefined || at === -1;
  const outs = isNew
    ? [yamlMap({ ...contentFields(content), path: relative(dirname(file), path).split(sep).join('/') })]
    : before.outs.map(({ fields }, index) => (index === at ? withContent(fields, content) : fields));
  saveDvcFile(file, isNew ? yamlMap({ outs }) : new Map([...before.fields, ['outs', outs]]));
  return file;
}

/** Writes a `.dvc` file that holds `fields`; what an existing one says the same keeps its place and its comments. */
export function saveDvcFile(file: string, fields: YamlMap): void {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const text = before === undefined ? writeYaml(fields) : editYaml(before, file, fields);
  if (text !== before) replaceFile(file, text);
}

/** A reader sees the old text or the new one, never half of it. */
export function replaceFile(file: string, text: string): void {
  const draft = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
  writeFileSync(draft, text);
  renameSync(draft, file);
}
