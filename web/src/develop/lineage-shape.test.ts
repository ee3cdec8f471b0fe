import { it } from 'node:test';
import assert from 'node:assert/strict';
import type { LineageEdge, LineageNode } from '../../../src/develop/lineage/lineage-api.ts';
import type { LineageView } from '../../../src/server/lineage/lineage-view-api.ts';
import { around, bundles, keyOf } from './lineage-shape.ts';

const data: LineageNode = { kind: 'dataset-version', id: 'flights@1' };
const run = (id: string): LineageNode => ({ kind: 'run', id });
const model: LineageNode = { kind: 'model-version', id: 'late/1' };
const edge = (from: LineageNode, to: LineageNode): LineageEdge => ({ from, to, relation: 'read', at: 0 });

const runs = Array.from({ length: 8 }, (_, at) => run(`r${at}`));
const view: LineageView = {
  nodes: [data, ...runs, model].map((node) => ({ ...node, name: node.id, detail: null, state: null })),
  edges: [...runs.map((each) => edge(data, each)), edge(runs[0] ?? data, model)],
  leftOut: 0,
};

it('what led to a thing and what came of it are told apart, with their steps', () => {
  const before = around(view, keyOf(model), 'ancestors').placed.map(({ node, steps }) => [node.id, steps]);
  assert.deepEqual(before, [
    ['late/1', 0],
    ['r0', -1],
    ['flights@1', -2],
  ]);
  assert.equal(around(view, keyOf(model), 'descendants').placed.length, 1);
  assert.equal(around(view, keyOf(data), 'both').placed.length, 10);
});

it('runs that lead nowhere else are one box until it is opened; one that led to a model stands alone', () => {
  const { placed, edges } = around(view, keyOf(data), 'both');
  const found = bundles(placed, edges, new Set());
  assert.equal(found.get(keyOf(run('r0'))), undefined);
  assert.equal(found.get(keyOf(run('r1')))?.members.length, 7);
  const key = found.get(keyOf(run('r1')))?.key ?? '';
  assert.equal(bundles(placed, edges, new Set([key])).size, 0);
});
