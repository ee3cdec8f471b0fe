import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { imageOf, type Plot, type PlotRow } from './plot-data.ts';
import { colours } from './plot-spec.ts';

const size = { width: 460, height: 300, left: 60, bottom: 40, top: 12, right: 12 };
const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** All plots on one page that stands alone: no script, no style and no picture is fetched. */
export function plotPage(plots: readonly Plot[]): string {
  const body = plots.map(
    (plot) =>
      `<figure><figcaption>${escape(plot.definition.title)}</figcaption>${plot.isImage ? image(plot) : chart(plot)}</figure>`,
  );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Plots</title>
<style>body{font:14px system-ui,sans-serif;display:flex;flex-wrap:wrap;gap:24px;margin:24px}figure{margin:0}figcaption{font-weight:600;margin-bottom:6px}
text{font:11px system-ui,sans-serif;fill:#555}.legend{display:flex;gap:12px;flex-wrap:wrap;font-size:12px;max-width:${size.width}px}img{max-width:${size.width}px}</style>
${body.join('\n')}
</html>
`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function chart(plot: Plot): string {
  const series = new Map<string, Point[]>();
  for (const row of plot.rows) {
    const point = { x: numberOf(row, plot.x), y: numberOf(row, plot.y) };
    const field = row.get('field');
    const name = `${String(row.get('rev'))}${field === undefined ? '' : ` · ${String(field)}`}`;
    if (Number.isFinite(point.x) && Number.isFinite(point.y))
      series.set(name, [...(series.get(name) ?? []), point]);
  }
  const points = [...series.values()].flat();
  if (points.length === 0) return `<p>${escape(plot.errors[0] ?? 'It has no points that are numbers.')}</p>`;
  const [left, right] = span(points.map(({ x }) => x));
  const [low, high] = span(points.map(({ y }) => y));
  const atX = (x: number): number =>
    size.left + ((x - left) / (right - left)) * (size.width - size.left - size.right);
  const atY = (y: number): number =>
    size.height - size.bottom - ((y - low) / (high - low)) * (size.height - size.bottom - size.top);
  const lines = [...series.entries()].map(([name, line], at) => {
    const path = line.map(({ x, y }) => `${atX(x).toFixed(1)},${atY(y).toFixed(1)}`).join(' ');
    const colour = colours[at % colours.length] ?? '';
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"><title>${escape(name)}</title></polyline>${line.map(({ x, y }) => `<circle cx="${atX(x).toFixed(1)}" cy="${atY(y).toFixed(1)}" r="2.5" fill="${colour}"><title>${escape(`${name}: ${x}, ${y}`)}</title></circle>`).join('')}`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = low + share * (high - low);
    const x = left + share * (right - left);
    return `<line x1="${size.left}" x2="${size.width - size.right}" y1="${atY(y).toFixed(1)}" y2="${atY(y).toFixed(1)}" stroke="#eee"/><text x="${size.left - 6}" y="${(atY(y) + 4).toFixed(1)}" text-anchor="end">${short(y)}</text><text x="${atX(x).toFixed(1)}" y="${size.height - size.bottom + 16}" text-anchor="middle">${short(x)}</text>`;
  });
  const names = `<text x="${size.width / 2}" y="${size.height - 4}" text-anchor="middle">${escape(plot.definition.xLabel ?? plot.x)}</text>`;
  const legend = [...series.keys()].map(
    (name, at) => `<span><b style="color:${colours[at % colours.length] ?? ''}">—</b> ${escape(name)}</span>`,
  );
  return `<svg width="${size.width}" height="${size.height}" role="img">${ticks.join('')}${lines.join('')}${names}</svg><div class="legend">${legend.join('')}</div>`;
}

function image({ definition }: Plot): string {
  const path = imageOf(definition);
  const kind = extname(path).slice(1).toLowerCase();
  try {
    const type = kind === 'svg' ? 'svg+xml' : kind === 'jpg' ? 'jpeg' : kind;
    return `<img alt="${escape(definition.id)}" src="data:image/${type};base64,${readFileSync(path).toString('base64')}">`;
  } catch {
    return '<p>The picture is not there.</p>';
  }
}

const numberOf = (row: PlotRow, field: string): number => Number(row.get(field) ?? NaN);

/** Smallest and largest, never the same. */
function span(values: readonly number[]): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
