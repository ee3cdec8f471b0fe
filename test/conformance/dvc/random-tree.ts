import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { seededRandom } from '../../journeys/processes.ts';

/** A file of a tree: its path below the tree's folder, as the bytes that the disk keeps. */
interface Leaf {
  readonly path: Buffer;
  readonly content: Buffer | { readonly linkTo: Buffer };
}

/** The same tree, and the same changes to it, as often as they are asked for. */
export interface RandomTree {
  readonly write: (folder: string) => void;
  readonly change: (folder: string) => void;
}

const words = ['a', 'b', 'data', 'Z', 'é', '10', '9', '_', 'x y', '.hidden', 'README'];
const hardNames: readonly string[] = [
  'it\'s', 'say "hi"', 'back\\slash', 'new\nline', 'tab\there', '\uFF5E', '\u{1F600}', '\u00E9clair', 'e\u0301clair',
  'a.txt', 'a-b', 'a', '#hash', '!bang', '*star', '[set]', '{x}',
  '$HOME', '%41', '~', '- x', ': ', ' lead', 'trail ', '\u007f', '\u0001', 'a"q\\.t', 'CON', 'x'.repeat(200), 'ß', '\u2028', '\uFEFF',
  'name.dvc.txt', 'dvc.yaml.bak', 'a,b;c', '|', '&', '=', '@', '`', '^',
]; // prettier-ignore

/** Names that are not UTF-8 are left out: dvc gives up on them (see deviations.test.ts). */
export function randomTree(seed: number): RandomTree {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;

  const contents = Array.from({ length: 6 }, () => bytes(below(400)));
  contents.push(Buffer.alloc(0), Buffer.from('two\r\nlines\r\n'), bytes(70_000));
  const leaves = new Map<string, Leaf>();
  const folders: Buffer[] = [Buffer.alloc(0)];

  const used = new Set<string>();
  const wanted = 8 + below(40);
  while (leaves.size < wanted) {
    if (random() < 0.2) folders.push(newPath(pick(folders)));
    else {
      const path = newPath(pick(folders));
      leaves.set(path.toString('latin1'), { path, content: pick(contents) });
    }
  }
  // a file beside a folder whose name begins alike: the order of a tree is that of whole paths
  addLeaf('order/a.txt', bytes(3));
  addLeaf('order/a/x', bytes(3));
  addLeaf('order/a-b', bytes(3));
  addLeaf('order/\uFF5E', bytes(3));
  addLeaf('order/\u{1F600}', bytes(3));
  const files = [...leaves.values()];
  const depth = Buffer.from(`deep/${'d/'.repeat(15)}end`);
  leaves.set(depth.toString('latin1'), { path: depth, content: pick(contents) });
  const target = pick(files).path;
  addLeaf('link', { linkTo: target });

  const changes = files.flatMap((leaf): ((folder: string) => void)[] => {
    const at = (folder: string): Buffer => full(folder, leaf.path);
    const kind = random();
    if (leaf.path.equals(target)) return [];
    if (kind < 0.1) return [(folder) => rmSync(at(folder))];
    if (kind < 0.2) {
      const content = bytes(below(300));
      return [(folder) => writeFileSync(at(folder), content)];
    }
    if (kind < 0.25) {
      const name = Buffer.concat([leaf.path, Buffer.from('.moved')]);
      return [(folder) => renameSync(at(folder), full(folder, name))];
    }
    return [];
  });
  const added = bytes(20);
  changes.push((folder) => writeFileSync(full(folder, Buffer.from('added one')), added));

  return {
    write: (folder) => {
      for (const { path, content } of leaves.values()) {
        const at = full(folder, path);
        mkdirSync(at.subarray(0, at.lastIndexOf('/')), { recursive: true });
        if (Buffer.isBuffer(content)) writeFileSync(at, content);
        else symlinkSync(content.linkTo, at);
      }
      // dvc does not know of a folder without files
      mkdirSync(full(folder, Buffer.from('empty/inside')), { recursive: true });
    },
    change: (folder) => {
      for (const change of changes) change(folder);
    },
  };

  function bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => below(256)));
  }

  function newPath(folder: Buffer): Buffer {
    for (;;) {
      const name = Buffer.from(random() < 0.5 ? pick(hardNames) : `${pick(words)}${below(100)}`);
      const path = folder.length === 0 ? name : Buffer.concat([folder, Buffer.from('/'), name]);
      const key = path.toString('latin1');
      if (used.has(key)) continue;
      used.add(key);
      return path;
    }
  }

  function addLeaf(path: string, content: Leaf['content']): void {
    const at = Buffer.from(path);
    leaves.set(at.toString('latin1'), { path: at, content });
  }
}

const full = (folder: string, path: Buffer): Buffer => Buffer.concat([Buffer.from(`${folder}/`), path]);
