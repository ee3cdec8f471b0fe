import { addressFrom } from './pipeline-text.ts';
import { relative } from 'node:path';
import type { RecordedStage } from '../dvc-files/stored.ts';
import type { Graph } from './graph.ts';

export interface Edge {
  readonly from: string;
  readonly to: string;
}

/** A graph as it is drawn: names, and who needs whom. */
export interface Drawing {
  readonly names: readonly string[];
  readonly edges: readonly Edge[];
}

/** Stages and `.dvc` files by their addresses. */
export function stagesDrawing(
  { stages, needs }: Graph,
  chosen: ReadonlySet<RecordedStage>,
  folder: string,
): Drawing {
  const inside = stages.filter((stage) => chosen.has(stage));
  const name = (stage: RecordedStage): string => addressFrom(stage, folder);
  return {
    names: inside.map(name),
    edges: inside.flatMap((stage) =>
      (needs.get(stage) ?? [])
        .filter((needed) => chosen.has(needed))
        .map((needed) => ({ from: name(needed), to: name(stage) })),
    ),
  };
}

/** Outputs by their paths: each leads to all outputs of the stages that read it. */
export function outsDrawing(
  { stages, needs }: Graph,
  chosen: ReadonlySet<RecordedStage>,
  folder: string,
): Drawing {
  const inside = stages.filter((stage) => chosen.has(stage));
  const outs = (stage: RecordedStage): string[] => stage.outs.map(({ path }) => relative(folder, path));
  return {
    names: inside.flatMap(outs),
    edges: inside.flatMap((stage) =>
      (needs.get(stage) ?? [])
        .filter((needed) => chosen.has(needed))
        .flatMap((needed) => outs(needed).flatMap((from) => outs(stage).map((to) => ({ from, to })))),
    ),
  };
}

/** Graphviz, as `dvc dag --dot` prints it: `"prepare" -> "train";`. */
export function toDot({ names, edges }: Drawing): string {
  const lines = [
    ...names.map((name) => `"${name}";`),
    ...edges.map(({ from, to }) => `"${from}" -> "${to}";`),
  ];
  return ['strict digraph {', ...lines, '}'].join('\n');
}

/** Mermaid, for Markdown pages. */
export function toMermaid({ names, edges }: Drawing): string {
  const ids = new Map(names.map((name, at) => [name, `node${at + 1}`]));
  return [
    'flowchart TD',
    ...names.map((name) => `\t${ids.get(name) ?? ''}["${name.replaceAll('"', '#quot;')}"]`),
    ...edges.map(({ from, to }) => `\t${ids.get(from) ?? ''}-->${ids.get(to) ?? ''}`),
  ].join('\n');
}
