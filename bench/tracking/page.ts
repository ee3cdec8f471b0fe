import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { chromium, type Browser, type Page } from 'playwright-core';
import { createHome, resolveHome } from '../../src/platform/home.ts';
import { sentenceOf, underCircumstances } from '../circumstances.ts';
import { median } from '../measure.ts';
import { installedTilth, startServer, temporaryFolder } from '../processes.ts';
import { short, writeBetweenMarks } from '../report.ts';
import { fillRuns } from './many-runs.ts';

// The page of runs as somebody sees it, in Chromium: `npm run bench page [-- --quick]`

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const isQuick = values.quick;
const runCount = isQuick ? 5_000 : 100_000;
const keyCount = 1_000;
const pointCount = isQuick ? 50_000 : 1_000_000;
const rounds = isQuick ? 2 : 7;

const executablePath = process.env['TILTH_CHROMIUM'] ?? '/usr/bin/chromium';
if (!existsSync(executablePath))
  throw new Error('The page is measured in Chromium: install it, or name it with TILTH_CHROMIUM.');

interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
}

const found = await underCircumstances(measure);
const folder = join(import.meta.dirname, '..', 'results', ...(isQuick ? ['tmp'] : []));
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'page.json'), `${JSON.stringify(found, null, 2)}\n`);
const lines = found.figures.map(
  ({ what, unit, values: each }) =>
    `| ${what} | ${short(median(each))} ${unit} | ${short(Math.min(...each))} to ${short(Math.max(...each))} |`,
);
const section = [
  `${runCount.toLocaleString('en')} runs with ${keyCount.toLocaleString('en')} columns, a curve of ${pointCount.toLocaleString('en')} points; each round in a browser that has nothing in its cache.`,
  '',
  '| | median | lowest to highest |',
  '|---|---|---|',
  ...lines,
  '',
  sentenceOf(found.circumstances, { node: process.versions.node, chromium: found.chromium }),
].join('\n');
if (!isQuick) writeBetweenMarks('npm run bench page', section);
console.log(section);

async function measure(): Promise<{ figures: Figure[]; chromium: string }> {
  const home = createHome(resolveHome(temporaryFolder('page')));
  await fillRuns(home.database, { runCount, keyCount, pointCount });
  const tilth = await installedTilth();
  const server = await startServer(
    (port) => tilth('server', '--home', home.root, '--port', String(port)),
    '/health',
  );
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  try {
    const look = <T>(work: (page: Page) => Promise<T>): Promise<T[]> => inFreshPages(browser, rounds, work);
    const runs = `${server.address}/develop/runs?experiment=1`;
    const figures: Figure[] = [
      { what: 'first rows, newest first', unit: 'ms', values: await look((page) => firstRows(page, runs)) },
      {
        what: 'first rows with all columns',
        unit: 'ms',
        values: await look((page) => firstRows(page, `${runs}&columns=all`)),
      },
      {
        what: 'first rows of a filter, sorted by a metric',
        unit: 'ms',
        values: await look((page) =>
          firstRows(
            page,
            `${runs}&filter=${encodeURIComponent("params.model = 'trees' and metrics.val_auc > 0.5")}&sort=m.val_auc`,
          ),
        ),
      },
    ];
    const scrolls = await look((page) => scroll(page, `${runs}&columns=all`));
    figures.push(
      {
        what: 'frames of scrolling: the median of a round',
        unit: 'ms',
        values: scrolls.map(({ frames }) => median(frames)),
      },
      {
        what: 'frames of scrolling: the 95th of a hundred',
        unit: 'ms',
        values: scrolls.map(({ frames }) => percentile(frames, 0.95)),
      },
      {
        what: 'places without a row seen in 200 frames of scrolling',
        unit: '',
        values: scrolls.map(({ blank }) => blank),
      },
    );
    const curve = `${server.address}/develop/compare?ids=${await longestRun(server.address)}`;
    figures.push({
      what: 'curve of the long run, from its address to its line',
      unit: 'ms',
      values: await look((page) => firstCurve(page, curve)),
    });
    return { figures, chromium: browser.version() };
  } finally {
    await browser.close();
    await server.stop();
  }
}

async function inFreshPages<T>(
  browser: Browser,
  count: number,
  work: (page: Page) => Promise<T>,
): Promise<T[]> {
  const all: T[] = [];
  for (let round = 0; round < count; round += 1) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    all.push(await work(page));
    await context.close();
  }
  return all;
}

async function firstRows(page: Page, address: string): Promise<number> {
  const startedAt = performance.now();
  await page.goto(address, { waitUntil: 'commit' });
  await page
    .getByRole('row')
    .filter({ has: page.getByRole('checkbox') })
    .nth(10)
    .waitFor();
  return performance.now() - startedAt;
}

async function firstCurve(page: Page, address: string): Promise<number> {
  const startedAt = performance.now();
  await page.goto(address, { waitUntil: 'commit' });
  await page.locator('.uplot canvas').first().waitFor();
  return performance.now() - startedAt;
}

/** A wheel's worth of 200 pixels a frame, through 40,000 pixels; whether a row lies at three heights of each frame. */
async function scroll(page: Page, address: string): Promise<{ frames: number[]; blank: number }> {
  await firstRows(page, address);
  return page.evaluate<{ frames: number[]; blank: number }>(`(async () => {
    const grid = document.querySelector('[role=grid]');
    const frames = [];
    let blank = 0;
    let before = performance.now();
    for (let frame = 0; frame < 200; frame += 1) {
      grid.scrollTop += 200;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push(now - before);
      before = now;
      const box = grid.getBoundingClientRect();
      for (const share of [0.15, 0.5, 0.9]) {
        const there = document.elementFromPoint(box.left + 100, box.top + 40 + (box.height - 60) * share);
        if (!there?.closest('[role=row]')) blank += 1;
      }
    }
    return { frames, blank };
  })()`);
}

async function longestRun(address: string): Promise<string> {
  const response = await fetch(`${address}/api/2.0/mlflow/runs/search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ experiment_ids: ['2'], filter: "attributes.run_name = 'steady'", max_results: 1 }),
  });
  const { runs } = (await response.json()) as { runs: { info: { run_id: string } }[] };
  return runs[0]?.info.run_id ?? '';
}

function percentile(all: readonly number[], share: number): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length * share)] ?? 0;
}
