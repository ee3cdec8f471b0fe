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

/** Mermaid, for Markdown pages: one group of connected stages after the other, each in the order of names, as dvc prints it. */
export function toMermaid(drawing: Drawing): string {
  const lines = ['flowchart TD'];
  let count = 0;
  for (const { names, edges } of connectedParts(drawing)) {
    const ids = new Map(names.toSorted(byText).map((name) => [name, `node${(count += 1)}`]));
    for (const [name, id] of ids) lines.push(`\t${id}["${name.replaceAll('"', '#quot;')}"]`);
    const ordered = edges.toSorted((a, b) => byText(a.from, b.from) || byText(a.to, b.to));
    for (const { from, to } of ordered) lines.push(`\t${ids.get(from) ?? ''}-->${ids.get(to) ?? ''}`);
  }
  return lines.join('\n');
}

const byText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function connectedParts({ names, edges }: Drawing): Drawing[] {
  const neighbours = new Map<string, string[]>(names.map((name) => [name, []]));
  for (const { from, to } of edges) {
    neighbours.get(from)?.push(to);
    neighbours.get(to)?.push(from);
  }
  const seen = new Set<string>();
  return names.flatMap((first) => {
    if (seen.has(first)) return [];
    seen.add(first);
    const part = [first];
    for (const name of part)
      for (const next of neighbours.get(name) ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        part.push(next);
      }
    const inside = new Set(part);
    return [{ names: part, edges: edges.filter(({ from }) => inside.has(from)) }];
  });
}
