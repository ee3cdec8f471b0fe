import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright-core';

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'http://127.0.0.1:5080' },
    out: { type: 'string', default: 'docs/screenshots' },
  },
});
const server = values.server.replace(/\/$/, '');
const largestBytes = 250_000;

interface Shot {
  readonly name: string;
  readonly path: string;
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  readonly prepare?: (page: Page) => Promise<void>;
}

/** @throws when the server does not answer, or not with what is asked for. */
async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`${server}/api/v1${path}`);
  if (!response.ok) throw new Error(`${server} answers ${response.status} to ${path}`);
  return (await response.json()) as T;
}

interface Version {
  readonly version: number;
  readonly gate: { readonly passed: boolean } | null;
}

const [model] = await ask<{ name: string }[]>('/models');
if (model === undefined)
  throw new Error('No model is registered there. Run the quickstart first: npm run quickstart');
const versions = await ask<Version[]>(`/models/${model.name}/versions`);
const refused = versions.findLast((version) => version.gate?.passed === false) ?? versions[0];
const monitor = `/monitor/${model.name}`;
const shots: readonly Shot[] = [
  { name: 'board-light', path: '/' },
  { name: 'board-dark', path: '/', theme: 'dark' },
  { name: 'board-narrow', path: '/', width: 390, height: 1100 },
  { name: 'monitor-light', path: monitor, height: 1240, prepare: pointAtDrift },
  { name: 'monitor-dark', path: monitor, theme: 'dark', height: 1240 },
  { name: 'monitor-narrow', path: monitor, width: 390, height: 1100 },
  { name: 'start-light', path: '/start', height: 860 },
  { name: 'start-new-dark', path: '/start/new', theme: 'dark', height: 1240, prepare: showQuestions },
  { name: 'version-gate', path: `/deploy/models/${model.name}/${refused?.version ?? 1}`, height: 1000 },
  { name: 'model-history', path: `/deploy/models/${model.name}`, height: 900 },
  { name: 'endpoint', path: `/deploy/endpoints/${model.name}`, height: 1760, prepare: tryPrediction },
  { name: 'runs-compare', path: '/develop/runs', height: 1000, prepare: compareThree },
  { name: 'lineage', path: '/develop/lineage', height: 620 },
  { name: 'retrainings', path: '/maintain/retrainings', height: 1000 },
  { name: 'model-card', path: `/maintain/cards/${model.name}`, theme: 'dark', height: 860 },
];

/** Ticks three runs and opens their comparison, as a person does. */
async function compareThree(page: Page): Promise<void> {
  const boxes = page.locator('tbody input[type=checkbox], [role=row] input[type=checkbox]');
  for (const index of [0, 2, 4]) await boxes.nth(index).check();
  await page
    .getByRole('button', { name: /^Compare/ })
    .or(page.getByRole('link', { name: /^Compare/ }))
    .first()
    .click();
  await page.waitForURL(/compare/);
}

/** Asks once, as a person does, and waits until the chart has its first seconds. */
async function tryPrediction(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await page.getByRole('list', { name: 'Probabilities' }).waitFor();
  await page.locator('.uplot canvas').waitFor();
}

/** Waits until our template was asked for its questions. */
async function showQuestions(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start the project' }).waitFor();
}

/** Points at a week in the middle of the heat map: its numbers show in both pictures. */
async function pointAtDrift(page: Page): Promise<void> {
  const cells = page.locator('[role=table] [role=row]').first().locator('[role=cell]');
  await cells.nth(Math.floor((await cells.count()) * 0.65)).hover();
}

mkdirSync(values.out, { recursive: true });
const executablePath = process.env['TILTH_CHROMIUM'] ?? '/usr/bin/chromium';
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
let failureCount = 0;
try {
  for (const { name, path, theme = 'light', width = 1440, height = 900, prepare } of shots) {
    const page = await browser.newPage({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: 'reduce',
    });
    const file = join(values.out, `${name}.png`);
    await page.goto(server + path);
    await page.locator('h1').waitFor();
    await settled(page);
    await prepare?.(page);
    await settled(page);
    await page.screenshot({ path: file });
    await page.close();
    const size = statSync(file).size;
    console.log(`${file}  ${Math.round(size / 1000)} kB`);
    if (size > largestBytes) {
      failureCount += 1;
      console.error(
        `${file} is larger than ${largestBytes / 1000} kB: make its window lower in scripts/screenshots.ts.`,
      );
    }
  }
} finally {
  await browser.close();
}
process.exitCode = failureCount === 0 ? 0 : 1;

/** Nothing is loading any more and the page's own letters are there. The stream of events never ends: quiet is judged by what is shown. */
async function settled(page: Page): Promise<void> {
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
  await page.evaluate('document.fonts.ready.then(() => undefined)');
  await page.waitForTimeout(700);
}
