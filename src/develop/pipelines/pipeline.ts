import { stagePath, type Stage } from '../dvc-files/stage.ts';

/** Stages and who needs whom. */
export interface Graph {
  /** in an order in which each stage comes after all that it needs; otherwise in the order of the file */
  readonly stages: readonly Stage[];
  /** stage → the stages whose outputs it depends on, in the order of the file */
  readonly needs: ReadonlyMap<string, readonly string[]>;
}

/** The graph, or the stages of a circle, in its order. */
export function graphOf(stages: readonly Stage[]): Graph | { readonly circle: readonly string[] } {
  const needs = new Map(stages.map((stage) => [stage.name, makersOf(stage, stages)]));
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  const ordered: Stage[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  let circle: readonly string[] | undefined;
  const visit = (name: string): void => {
    if (done.has(name) || circle !== undefined) return;
    if (path.includes(name)) {
      circle = [...path.slice(path.indexOf(name)), name];
      return;
    }
    path.push(name);
    for (const needed of needs.get(name) ?? []) visit(needed);
    path.pop();
    done.add(name);
    const stage = byName.get(name);
    if (stage !== undefined) ordered.push(stage);
  };
  for (const { name } of stages) visit(name);
  return circle === undefined ? { stages: ordered, needs } : { circle };
}

function makersOf(stage: Stage, stages: readonly Stage[]): string[] {
  const deps = stage.deps.map((dep) => stagePath(stage, dep));
  return stages
    .filter((other) => other.name !== stage.name)
    .filter((other) => other.outs.some((out) => deps.some((dep) => overlap(stagePath(other, out.path), dep))))
    .map((other) => other.name);
}

/** Whether one path is the other or lies in it. */
export const overlap = (one: string, other: string): boolean =>
  one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);

/** `wanted` and everything it needs, in running order; a group name `train` stands for all `train@…`. */
export function withNeeds(graph: Graph, wanted: readonly string[]): Stage[] {
  const chosen = new Set<string>();
  const add = (name: string): void => {
    if (chosen.has(name)) return;
    chosen.add(name);
    for (const needed of graph.needs.get(name) ?? []) add(needed);
  };
  for (const name of wanted) add(name);
  return graph.stages.filter((stage) => chosen.has(stage.name));
}

/** Stages that a word on the command line means. */
export const stagesNamed = (graph: Graph, word: string): string[] =>
  graph.stages.map(({ name }) => name).filter((name) => name === word || name.startsWith(`${word}@`));

/** Graphviz, as `dvc dag --dot` prints it: `"prepare" -> "train";`. */
export function toDot(edges: readonly Edge[], names: readonly string[]): string {
  const lines = [...names.map((name) => `"${name}";`), ...edges.map(({ from, to }) => `"${from}" -> "${to}";`)];
  return ['strict digraph {', ...lines, '}'].join('\n');
}

/** Mermaid, for Markdown pages. */
export function toMermaid(edges: readonly Edge[], names: readonly string[]): string {
  const ids = new Map(names.map((name, at) => [name, `node${at + 1}`]));
  return [
    'flowchart TD',
    ...names.map((name) => `\t${ids.get(name) ?? ''}["${name.replaceAll('"', '#quot;')}"]`),
    ...edges.map(({ from, to }) => `\t${ids.get(from) ?? ''}-->${ids.get(to) ?? ''}`),
  ].join('\n');
}

export interface Edge {
  readonly from: string;
  readonly to: string;
}

/** The lines of a command: a list as it is, a text of several lines one by one. */
export const commandLines = (cmd: string | readonly string[]): readonly string[] =>
  typeof cmd === 'string' ? cmd.split(/\r?\n/).filter((line) => line.trim() !== '') : cmd;
