/** A place in which objects lie under keys such as `files/md5/ab/cdef…`, as a cache folder keeps them. */
export interface RemoteStore {
  /** for messages: the address without secrets */
  readonly place: string;
  /** how many calls at once are worth it when nobody says a number */
  readonly jobs: number;
  /** true: copies on this machine's own disk, without a connection that can break */
  readonly isLocal: boolean;
  /** @throws REMOTE_LISTING_IMPOSSIBLE where a listing does not exist */
  list(prefix: string): Promise<readonly string[]>;
  /** those of `keys` that are there */
  existing(keys: readonly string[], jobs: number): Promise<Set<string>>;
  /** Puts a file there under its key in one step: nobody ever sees half of it. */
  put(key: string, file: string): Promise<void>;
  /**
   * Brings an object to a new file.
   *
   * @param draft does not exist yet; the caller removes it when this throws
   * @returns the md5 of the bytes that were written
   * @throws REMOTE_OBJECT_MISSING
   */
  get(key: string, draft: string): Promise<string>;
  remove(keys: readonly string[]): Promise<void>;
  /** The file at a key, or all that lie below it; `''` is the place itself. None when nothing is there. */
  find(key: string): Promise<readonly FoundObject[]>;
  close(): Promise<void>;
}

export interface FoundObject {
  readonly key: string;
  /** bytes; undefined where the server does not say */
  readonly size: number | undefined;
  /** by which a later look sees that it changed, under the name that dvc writes it; none where only its content tells */
  readonly mark: { readonly name: 'etag' | 'checksum'; readonly value: string } | undefined;
}

/** Where an object of DVC 3 lies in a cache or remote. */
export const objectKey = (md5: string): string => `files/md5/${md5.slice(0, 2)}/${md5.slice(2)}`;

/** Where an object of DVC 2 lies, whose hash was taken with `md5-dos2unix`. */
export const oldObjectKey = (md5: string): string => `${md5.slice(0, 2)}/${md5.slice(2)}`;

/** A listing costs one call for 1,000 names, a question one call for one: from here on listing is cheaper. */
export const listingPays = (asked: number): boolean => asked > 256;

/** The 256 folders of objects that hold `keys`, each with the keys it may hold. */
export function keysByFolder(keys: readonly string[]): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const key of keys) {
    const folder = key.slice(0, key.lastIndexOf('/'));
    const known = folders.get(folder);
    if (known === undefined) folders.set(folder, [key]);
    else known.push(key);
  }
  return folders;
}
