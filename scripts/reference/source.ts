import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAst } from 'vite';

/** Root of the repository. */
export const root = join(import.meta.dirname, '..', '..');

/** A node of the syntax tree (ESTree with TypeScript), read loosely: pages must survive syntax that they don't know. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Source {
  /** path below the root, with slashes */
  readonly path: string;
  readonly text: string;
  readonly tree: Node;
}

/** The program's own files, without tests, in the order of their paths. */
export function readSources(pattern = 'src/**/*.ts'): Source[] {
  return globSync(pattern, { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !path.endsWith('.test.ts') && !/\/test-[\w-]+\.ts$/.test(path))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, tree: parseAst(text, { lang: 'ts' }, path) as unknown as Node };
    });
}

export const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string';

/** Every node below one, parents first. */
export function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) if (isNode(child)) yield* nodesOf(child);
  }
}

export const nodeAt = (node: Node, key: string): Node | undefined => {
  const value = node[key];
  return isNode(value) ? value : undefined;
};

export const listAt = (node: Node, key: string): Node[] => {
  const value = node[key];
  return Array.isArray(value) ? (value as unknown[]).filter(isNode) : [];
};

export const nameOf = (node: Node | undefined): string | undefined =>
  node?.type === 'Identifier' ? (node['name'] as string) : node?.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined;

/** The text of a literal; undefined for anything else. */
export const literalOf = (node: Node | undefined): string | number | undefined => {
  const value = node?.type === 'Literal' ? node['value'] : undefined;
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
};

/** The doc comment that ends right before a position, as one line. */
export function commentBefore(text: string, position: number): string {
  const found = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export\s+)?$/.exec(text.slice(0, position));
  return (found?.[1] ?? '').replaceAll(/\n\s*\*/g, ' ').replaceAll(/\s+/g, ' ').trim();
}

/** The file that a relative import names. */
export const importedPath = (from: string, specifier: string): string => join(dirname(from), specifier).replaceAll('\\', '/');
