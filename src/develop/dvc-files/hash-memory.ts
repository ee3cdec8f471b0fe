import { hash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { stampWidth, type DataFolder } from './data-walk.ts';
import { encodePath } from './python-text.ts';
import type { Repository } from './repository.ts';

/** A file younger than this may still change within the same tick of the file system's clock. */
const settledMs = 20;

type Stamp = readonly [inode: number, size: number, modifiedAt: number];

/** What is remembered of the files of one folder. */
export interface KnownFolder {
  /** names what the folder held; undefined when anything in it changed */
  readonly digest: string | undefined;
  /** md5 of a file whose stamp is as it was, by its place in the folder's names */
  md5Of(at: number): string | undefined;
}

export interface KnownTree {
  readonly md5: string;
  /** bytes */
  readonly size: number;
  readonly nfiles: number;
}

/**
 * Remembers the md5 of files that have not changed since: same inode, size and modification time. A folder is one row,
 * so that an unchanged one of thousands of files is read at once and compared as bytes. Safe to delete.
 */
export class HashMemory {
  readonly #root: string;
  /** what paths inside of the repository begin with */
  readonly #below: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #learned = new Map<string, { modifiedAt: number; md5: string }>();
  readonly #state: string;
  #userCount = 0;

  private constructor({ root, state }: Repository) {
    this.#root = root;
    this.#below = join(root, sep);
    this.#state = state;
    this.#database = openDatabase(state);
  }

  /** One for all users in this process: two of them would wait for each other's transactions. Each has to `close` it. */
  static of(repository: Repository): HashMemory {
    const memory = opened.get(repository.state) ?? new HashMemory(repository);
    opened.set(repository.state, memory);
    memory.#userCount += 1;
    return memory;
  }

  recall(folder: DataFolder): KnownFolder {
    const { stamps, names } = folder;
    const path = this.#key(folder.path);
    const row = this.#sql('SELECT stamps, names, digest FROM folder WHERE path = ?').get(path);
    if (row === undefined) return { digest: undefined, md5Of: (at) => this.#learnedOf(folder, at) };
    const before = bytesOf(row['stamps']);
    const knownNames = bytesOf(row['names']);
    const isNamedSame = knownNames.equals(namesOf(names));
    const isSame = isNamedSame && before.equals(bytesOf(stamps));
    let md5s: string | undefined;
    const md5At = (at: number): string => {
      md5s ??= bytesOf(this.#sql('SELECT md5s FROM folder WHERE path = ?').get(path)?.['md5s']).toString(
        'hex',
      );
      return md5s.slice(at * 32, at * 32 + 32);
    };
    if (isSame) return { digest: String(row['digest']), md5Of: md5At };
    const known = new Float64Array(
      before.buffer.slice(before.byteOffset, before.byteOffset + before.byteLength),
    );
    const places = isNamedSame ? undefined : placesOf(knownNames);
    const isAt = (place: number, at: number): boolean => {
      for (let part = 0; part < stampWidth; part++)
        if (known[place * stampWidth + part] !== stamps[at * stampWidth + part]) return false;
      return true;
    };
    return {
      digest: undefined,
      md5Of: (at) => {
        const place = places === undefined ? at : places.get(nameKey(names[at] ?? ''));
        const learned = this.#learnedOf(folder, at);
        if (learned !== undefined) return learned;
        return place !== undefined && isAt(place, at) ? md5At(place) : undefined;
      },
    };
  }

  /**
   * @param walkedAt when the stamps were taken or earlier, ms since epoch
   * @returns the digest of what is remembered
   */
  keep(folder: DataFolder, md5s: readonly string[], walkedAt: number): string {
    const stamps = folder.stamps.slice();
    for (let at = 2; at < stamps.length; at += stampWidth)
      // not a number is equal to nothing: such a file is read again
      if (!isSettled(stamps[at] ?? 0, walkedAt)) stamps[at] = Number.NaN;
    const hashes = Buffer.from(md5s.join(''), 'hex');
    const names = namesOf(folder.names);
    const digest = hash('sha1', Buffer.concat([bytesOf(stamps), hashes, names]));
    this.#write(
      'INSERT OR REPLACE INTO folder (path, stamps, md5s, names, digest) VALUES (?, ?, ?, ?, ?)',
      this.#key(folder.path),
      bytesOf(stamps),
      hashes,
      names,
      digest,
    );
    return digest;
  }

  /** What a folder with all that lies below it was, when its parts are what they were then. */
  tree(path: string, parts: string): KnownTree | undefined {
    const row = this.#sql('SELECT md5, size, nfiles FROM tree WHERE path = ? AND parts = ?').get(
      this.#key(path),
      parts,
    );
    return row && { md5: String(row['md5']), size: Number(row['size']), nfiles: Number(row['nfiles']) };
  }

  keepTree(path: string, parts: string, { md5, size, nfiles }: KnownTree): void {
    this.#write(
      'INSERT OR REPLACE INTO tree (path, parts, md5, size, nfiles) VALUES (?, ?, ?, ?, ?)',
      this.#key(path),
      parts,
      md5,
      size,
      nfiles,
    );
  }

  /** Forgets folders below `path` that are no longer there. */
  forgetOthers(path: string, folders: readonly DataFolder[]): void {
    const there = new Set(folders.map((folder) => this.#key(folder.path)));
    const below = this.#key(path);
    const known = this.#sql('SELECT path FROM folder WHERE path > ? AND path < ?').all(
      `${below}/`,
      `${below}0`,
    );
    for (const row of known)
      if (!there.has(String(row['path'])))
        this.#write('DELETE FROM folder WHERE path = ?', String(row['path']));
  }

  find(path: string, stamp: Stamp): string | undefined {
    const learned = this.#learned.get(path);
    if (learned?.modifiedAt === stamp[2]) return learned.md5;
    const row = this.#sql('SELECT inode, size, modified, md5 FROM file WHERE path = ?').get(this.#key(path));
    const isSame =
      row !== undefined &&
      row['inode'] === stamp[0] &&
      row['size'] === stamp[1] &&
      row['modified'] === stamp[2];
    return isSame ? String(row['md5']) : undefined;
  }

  /** @param walkedAt when the stamp was taken or earlier, ms since epoch */
  keepFile(path: string, stamp: Stamp, md5: string, walkedAt: number): void {
    if (!isSettled(stamp[2], walkedAt)) return;
    this.#write(
      'INSERT OR REPLACE INTO file (path, inode, size, modified, md5) VALUES (?, ?, ?, ?, ?)',
      this.#key(path),
      ...stamp,
      md5,
    );
  }

  /**
   * What this process wrote itself, until the next walk writes it down.
   *
   * @param modifiedAt a time that only our own writing gave it, ms since epoch
   */
  learn(path: string, modifiedAt: number, md5: string): void {
    this.#learned.set(path, { modifiedAt, md5 });
  }

  /** True when the cache was seen to hold all of a tree, and its folders are as they were then. */
  isHeld(md5: string, cacheStamp: Uint8Array): boolean {
    return this.#sql('SELECT 1 FROM held WHERE md5 = ? AND cache = ?').get(md5, cacheStamp) !== undefined;
  }

  keepHeld(md5: string, cacheStamp: Uint8Array): void {
    this.#write('INSERT OR REPLACE INTO held (md5, cache) VALUES (?, ?)', md5, cacheStamp);
  }

  #writingSince: number | undefined;
  #canWrite = true;

  /** Writes within half a second are one transaction; an interrupted command keeps what came before. */
  #write(sql: string, ...values: (string | number | Uint8Array)[]): void {
    if (!this.#canWrite) return;
    try {
      if (this.#writingSince === undefined) {
        this.#database.exec('BEGIN IMMEDIATE');
        this.#writingSince = Date.now();
      }
      this.#sql(sql).run(...values);
      if (Date.now() - this.#writingSince > 500) this.#commit();
    } catch {
      // a full disk, or another process that holds it too long: the work itself goes on
      this.#canWrite = false;
    }
  }

  #commit(): void {
    if (this.#writingSince !== undefined) this.#database.exec('COMMIT');
    this.#writingSince = undefined;
  }

  close(): void {
    this.#userCount -= 1;
    try {
      if (this.#canWrite) this.#commit();
    } finally {
      if (this.#userCount === 0) this.#end();
    }
  }

  #end(): void {
    opened.delete(this.#state);
    this.#statements.clear();
    this.#database.close();
  }

  #learnedOf(folder: DataFolder, at: number): string | undefined {
    if (this.#learned.size === 0) return undefined;
    const learned = this.#learned.get(`${folder.path}/${folder.names[at] ?? ''}`);
    return learned?.modifiedAt === folder.stamps[at * stampWidth + 2] ? learned?.md5 : undefined;
  }

  #key(path: string): string {
    return path.startsWith(this.#below) ? path.slice(this.#below.length) : relative(this.#root, path);
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) this.#statements.set(text, (statement = this.#database.prepare(text)));
    return statement;
  }
}

/** By the folder of their state. */
const opened = new Map<string, HashMemory>();

const isSettled = (modifiedAt: number, walkedAt: number): boolean => walkedAt - modifiedAt > settledMs;

const bytesOf = (value: unknown): Buffer =>
  ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.alloc(0);

/** Names as the bytes the file system has for them, a `/` between. */
const namesOf = (names: readonly string[]): Buffer => Buffer.from(encodePath(names.join('/')));
const nameKey = (name: string): string => Buffer.from(encodePath(name)).toString('latin1');
const placesOf = (names: Buffer): Map<string, number> =>
  new Map(
    names.length === 0
      ? []
      : names
          .toString('latin1')
          .split('/')
          .map((name, at) => [name, at]),
  );

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS folder (path TEXT PRIMARY KEY, digest TEXT, names BLOB, stamps BLOB, md5s BLOB);
  CREATE TABLE IF NOT EXISTS tree (path TEXT PRIMARY KEY, parts TEXT, md5 TEXT, size INTEGER, nfiles INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, inode REAL, size REAL, modified REAL, md5 TEXT) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS held (md5 TEXT PRIMARY KEY, cache TEXT) WITHOUT ROWID;
`;

/** What is remembered only saves time: a file that can't be read begins anew, a folder that can't be written to is done without. */
function openDatabase(folder: string): DatabaseSync {
  const file = join(folder, 'hash-memory.db');
  const open = (path: string): DatabaseSync => {
    // nobody should wait long for what only saves time
    const database = new DatabaseSync(path, { timeout: 2_000 });
    try {
      database.exec(schema);
    } catch (reason) {
      database.close();
      throw reason;
    }
    return database;
  };
  try {
    mkdirSync(folder, { recursive: true });
    return open(file);
  } catch {
    try {
      for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
      return open(file);
    } catch {
      return open(':memory:');
    }
  }
}
