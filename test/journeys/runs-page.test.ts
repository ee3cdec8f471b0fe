import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { fillRuns } from '../../bench/tracking/many-runs.ts';
import { createLogger } from '../../src/platform/log.ts';
import { packagePath } from '../../src/platform/package-root.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const executablePath = process.env['TILTH_CHROMIUM'] ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const isBuilt = existsSync(packagePath('web', 'dist', 'index.html'));
const missing =
  executablePath === undefined ? 'Chromium is not installed' : isBuilt ? undefined : 'the page is not built: node_modules/.bin/vite build --config web/vite.config.ts';
const skip = missing !== undefined && process.env['CI'] === undefined ? missing : false;

const runCount = 3_000;
const pointCount = 100_000;
/** `many runs` and `long curves`, in the order of their making */
const [many, long] = ['1', '2'];

describe('the runs on the page', { skip }, () => {
  const home = temporaryHome();
  let server: RunningServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const faults: string[] = [];

  before(async () => {
    assert.equal(missing, undefined);
    await fillRuns(home.database, { runCount, keyCount: 1_000, pointCount });
    server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true });
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => faults.push(error.message));
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    home.remove();
  });

  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const isText = typeof body === 'string' || body === undefined;
    const response = await fetch(server.address + path, {
      method,
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body), headers: isText ? {} : { 'content-type': 'application/json' } }),
    });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return (await response.json()) as T;
  };
  const newest = async (experiment: string, limit: number): Promise<{ id: string; name: string }[]> =>
    (await ask<{ runs: { id: string; name: string }[] }>('POST', '/api/v1/runs/table', { experiment, limit })).runs;
  const open = (path: string) => page.goto(server.address + path);
  const rows = () => page.getByRole('row').filter({ has: page.getByRole('checkbox') });
  const grid = () => page.getByRole('grid', { name: 'Runs' });

  it('scroll through 3,000 with 1,000 columns without a blank row, and only the cells in sight are there', async () => {
    await open(`/develop/runs?experiment=${many}&columns=all`);
    await rows().first().waitFor();
    const seen = await page.evaluate<{ blank: number; cells: number; rows: number }>(`(async () => {
      const grid = document.querySelector('[role=grid]');
      let blank = 0;
      const look = () => {
        const box = grid.getBoundingClientRect();
        for (const share of [0.15, 0.5, 0.9]) {
          const there = document.elementFromPoint(box.left + 100, box.top + 40 + (box.height - 60) * share);
          if (there?.closest('[role=row]') === null) blank += 1;
        }
      };
      for (let frame = 0; frame < 40; frame += 1) {
        grid.scrollTop += 200;
        await new Promise(requestAnimationFrame);
        look();
      }
      for (let frame = 0; frame < 20; frame += 1) {
        grid.scrollLeft += 400;
        await new Promise(requestAnimationFrame);
        look();
      }
      return { blank, cells: document.querySelectorAll('[role=gridcell]').length, rows: Math.round(grid.scrollTop / 36) };
    })()`);
    assert.equal(seen.blank, 0);
    assert.ok(seen.rows > 150, `only ${seen.rows} rows were scrolled`);
    assert.ok(seen.cells < 2_500, `${seen.cells} cells are in the document`);
    await page.getByText(`of ${runCount.toLocaleString('en-GB')} runs`).waitFor();
  });

  it('ask only for the columns that are shown, which are kept for the experiment and in the address', async () => {
    const asked: string[][] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/api/v1/runs/table')) asked.push((request.postDataJSON() as { columns: { metrics: string[] } }).columns.metrics);
    });
    await page.evaluate('localStorage.clear()');
    await open(`/develop/runs?experiment=${many}`);
    await page.getByRole('button', { name: 'val_auc', exact: true }).waitFor();
    await page.getByRole('button', { name: /^Columns/ }).click();
    await page.getByLabel('Find a column').fill('fit_sec');
    await page.getByRole('checkbox', { name: /fit_seconds/ }).check();
    await page.waitForURL(/columns=[^&]*m\.fit_seconds/);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'fit_seconds', exact: true }).waitFor();
    assert.ok(asked.every((metrics) => metrics.length <= 4), JSON.stringify(asked));
    await open(`/develop/runs?experiment=${many}`);
    await page.getByRole('button', { name: 'fit_seconds', exact: true }).waitFor();
    await open(`/develop/runs?experiment=${long}`);
    await page.getByRole('button', { name: 'loss', exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'fit_seconds', exact: true }).count(), 0);
  });

  it('are chosen and opened with the keyboard', async () => {
    await open(`/develop/runs?experiment=${many}`);
    await rows().first().waitFor();
    await grid().focus();
    for (const key of ['ArrowDown', 'Space', 'Shift+ArrowDown', 'Shift+ArrowDown']) await page.keyboard.press(key);
    await page.getByRole('link', { name: 'Compare 3' }).waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: new RegExp(`-${runCount - 1}`) }).waitFor();
  });

  it('that come while someone scrolls are told, and do not move what is read', async () => {
    await open(`/develop/runs?experiment=${many}`);
    await rows().first().waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await grid().evaluate((element) => element.scrollTo({ top: 3_000 }));
    await page.waitForTimeout(100);
    const reading = await rows().nth(30).getByRole('link').innerText();
    await ask('POST', '/api/2.0/mlflow/runs/create', { experiment_id: many, run_name: 'just-now', start_time: Date.now() });
    const told = page.getByRole('button', { name: '↑ 1 new' });
    await told.waitFor();
    assert.equal(await rows().nth(30).getByRole('link').innerText(), reading);
    await told.click();
    await page.getByRole('link', { name: 'just-now' }).waitFor();
  });

  it('are saved as CSV, all that match', async () => {
    await open(`/develop/runs?experiment=${many}&filter=${encodeURIComponent("params.model = 'trees'")}&columns=m.val_auc,p.model`);
    await rows().first().waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV', exact: true }).click()]);
    const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n');
    const { groups } = await ask<{ groups: { runCount: number }[] }>('POST', '/api/v1/runs/aggregate', { experiment: many, filter: "params.model = 'trees'" });
    assert.equal(lines[0], 'run_id,name,status,started,ended,metrics.val_auc,params.model');
    assert.equal(lines.length - 1, groups[0]?.runCount);
    assert.ok(lines.slice(1).every((line) => line.endsWith(',trees')));
  });

  it('are lines across their params, of which a drag keeps some, and points over any two', async () => {
    await open(`/develop/runs?experiment=${many}`);
    await page.getByRole('link', { name: 'Plot' }).click();
    await page.getByText('1000 runs. Drag along an axis').waitFor();
    const axis = page.locator('[data-axis="m.val_auc"]');
    await axis.scrollIntoViewIfNeeded();
    const box = await axis.boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + box.width / 2, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.2, { steps: 3 });
    await page.mouse.up();
    await page.getByText(/^[1-9]\d* of 1000 runs are inside/).waitFor();
    await page.getByRole('button', { name: 'All again' }).click();
    await page.getByText('1000 runs. Drag along an axis').waitFor();
    // the run that just came has no figures
    assert.equal(await page.locator('circle[data-run]').count(), 999);
    await page.getByLabel('Across').selectOption('m.fit_seconds');
    await page.waitForURL(/x=m\.fit_seconds/);
  });

  it('have curves that keep their peak and their pit, smoothed, logarithmic and by time', async () => {
    const runs = await newest(long, 2);
    const steady = runs.find((run) => run.name === 'steady')?.id ?? '';
    const curve = await ask<{ pointCount: number; points: { value: number }[] }>('GET', `/api/v1/runs/${steady}/metrics/loss`);
    const values = curve.points.map((point) => point.value);
    assert.equal(curve.pointCount, pointCount);
    assert.ok(curve.points.length < 2_000);
    assert.deepEqual([Math.min(...values), Math.max(...values)], [-3, 9]);
    await open(`/develop/compare?ids=${runs.map((run) => run.id).join(',')}`);
    await page.locator('.uplot canvas').waitFor();
    await page.getByRole('radio', { name: 'Log' }).click();
    await page.getByRole('radio', { name: 'Seconds' }).click();
    await page.getByLabel('Smoothing').fill('0.9');
    await page.waitForURL(/smoothing=0\.9/);
    assert.match(page.url(), /scale=log/);
    await page.locator('.uplot canvas').waitFor();
    await page.getByText('100,000 points, thinned out').waitFor();
  });

  it('show their files where they are, HTML without its scripts, and keep notes', async () => {
    const id = (await newest(many, 2))[1]?.id ?? '';
    const put = (path: string, text: string) => ask('PUT', `/api/2.0/mlflow-artifacts/artifacts/${many}/${id}/artifacts/${path}`, text);
    await put('plots/dot.svg', '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><circle cx="15" cy="15" r="9"/></svg>');
    await put('importance.csv', 'feature,weight\n"distance, km",0.7\nhour,0.3\n');
    await put('report.html', '<h1>Report</h1><script>document.body.append("a script ran")</script>');
    await put('broken.parquet', 'no parquet');
    await open(`/develop/runs/${id}`);
    await page.getByRole('button', { name: 'importance.csv' }).click();
    await page.getByRole('cell', { name: 'distance, km' }).waitFor();
    await page.getByRole('button', { name: 'plots/' }).click();
    await page.getByRole('button', { name: 'dot.svg' }).click();
    await page.locator('img[alt="plots/dot.svg"]').waitFor();
    await page.waitForFunction('document.querySelector("img[alt=\'plots/dot.svg\']")?.naturalWidth === 40');
    await page.getByRole('button', { name: 'artifacts', exact: true }).click();
    await page.getByRole('button', { name: 'report.html' }).click();
    const frame = page.frameLocator('iframe[title="report.html"]');
    await frame.getByRole('heading', { name: 'Report' }).waitFor();
    assert.equal(await frame.getByText('a script ran').count(), 0);
    assert.equal(await page.locator('iframe').getAttribute('sandbox'), '');
    await page.getByRole('button', { name: 'broken.parquet' }).click();
    await page.getByText("can't be read as Parquet").waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    assert.equal(download.suggestedFilename(), 'broken.parquet');

    await page.getByRole('button', { name: 'Write' }).click();
    await page.getByLabel('Notes in Markdown').fill('Tried a **deeper** tree.');
    await page.keyboard.press('Control+Enter');
    await page.locator('strong', { hasText: 'deeper' }).waitFor();
    const { run } = await ask<{ run: { data: { tags: { key: string; value: string }[] } } }>('GET', `/api/2.0/mlflow/runs/get?run_id=${id}`);
    assert.ok(run.data.tags.some((tag) => tag.key === 'mlflow.note.content' && tag.value === 'Tried a **deeper** tree.'));
  });

  it('fit a telephone, in the dark too', async () => {
    const small = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    const phone = await small.newPage();
    const ids = (await newest(many, 3)).map((run) => run.id);
    for (const path of [`/develop/runs?experiment=${many}`, `/develop/compare?ids=${ids.join(',')}`, `/develop/runs/${ids[1]}`]) {
      await phone.goto(server.address + path);
      await phone.getByRole('heading', { level: 1 }).waitFor();
      await phone.waitForTimeout(200);
      const excess = await phone.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
      assert.ok(Number(excess) <= 0, `${path} is ${String(excess)} pixels too wide`);
    }
    await small.close();
    assert.deepEqual(faults, []);
  });
});
