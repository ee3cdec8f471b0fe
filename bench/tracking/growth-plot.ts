import { short } from '../report.ts';
import type { Growth, Measure } from './growth-table.ts';

const columns = 2;
const panel = { width: 440, height: 230 };
/** from the edges of a panel to its axes */
const inner = { left: 64, right: 56, top: 40, bottom: 46 };
const headHeight = 44;

/** Follows the reader's light or dark mode, and brings its own ground, so that it can be read on any page. */
const style = `
  svg { font: 12px system-ui, sans-serif; --ground: #ffffff; --text: #24292f; --line: #d0d7de; --ours: #0b6e4f; --peer: #b3470c; }
  @media (prefers-color-scheme: dark) { svg { --ground: #0d1117; --text: #e6edf3; --line: #30363d; --ours: #4fd1a1; --peer: #ffa657; } }
  .ground { fill: var(--ground); }
  text { fill: var(--text); }
  .title { font-weight: 600; }
  .tick { font-size: 11px; }
  .grid { stroke: var(--line); }
  .ours { stroke: var(--ours); } .peer { stroke: var(--peer); stroke-dasharray: 6 4; }
  path.ours, path.peer, line.ours, line.peer { fill: none; stroke-width: 2; }
  circle.ours { fill: var(--ours); stroke: none; } circle.peer { fill: var(--peer); stroke: none; }
  text.ours { fill: var(--ours); stroke: none; } text.peer { fill: var(--peer); stroke: none; }
`;

/** How each measure grows, ours and MLflow's: one panel each, both axes logarithmic. @returns an SVG */
export function plotOf({ sizes, measures }: Growth): string {
  const width = columns * panel.width;
  const height = headHeight + Math.ceil(measures.length / columns) * panel.height;
  const panels = measures.map((measure, place) => {
    const [x, y] = [(place % columns) * panel.width, headHeight + Math.floor(place / columns) * panel.height];
    return `<g transform="translate(${x} ${y})">${panelOf(measure, sizes)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="heading">
<title id="heading">How tracking grows with the number of runs: tilth and MLflow</title>
<style>${style}</style>
<rect class="ground" width="${width}" height="${height}"/>
${legendItem('ours', 'tilth', inner.left)}
${legendItem('peer', 'MLflow', inner.left + 100)}
<text x="${width - 16}" y="28" text-anchor="end" class="tick">both axes are logarithmic; lower is better</text>
${panels.join('\n')}
</svg>
`;
}

const legendItem = (who: 'ours' | 'peer', name: string, x: number): string =>
  `<line class="${who}" x1="${x}" y1="24" x2="${x + 30}" y2="24"/><circle class="${who}" cx="${x + 15}" cy="24" r="3.5"/><text x="${x + 38}" y="28">${name}</text>`;

function panelOf({ what, unit, ours, peer }: Measure, sizes: readonly number[]): string {
  const across = axis(sizes, inner.left, panel.width - inner.right);
  const up = axis([...ours, ...peer], panel.height - inner.bottom, inner.top);
  const [left, right, top, bottom] = [
    inner.left,
    panel.width - inner.right,
    inner.top,
    panel.height - inner.bottom,
  ];
  const grid = [
    ...across.ticks.map(
      (tick) =>
        `<line class="grid" x1="${across.at(tick)}" y1="${top}" x2="${across.at(tick)}" y2="${bottom}"/><text class="tick" x="${across.at(tick)}" y="${bottom + 16}" text-anchor="middle">${named(tick)}</text>`,
    ),
    ...up.ticks.map(
      (tick) =>
        `<line class="grid" x1="${left}" y1="${up.at(tick)}" x2="${right}" y2="${up.at(tick)}"/><text class="tick" x="${left - 8}" y="${up.at(tick) + 4}" text-anchor="end">${named(tick)}</text>`,
    ),
  ];
  const line = (who: 'ours' | 'peer', values: readonly number[]): string => {
    const points = values.map((value, place) => ({
      x: across.at(sizes[place] ?? 0),
      y: up.at(value),
      value,
    }));
    const last = points.at(-1);
    if (last === undefined) return '';
    const path = points.map(({ x, y }, place) => `${place === 0 ? 'M' : 'L'}${x} ${y}`).join('');
    const dots = points.map(({ x, y }) => `<circle class="${who}" cx="${x}" cy="${y}" r="3.5"/>`).join('');
    return `<path class="${who}" d="${path}"/>${dots}<text class="tick ${who}" x="${last.x + 7}" y="${last.y - 5}">${short(last.value)}</text>`;
  };
  return `<text class="title" x="16" y="24">${escaped(`${what}, ${unit}`)}</text>${grid.join('')}
<text class="tick" x="${(left + right) / 2}" y="${bottom + 34}" text-anchor="middle">runs</text>
${line('peer', peer)}${line('ours', ours)}`;
}

interface Axis {
  /** powers of ten */
  readonly ticks: readonly number[];
  /** @returns the place on the page, in pixels */
  at(value: number): number;
}

/** A logarithmic axis over whole powers of ten, from one edge to the other. */
function axis(values: readonly number[], from: number, to: number): Axis {
  const lowest = Math.floor(Math.log10(Math.min(...values)));
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...values))));
  const at = (value: number): number =>
    Math.round((from + ((Math.log10(value) - lowest) / (highest - lowest)) * (to - from)) * 10) / 10;
  return { ticks: Array.from({ length: highest - lowest + 1 }, (_, place) => 10 ** (lowest + place)), at };
}

const named = (tick: number): string =>
  tick >= 1 ? Math.round(tick).toLocaleString('en') : String(Number(tick.toPrecision(1)));
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
