import { createReadStream, existsSync, globSync, statSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, matchesGlob, resolve } from 'node:path';
import type { BlobStore, LocalFile } from '../../platform/blobs/blobs.ts';
import { writeCounted } from '../../platform/durable-files.ts';
import { inputEmpty } from './batch-errors.ts';

export type Format = 'parquet' | 'csv';

/** A file of rows to score. */
export interface InputFile {
  /** as people know it; also what parts say their rows came from */
  readonly name: string;
  readonly format: Format;
  readonly byteCount: number;
  /** another one when the content is another */
  readonly stamp: string;
  /** On this machine, for as long as it is not released. */
  readonly open: () => Promise<LocalFile>;
}

/** Where parts go; each is whole or not there. */
export interface OutputPlace {
  readonly name: string;
  list(): Promise<string[]>;
  read(name: string): Promise<string | undefined>;
  /** a file on this machine, which is gone afterwards */
  move(path: string, name: string): Promise<void>;
  write(name: string, text: string): Promise<void>;
  /** a folder on this machine for what is being written */
  readonly scratch: string;
}

const formatOf = (name: string): Format | undefined =>
  /\.(parquet|pq)$/i.test(name) ? 'parquet' : /\.(csv|tsv)(\.gz)?$/i.test(name) ? 'csv' : undefined;

const isS3 = (text: string): boolean => text.startsWith('s3://');

/**
 * The files of an input, by name: one file, a folder (with what lies below it), a pattern, or a place in S3.
 *
 * @throws BATCH_INPUT_EMPTY
 */
export async function listInput(input: string): Promise<InputFile[]> {
  const files = isS3(input) ? await listS3(input) : listLocal(input);
  if (files.length === 0) throw inputEmpty(input);
  return files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function listLocal(input: string): InputFile[] {
  const isFolder = existsSync(input) && statSync(input).isDirectory();
  const paths =
    existsSync(input) && !isFolder ? [input] : globSync(isFolder ? join(input, '**', '*') : input);
  return paths.flatMap((path): InputFile[] => {
    const format = formatOf(path);
    const facts = statSync(path);
    if (format === undefined || !facts.isFile()) return [];
    const { size, mtimeMs } = facts;
    const opened = async (): Promise<LocalFile> => ({ path: resolve(path), release: () => undefined });
    return [{ name: path, format, byteCount: size, stamp: `${size}-${mtimeMs}`, open: opened }];
  });
}

async function listS3(input: string): Promise<InputFile[]> {
  const [address, query = ''] = splitOnce(input, '?');
  const segments = address.split('/');
  const patternAt = segments.findIndex((segment) => /[*?[{]/.test(segment));
  const base = patternAt === -1 ? segments : segments.slice(0, patternAt);
  const pattern = patternAt === -1 ? undefined : segments.slice(patternAt).join('/');
  const isFile = pattern === undefined && formatOf(basename(address)) !== undefined;
  const root = (isFile ? base.slice(0, -1) : base).join('/');
  const blobs = await bucket(query === '' ? root : `${root}?${query}`);
  const names = isFile ? [basename(address)] : await keysBelow(blobs, '');
  const wanted = names.filter(
    (name) => formatOf(name) !== undefined && (pattern === undefined || matchesGlob(name, pattern)),
  );
  const files: InputFile[] = [];
  for (const name of wanted) {
    const facts = await blobs.facts(name);
    const format = formatOf(name);
    if (facts === undefined || format === undefined) continue;
    files.push({
      name: `${root}/${name}`,
      format,
      byteCount: facts.byteCount,
      stamp: facts.etag,
      open: () => blobs.localFile(name),
    });
  }
  return files;
}

async function keysBelow(blobs: BlobStore, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const { name, isFolder } of await blobs.list(folder)) {
    const key = folder === '' ? name : `${folder}/${name}`;
    if (isFolder) found.push(...(await keysBelow(blobs, key)));
    else found.push(key);
  }
  return found;
}

async function bucket(url: string): Promise<BlobStore> {
  // only here: the client of S3 takes a while to load
  const [{ parseS3Place }, { s3Blobs }] = await Promise.all([
    import('../../platform/blobs/s3-place.ts'),
    import('../../platform/blobs/s3-blobs.ts'),
  ]);
  return s3Blobs(parseS3Place(url), join(tmpdir(), 'tilth-batch-cache'));
}

/** A folder here, made where it is missing, or a place in S3. */
export async function openOutput(output: string): Promise<OutputPlace> {
  return isS3(output) ? s3Output(output) : folderOutput(resolve(output));
}

async function folderOutput(folder: string): Promise<OutputPlace> {
  const scratch = join(folder, '.writing');
  await mkdir(scratch, { recursive: true });
  return {
    name: folder,
    scratch,
    list: async () => (await readdir(folder)).toSorted(),
    read: async (name) => readFile(join(folder, name), 'utf8').catch(() => undefined),
    async write(name, text) {
      const temporary = join(scratch, name);
      await writeCounted(temporary, Buffer.from(text));
      await rename(temporary, join(folder, name));
    },
    async move(path, name) {
      const file = await open(path, 'r');
      await file.sync();
      await file.close();
      await rename(path, join(folder, name));
    },
  };
}

async function s3Output(output: string): Promise<OutputPlace> {
  const blobs = await bucket(output);
  const scratch = join(tmpdir(), `tilth-batch-${process.pid}`);
  await mkdir(scratch, { recursive: true });
  return {
    name: output,
    scratch,
    list: async () => (await blobs.list('')).filter((entry) => !entry.isFolder).map((entry) => entry.name),
    async read(name) {
      if ((await blobs.size(name)) === undefined) return undefined;
      const { stream } = await blobs.get(name);
      return Buffer.concat(await stream.toArray()).toString('utf8');
    },
    write: async (name, text) => void (await blobs.put(name, Buffer.from(text))),
    async move(path, name) {
      await blobs.put(name, createReadStream(path));
      await rm(path, { force: true });
    },
  };
}

function splitOnce(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
