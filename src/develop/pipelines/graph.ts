import { relative } from 'node:path';
import { depsOf, isWithin } from '../dvc-files/targets.ts';
import type { Index, Recorded, RecordedStage } from '../dvc-files/stored.ts';
import { circularStages, outputsOverlap } from './pipeline-errors.ts';

/** Who needs whom: stages and `.dvc` files, in the order of their files. */
export interface Graph {
  readonly stages: readonly RecordedStage[];
  /** stage → those whose outputs it depends on, in the order of its dependencies */
  readonly needs: ReadonlyMap<RecordedStage, readonly RecordedStage[]>;
}

/**
 * The graph of all that a repository records.
 *
 * @throws PIPELINE_CIRCULAR, PIPELINE_OUTPUTS_OVERLAP
 */
export function graphOf(index: Index): Graph {
  const makers = new OutputPaths(index);
  const needs = new Map(
    index.stages.map((stage) => [stage, [...new Set(depsOf(stage).flatMap((dep) => makers.touching(dep)))]]),
  );
  const graph = { stages: index.stages, needs };
  const circle = circleIn(graph);
  if (circle !== undefined) throw circularStages(circle.map(({ address }) => address));
  return graph;
}

/** Outputs by path, so that a thousand stages are not compared with each other. */
class OutputPaths {
  readonly #byPath = new Map<string, RecordedStage>();
  readonly #sorted: readonly string[];

  constructor(index: Index) {
    for (const stage of index.stages) for (const out of stage.outs) this.#add(index, stage, out);
    this.#sorted = [...this.#byPath.keys()].sort();
    for (const [at, path] of this.#sorted.entries()) {
      const inside = this.#sorted[at + 1];
      if (inside !== undefined && isWithin(inside, path)) throw this.#overlap(index, path, inside);
    }
  }

  #add(index: Index, stage: RecordedStage, out: Recorded): void {
    const before = this.#byPath.get(out.path);
    if (before !== undefined)
      throw outputsOverlap(shown(index, out.path), shown(index, out.path), [before.address, stage.address]);
    this.#byPath.set(out.path, stage);
  }

  #overlap(index: Index, path: string, inside: string): Error {
    const makers = [path, inside].map((one) => this.#byPath.get(one)?.address ?? '');
    return outputsOverlap(shown(index, path), shown(index, inside), makers);
  }

  /** Stages whose output is `path`, holds it or lies in it. */
  touching(path: string): RecordedStage[] {
    const found: RecordedStage[] = [];
    for (let above = path; above !== ''; above = above.slice(0, Math.max(0, above.lastIndexOf('/')))) {
      const maker = this.#byPath.get(above);
      if (maker !== undefined) found.push(maker);
    }
    for (let at = this.#firstBelow(path); at < this.#sorted.length; at++) {
      const below = this.#sorted[at] ?? '';
      if (!below.startsWith(`${path}/`)) break;
      const maker = this.#byPath.get(below);
      if (maker !== undefined) found.push(maker);
    }
    return found;
  }

  #firstBelow(path: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? '') < `${path}/`) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const shown = (index: Index, path: string): string => relative(index.repository.root, path);

/** Stages of a circle, the first one again at its end. */
function circleIn({ stages, needs }: Graph): RecordedStage[] | undefined {
  const done = new Set<RecordedStage>();
  const path: RecordedStage[] = [];
  const visit = (stage: RecordedStage): RecordedStage[] | undefined => {
    if (done.has(stage)) return undefined;
    if (path.includes(stage)) return [...path.slice(path.indexOf(stage)), stage];
    path.push(stage);
    for (const needed of needs.get(stage) ?? []) {
      const circle = visit(needed);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(stage);
    return undefined;
  };
  for (const stage of stages) {
    const circle = visit(stage);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** A frozen stage waits for nobody: what it needs is not looked at. */
export const withoutFrozen = ({ stages, needs }: Graph): Graph => ({
  stages,
  needs: new Map([...needs].map(([stage, needed]) => [stage, stage.isFrozen ? [] : needed])),
});

/** Stage → those that depend on it. */
export function usersOf({ stages, needs }: Graph): ReadonlyMap<RecordedStage, readonly RecordedStage[]> {
  const users = new Map<RecordedStage, RecordedStage[]>(stages.map((stage) => [stage, []]));
  for (const stage of stages) for (const needed of needs.get(stage) ?? []) users.get(needed)?.push(stage);
  return users;
}

/** `chosen` and all that can be reached from it along `next`. */
export function reached(
  chosen: Iterable<RecordedStage>,
  next: ReadonlyMap<RecordedStage, readonly RecordedStage[]>,
): Set<RecordedStage> {
  const found = new Set<RecordedStage>();
  const open = [...chosen];
  for (let stage = open.pop(); stage !== undefined; stage = open.pop()) {
    if (found.has(stage)) continue;
    found.add(stage);
    open.push(...(next.get(stage) ?? []));
  }
  return found;
}

/** Stages in dvc's running order: each after all that it needs, otherwise in the order of the files. */
export function inOrder({ stages, needs }: Graph, chosen: ReadonlySet<RecordedStage>): RecordedStage[] {
  const ordered = new Set<RecordedStage>();
  const visit = (stage: RecordedStage): void => {
    if (ordered.has(stage)) return;
    for (const needed of needs.get(stage) ?? []) if (chosen.has(needed)) visit(needed);
    ordered.add(stage);
  };
  for (const stage of stages) if (chosen.has(stage)) visit(stage);
  return [...ordered];
}

/** Groups of stages that have to do with each other, in the order of their first ones. */
export function pipelinesIn(graph: Graph): Set<RecordedStage>[] {
  const users = usersOf(graph);
  const next = new Map(
    graph.stages.map((stage) => [stage, [...(graph.needs.get(stage) ?? []), ...(users.get(stage) ?? [])]]),
  );
  const found: Set<RecordedStage>[] = [];
  const seen = new Set<RecordedStage>();
  for (const stage of graph.stages) {
    if (seen.has(stage)) continue;
    const pipeline = reached([stage], next);
    for (const one of pipeline) seen.add(one);
    found.push(pipeline);
  }
  return found;
}
