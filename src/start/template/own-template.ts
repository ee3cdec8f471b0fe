import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { userHome } from '../../platform/home.ts';
import { packagePath, version } from '../../platform/package-root.ts';

/** A template that ships with this package, as a commit of git that is the same on every machine. */
export interface OwnTemplate {
  readonly folder: string;
  /** follows from the files and the version of the package alone */
  readonly commit: string;
  /** bare git repository in the user's data folder with every version that was used here */
  readonly repository: string;
  /** writes that commit to the repository, if it isn't there */
  keep(): void;
}

interface GitObject {
  readonly oid: string;
  readonly kind: 'blob' | 'tree' | 'commit';
  readonly content: Buffer;
}

/** The folder that holds the repositories of our templates. */
export const ownRepositories = (): string => join(userHome(), 'templates');

/** `ml-project` of `tilth:ml-project`. The files are read once; nothing is written before `keep`. */
export function openOwnTemplate(name: string, folder = packagePath('templates', name), release = version): OwnTemplate {
  const objects: GitObject[] = [];
  const tree = treeOf(folder, objects);
  const signed = 'tilth <tilth@localhost> 1000000000 +0000';
  const text = `tree ${tree}\nauthor ${signed}\ncommitter ${signed}\n\n${name} ${release}\n`;
  const commit = made('commit', Buffer.from(text));
  objects.push(commit);
  const repository = join(ownRepositories(), `${name}.git`);
  return {
    folder,
    commit: commit.oid,
    repository,
    keep: () => {
      const tag = join(repository, 'refs', 'tags', `${name}-${release}-${commit.oid.slice(0, 9)}`);
      if (!existsSync(tag)) {
        writeWhole(join(repository, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
        for (const object of objects) writeObject(repository, object);
        // what has a name is cloned, and stays; the versions have no order among themselves
        writeWhole(tag, `${commit.oid}\n`);
        writeWhole(join(repository, 'HEAD'), 'ref: refs/heads/main\n');
      }
      const main = join(repository, 'refs', 'heads', 'main');
      if (!existsSync(main) || readFileSync(main, 'utf8').trim() !== commit.oid) writeWhole(main, `${commit.oid}\n`);
    },
  };
}

function treeOf(folder: string, objects: GitObject[]): string {
  const entries = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return { name: entry.name, mode: '40000', oid: treeOf(path, objects), key: `${entry.name}/` };
    const isLink = entry.isSymbolicLink();
    const blob = made('blob', isLink ? Buffer.from(readlinkSync(path)) : readFileSync(path));
    objects.push(blob);
    const mode = isLink ? '120000' : (statSync(path).mode & 0o100) === 0 ? '100644' : '100755';
    return { name: entry.name, mode, oid: blob.oid, key: entry.name };
  });
  // git orders by bytes, a folder as if its name ended in a slash
  entries.sort((one, other) => Buffer.compare(Buffer.from(one.key), Buffer.from(other.key)));
  const lines = entries.flatMap(({ name, mode, oid }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')]);
  const tree = made('tree', Buffer.concat(lines));
  objects.push(tree);
  return tree.oid;
}

function made(kind: GitObject['kind'], content: Buffer): GitObject {
  const oid = createHash('sha1').update(`${kind} ${content.length}\0`).update(content).digest('hex');
  return { oid, kind, content };
}

function writeObject(repository: string, { oid, kind, content }: GitObject): void {
  const file = join(repository, 'objects', oid.slice(0, 2), oid.slice(2));
  if (existsSync(file)) return;
  // loaded here: a start that keeps nothing has no use for it
  const { deflateSync } = process.getBuiltinModule('node:zlib');
  writeWhole(file, deflateSync(Buffer.concat([Buffer.from(`${kind} ${content.length}\0`), content])));
}

/** Several processes may write the same at the same time. */
function writeWhole(file: string, content: string | Buffer): void {
  mkdirSync(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}`;
  try {
    writeFileSync(beside, content);
    renameSync(beside, file);
  } catch (thrown) {
    rmSync(beside, { force: true });
    throw thrown;
  }
}
