import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import { day, shortDay } from '../platform/format.ts';
import { token, useShownTheme } from '../platform/theme.ts';

/** A line over time or steps; null is a gap, undefined a place that the line passes over. All arrays have the length of the chart's `x`. */
export interface Line {
  readonly label: string;
  /** number of the design language's series colour, 1..8 */
  readonly colour: number;
  readonly values: readonly (number | null | undefined)[];
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
  readonly isDashed?: boolean;
  readonly width?: number;
  /** behind its own smoothed line */
  readonly isFaint?: boolean;
  /** points that are drawn as bad */
  readonly isBad?: readonly boolean[];
}

/** Something that happened, as a line across the chart with its word, if it has one, on top. */
export interface Mark {
  readonly at: number;
  readonly label?: string;
  readonly tone: 'accent' | 'bad' | 'warn' | 'info' | 'plain';
}

/** Times within which nothing is known yet, or which someone points at. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly label?: string;
}

/** A value that lines are held against, from one x to another; over all of the chart unless said. */
export interface Level {
  readonly value: number;
  readonly from?: number;
  readonly to?: number;
  readonly tone?: 'plain' | 'bad';
}

interface LineChartShape {
  readonly label: string;
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  /** x is ms since the epoch, or a plain number such as a step */
  readonly isTime?: boolean;
  /** y by powers of ten; what is not above 0 is left out */
  readonly isLog?: boolean;
  readonly height?: number;
  readonly marks?: readonly Mark[];
  readonly gaps?: readonly Span[];
  readonly levels?: readonly Level[];
  /** width of the left axis in pixels; charts with the same one line up */
  readonly gutter?: number;
  readonly range?: readonly [number, number];
  /** first and last x on the screen; those of the data unless given */
  readonly extent?: readonly [number, number] | undefined;
  /** index into x that the pointer is at, from outside */
  readonly hover?: number | null;
  readonly onHover?: (index: number | null) => void;
  readonly format?: (value: number) => string;
}

const markToken = { accent: 'accent', bad: 'bad', warn: 'warn', info: 'info', plain: 'ink-3' } as const;

