import { it } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { layout, lineKey } from './graph-layout.ts';

const sizes = { boxWidth: 200, boxHeight: 60, gapX: 100, gapY: 20 };

it('a line that skips a column passes beside the box between its ends', () => {
  const lines = [
    { from: 'prepare', to: 'train' },
    { from: 'train', to: 'evaluate' },
    { from: 'prepare', to: 'evaluate' },
  ];
  const { columns, places, passes } = layout(['prepare', 'train', 'evaluate'], lines, sizes);
  assert.deepEqual(columns, [['prepare'], ['train'], ['evaluate']]);
  const [pass] = passes.get(lineKey({ from: 'prepare', to: 'evaluate' })) ?? [];
  const train = places.get('train');
  assert.ok(pass && train);
  assert.ok(
    pass.y < train.y || pass.y > train.y + sizes.boxHeight,
    `${pass.y} lies in the box at ${train.y}`,
  );
});

it('what came from nothing stands right before what it leads to', () => {
  const { places } = layout(
    ['a', 'b', 'c', 'late'],
    [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
      { from: 'late', to: 'c' },
    ],
    sizes,
  );
  assert.equal(places.get('late')?.x, places.get('b')?.x);
});

it('no two boxes cover each other, whatever the lines, circles too', () => {
  const node = fc.integer({ min: 0, max: 24 }).map(String);
  fc.assert(
    fc.property(fc.array(fc.record({ from: node, to: node }), { maxLength: 60 }), (lines) => {
      const ids = Array.from({ length: 25 }, (_, at) => String(at));
      const { places } = layout(ids, lines, sizes);
      const boxes = ids.map((id) => places.get(id) ?? { x: Number.NaN, y: Number.NaN });
      for (const [at, box] of boxes.entries()) {
        assert.ok(Number.isFinite(box.x) && box.y >= -1e-6);
        for (const other of boxes.slice(at + 1)) {
          assert.ok(box.x !== other.x || Math.abs(box.y - other.y) >= sizes.boxHeight + sizes.gapY - 1e-6);
        }
      }
    }),
    { numRuns: 200 },
  );
});

it('places a thousand boxes in a second', () => {
  const ids = Array.from({ length: 1000 }, (_, at) => `n${at}`);
  const lines = ids.flatMap((id, at) =>
    [1, 7, 60].flatMap((step) => (at + step < ids.length ? [{ from: id, to: `n${at + step}` }] : [])),
  );
  const begun = performance.now();
  layout(
    ids,
    lines.filter((_, at) => at % 4 !== 0),
    sizes,
  );
  const wide = layout(
    ['root', ...ids],
    ids.map((to) => ({ from: 'root', to })),
    sizes,
  );
  assert.equal(wide.columns[1]?.length, 1000);
  assert.ok(performance.now() - begun < 3000, `${performance.now() - begun} ms`);
});