/** uPlot in our own colours: lines with bands, marks, gaps and a reference. */
export function LineChart(props: LineChartShape) {
  const {
    label,
    x,
    lines,
    isTime = false,
    isLog = false,
    height = 280,
    marks = [],
    gaps = [],
    levels = [],
    gutter = 56,
    range,
    extent,
    hover,
    onHover,
    format,
  } = props;
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [width, setWidth] = useState(0);
  const theme = useShownTheme();
  const telling = useRef(onHover);
  telling.current = onHover;

  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const drawing = useMemo(
    () => ({ lines, marks, gaps, levels, range, extent }),
    // content decides, not identity: a fresh answer with the same numbers draws nothing
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [JSON.stringify([lines, marks, gaps, levels, range, extent])],
  );
  const xKey = x.join(',');

  useEffect(() => {
    const element = holder.current;
    if (element === null || width < 40) return;
    const ink = token('ink-3');
    const grid = token('line');
    const surface = token('surface');
    const data: (number | null | undefined)[][] = [[...x]];
    const series: uPlot.Series[] = [{}];
    const bands: uPlot.Band[] = [];
    for (const line of drawing.lines) {
      const colour = token(`series-${line.colour}`);
      data.push(isLog ? line.values.map((value) => (typeof value === 'number' && value <= 0 ? null : value)) : [...line.values]);
      series.push({
        label: line.label,
        stroke: line.isFaint === true ? fade(colour, 0.28) : colour,
        width: line.width ?? 2,
        ...(line.isDashed === true ? { dash: [6, 5] } : {}),
        points: {
          show: x.length < 3 || isLonely(line.values),
          size: 6,
          fill: surface,
          stroke: colour,
          width: 2,
        },
      });
      if (line.low !== undefined && line.high !== undefined) {
        data.push([...line.high], [...line.low]);
        const hidden = { stroke: 'transparent', width: 0, points: { show: false } };
        series.push({ ...hidden, label: `${line.label} upper` }, { ...hidden, label: `${line.label} lower` });
        bands.push({
          series: [series.length - 2, series.length - 1],
          fill: fade(colour, line.isDashed === true ? 0.08 : 0.16),
        });
      }
    }
    const options: uPlot.Options = {
      width,
      height,
      series,
      bands,
      ms: 1,
      tzDate: (at) => uPlot.tzDate(new Date(at), 'UTC'),
      padding: [drawing.marks.some((mark) => mark.label !== undefined) ? 36 : 12, 16, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: {
          size: 8,
          width: 2,
          fill: () => surface,
          stroke: (self, index) => (self.series[index]?.stroke as (() => string) | undefined)?.() ?? ink,
        },
      },
      scales: {
        x: {
          time: isTime,
          ...(drawing.extent === undefined
            ? {}
            : { range: [drawing.extent[0], drawing.extent[1]] as uPlot.Range.MinMax }),
        },
        y: isLog ? { distr: 3 as const } : { range: (_self, low, high) => yRange(low, high, drawing) },
      },
      axes: [
        {
          stroke: ink,
          grid: { show: false },
          ticks: { stroke: grid, size: 5 },
          font: '11px "IBM Plex Sans Variable", system-ui',
          gap: 4,
          size: 30,
          space: 72,
          ...(isTime ? { values: (_self: uPlot, at: number[]) => at.map((each) => shortDay(each)) } : {}),
        },
        {
          stroke: ink,
          grid: { stroke: grid, width: 1 },
          ticks: { show: false },
          font: '11px "IBM Plex Sans Variable", system-ui',
          size: gutter,
          gap: 8,
          ...(format === undefined ? {} : { values: (_self: uPlot, at: (number | null)[]) => at.map((each) => (each === null ? '' : format(each))) }),
        },
      ],
      hooks: {
        drawClear: [(self) => drawGaps(self, drawing.gaps, grid)],
        drawAxes: [(self) => drawMarks(self, drawing.marks, surface)],
        draw: [
          (self) => drawBad(self, x, drawing.lines, surface),
          (self) => drawLevels(self, drawing.levels),
        ],
        setCursor: [
          (self) => {
            if (self.cursor.event !== undefined) telling.current?.(self.cursor.idx ?? null);
          },
        ],
      },
    };
    const made = new uPlot(options, data as uPlot.AlignedData, element);
    const leave = (): void => telling.current?.(null);
    made.over.addEventListener('mouseleave', leave);
    chart.current = made;
    // letters drawn before the page's own font came are drawn again with it
    if (document.fonts.status !== 'loaded')
      void document.fonts.ready.then(() => (chart.current === made ? made.redraw(false, true) : undefined));
    return () => {
      made.over.removeEventListener('mouseleave', leave);
      made.destroy();
      chart.current = null;
    };
    // xKey stands for x, drawing for the lines
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [width, height, theme, xKey, drawing, gutter, isTime, isLog]);

  useEffect(() => {
    const self = chart.current;
    if (self === null || hover === undefined) return;
    const at = hover === null ? undefined : x[hover];
    if (at === undefined) self.setCursor({ left: -10, top: -10 }, false);
    else self.setCursor({ left: self.valToPos(at, 'x'), top: 1 }, false);
  }, [hover, x]);

  const first = x[0];
  const last = x[x.length - 1];
  const from =
    first === undefined || last === undefined
      ? ''
      : isTime
        ? `, ${day(first)} to ${day(last)}`
        : `, ${first} to ${last}`;
  return (
    <div
      ref={holder}
      role="img"
      aria-label={`${label}: ${[...new Set(lines.map((line) => line.label))].join(', ')}${from}`}
      style={{ height }}
      className="min-w-0"
    />
  );
}

/** Points that stand alone would be invisible as a line. */
function isLonely(values: readonly (number | null | undefined)[]): boolean {
  const own = values.filter((value) => value !== undefined);
  return own.some((value, index) => value !== null && (own[index - 1] ?? null) === null && (own[index + 1] ?? null) === null);
}

const fade = (hex: string, alpha: number): string =>
  `${hex}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, '0')}`;

function yRange(
  low: number | null,
  high: number | null,
  drawing: { range?: readonly [number, number] | undefined; levels: readonly Level[] },
): uPlot.Range.MinMax {
  if (drawing.range !== undefined) return [drawing.range[0], drawing.range[1]];
  let from = low ?? 0;
  let to = high ?? 1;
  for (const level of drawing.levels) {
    from = Math.min(from, level.value);
    to = Math.max(to, level.value);
  }
  const margin = (to - from || Math.abs(to) || 1) * 0.08;
  return [from - margin, to + margin];
}

function drawGaps(self: uPlot, gaps: readonly Span[], colour: string): void {
  const { ctx, bbox } = self;
  ctx.save();
  for (const gap of gaps) {
    const left = Math.max(self.valToPos(gap.from, 'x', true), bbox.left);
    const right = Math.min(self.valToPos(gap.to, 'x', true), bbox.left + bbox.width);
    if (right <= left) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    const step = 8 * devicePixelRatio;
    for (let at = left - bbox.height; at < right; at += step) {
      ctx.moveTo(at, bbox.top + bbox.height);
      ctx.lineTo(at + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

function drawLevels(self: uPlot, levels: readonly Level[]): void {
  const { ctx, bbox } = self;
  const dpr = devicePixelRatio;
  const clamped = (at: number | undefined, otherwise: number): number =>
    at === undefined
      ? otherwise
      : Math.min(Math.max(self.valToPos(at, 'x', true), bbox.left), bbox.left + bbox.width);
  ctx.save();
  for (const level of levels) {
    const y = self.valToPos(level.value, 'y', true);
    const left = clamped(level.from, bbox.left);
    const right = clamped(level.to, bbox.left + bbox.width);
    if (right - left < 4 * dpr) continue;
    ctx.strokeStyle = token(level.tone === 'bad' ? 'bad' : 'ink-3');
    ctx.lineWidth = 1.25 * dpr;
    ctx.setLineDash([2 * dpr, 3 * dpr]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
  }
  ctx.restore();
}

function drawBad(self: uPlot, x: readonly number[], lines: readonly Line[], surface: string): void {
  const { ctx } = self;
  ctx.save();
  ctx.fillStyle = token('bad');
  ctx.strokeStyle = surface;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const line of lines) {
    line.isBad?.forEach((isBad, index) => {
      const value = line.values[index];
      const at = x[index];
      if (!isBad || value === null || value === undefined || at === undefined) return;
      ctx.beginPath();
      ctx.arc(
        self.valToPos(at, 'x', true),
        self.valToPos(value, 'y', true),
        4.5 * devicePixelRatio,
        0,
        2 * Math.PI,
      );
      ctx.fill();
      ctx.stroke();
    });
  }
  ctx.restore();
}

/** Words of marks that would lie on each other are put in a second row, then left out (the list below has them all). */
function drawMarks(self: uPlot, marks: readonly Mark[], surface: string): void {
  const { ctx, bbox } = self;
  const dpr = devicePixelRatio;
  const ends = [-Infinity, -Infinity];
  ctx.save();
  ctx.font = `500 ${11 * dpr}px "IBM Plex Sans Variable", system-ui`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
    const at = Math.round(self.valToPos(mark.at, 'x', true));
    if (at < bbox.left - 1 || at > bbox.left + bbox.width + 1) continue;
    const colour = token(markToken[mark.tone]);
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.lineWidth = dpr;
    if (mark.label === undefined) {
      ctx.globalAlpha = 0.45;
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      continue;
    }
    const words = ctx.measureText(mark.label).width;
    const start = Math.min(at - 2 * dpr, bbox.left + bbox.width - words - 6 * dpr);
    const row = ends.findIndex((end) => start > end + 6 * dpr);
    const top = bbox.top - (row === 1 ? 30 : 14) * dpr;
    ctx.globalAlpha = 0.75;
    ctx.beginPath();
    ctx.moveTo(at, row === -1 ? bbox.top : top + 7 * dpr);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    if (row === -1) continue;
    ctx.fillStyle = surface;
    ctx.fillRect(start - dpr, top - 7 * dpr, words + 4 * dpr, 14 * dpr);
    ctx.fillStyle = colour;
    ctx.fillText(mark.label, start + dpr, top);
    ends[row] = start + words;
  }
  ctx.restore();
}
