import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { createLogger } from '../../src/platform/log.ts';
import { packagePath } from '../../src/platform/package-root.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const executablePath = process.env['TILTH_CHROMIUM'] ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const isBuilt = existsSync(packagePath('web', 'dist', 'index.html'));
const missing =
  executablePath === undefined ? 'Chromium is not installed' : isBuilt ? undefined : 'the page is not built: node_modules/.bin/vite build --config web/vite.config.ts';
const skip = missing !== undefined && process.env['CI'] === undefined ? missing : false;

const screens = [
  ['/', 'Board'],
  ['/start', 'Start'],
  ['/start/new', 'New project'],
  ['/develop/runs', 'Runs'],
  ['/develop/compare', 'Compare runs'],
  ['/develop/data', 'Data'],
  ['/develop/lineage', 'Lineage'],
  ['/develop/pipelines', 'Pipelines'],
  ['/deploy/models', 'Models'],
  ['/deploy/endpoints', 'Endpoints'],
  ['/monitor', 'Monitor'],
  ['/maintain/retrainings', 'Retrainings'],
  ['/maintain/cards', 'Model cards'],
  ['/maintain/handover', 'Handover'],
  ['/maintain/jobs', 'Jobs'],
  ['/maintain/audit', 'Audit'],
  ['/team', 'Team'],
] as const;

describe('the page', { skip }, () => {
  const home = temporaryHome();
  let server: RunningServer;
  let browser: Browser;

  before(async () => {
    assert.equal(missing, undefined);
    server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
    browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    for (const person of [
      { id: 'ana', name: 'Ana Ruiz', title: 'data scientist', roles: ['contributor', 'maintainer'], isSimulated: true },
      { id: 'ben', name: 'Ben Okafor', title: 'ML engineer', roles: ['reviewer', 'operator'], isSimulated: true },
    ]) {
      await post('/api/v1/people', person);
    }
    await logRuns(30);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    home.remove();
  });

  async function post<T>(path: string, body: unknown): Promise<T> {
    const response = await fetch(server.address + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const text = await response.text();
    assert.equal(response.status, 200, `${path}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** Runs as an MLflow client logs them. */
  async function logRuns(count: number): Promise<void> {
    const mlflow = '/api/2.0/mlflow';
    const { experiment_id } = await post<{ experiment_id: string }>(`${mlflow}/experiments/create`, { name: 'late flights' });
    for (let index = 0; index < count; index += 1) {
      const { run } = await post<{ run: { info: { run_id: string } } }>(`${mlflow}/runs/create`, { experiment_id, run_name: `trees-${index}`, start_time: 1_700_000_000_000 + index });
      const run_id = run.info.run_id;
      const point = (key: string, value: number, step: number) => ({ key, value, step, timestamp: 1_700_000_000_000 });
      await post(`${mlflow}/runs/log-batch`, {
        run_id,
        params: [{ key: 'max_depth', value: String(index) }],
        metrics: [point('val_auc', index / count, 0), ...[0, 1, 2, 3].map((step) => point('loss', 1 / (step + 1), step))],
        tags: [],
      });
      await post(`${mlflow}/runs/update`, { run_id, status: 'FINISHED', end_time: 1_700_000_060_000 });
    }
  }

  /** A tab that remembers what went wrong in it. */
  async function open(path: string, options: BrowserContextOptions = {}): Promise<{ page: Page; faults: string[]; close: () => Promise<void> }> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(`${message.text()} ${message.location().url}`);
    });
    await page.goto(server.address + path);
    return { page, faults, close: () => context.close() };
  }

  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor({ timeout: 10_000 });

  it('opens every screen without an error, at a telephone’s width without sideways scrolling', async () => {
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
    ]) {
      const { page, faults, close } = await open('/', { viewport });
      for (const [path, name] of screens) {
        await page.goto(server.address + path);
        await heading(page, name);
        await page.waitForLoadState('domcontentloaded');
        await page.waitForTimeout(150);
        const excess = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
        assert.ok(Number(excess) <= 0, `${path} is ${String(excess)} pixels too wide at ${viewport.width}`);
        assert.equal(await page.locator('[role=alert]').count(), 0, `${path} shows an error: ${await page.locator('main').innerText()}`);
      }
      assert.deepEqual(faults, []);
      await close();
    }
  });

  it('is used with the keyboard alone', async () => {
    const { page, faults, close } = await open('/');
    await heading(page, 'Board');
    for (const [key, name] of [
      ['s', 'Start'],
      ['d', 'Runs'],
      ['e', 'Models'],
      ['m', 'Monitor'],
      ['a', 'Retrainings'],
      ['t', 'Team'],
      ['b', 'Board'],
    ] as const) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await heading(page, name);
    }
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search' }).fill('audit');
    await page.keyboard.press('Enter');
    await heading(page, 'Audit');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement?.hasAttribute("data-filter")'), true);
    await page.goto(`${server.address}/team`);
    await heading(page, 'Team');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement?.textContent'), 'Skip to the content');
    assert.deepEqual(faults, []);
    await close();
  });

  it('follows the system’s colours, and the user’s choice before them', async () => {
    const ground = (page: Page) => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await open('/', { colorScheme: 'light' });
    const dark = await open('/', { colorScheme: 'dark' });
    await heading(light.page, 'Board');
    await heading(dark.page, 'Board');
    const [lightGround, darkGround] = [await ground(light.page), await ground(dark.page)];
    assert.notEqual(lightGround, darkGround);
    await dark.page.getByRole('button', { name: 'Light colours' }).click();
    assert.equal(await ground(dark.page), lightGround);
    await dark.page.reload();
    await heading(dark.page, 'Board');
    assert.equal(await ground(dark.page), lightGround);
    await light.close();
    await dark.close();
  });

  it('keeps the state of the runs table in its address', async () => {
    const { page, faults, close } = await open('/develop/runs');
    await page.getByRole('link', { name: 'trees-29', exact: true }).waitFor();
    await page.getByRole('searchbox').fill('metrics.val_auc >= 0.9');
    await page.waitForURL(/filter=/);
    await page.getByRole('link', { name: 'trees-26', exact: true }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'val_auc', exact: true }).click();
    await page.waitForURL(/order=/);
    await page.getByRole('button', { name: 'val_auc', exact: true }).click();
    await page.getByLabel('Select trees-28').check();
    await page.getByLabel('Select trees-29').check();
    await page.reload();
    const rows = page.getByRole('row').filter({ has: page.getByRole('checkbox') });
    await rows.first().waitFor();
    assert.deepEqual(await rows.getByRole('link').allInnerTexts(), ['trees-27', 'trees-28', 'trees-29']);
    assert.equal(await page.getByLabel('Select trees-29').isChecked(), true);
    await page.getByRole('link', { name: 'Compare 2' }).click();
    await heading(page, 'Compare runs');
    await page.getByRole('row', { name: /max_depth 28 29/ }).waitFor();
    await page.locator('.uplot canvas').waitFor();
    await page.reload();
    await page.getByRole('row', { name: /max_depth 28 29/ }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it('shows by itself what others do', async () => {
    const { page, close } = await open('/team');
    await page.getByText('Ben Okafor').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await post('/api/v1/people', { id: 'cleo', name: 'Cleo Marsh', title: 'operator', roles: ['operator'] });
    await page.getByText('Cleo Marsh').waitFor({ timeout: 5000 });
    await close();
  });

  it('acts as the person whose token it was given, and verifies the audit log', async () => {
    const { token } = await post<{ token: string }>('/api/v1/people/ben/tokens', { days: 1 });
    const { page, faults, close } = await open('/maintain/audit');
    await page.getByRole('button', { name: 'Local user' }).click();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Use this token' }).click();
    await page.getByRole('button', { name: 'Ben Okafor' }).waitFor();
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/events, each linked to the one before/).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it('says what to type where there is nothing yet', async () => {
    const { page, close } = await open('/deploy/models');
    await page.getByText('No model is registered yet').waitFor();
    await page.getByText('tilth model register NAME --run RUN_ID').waitFor();
    await page.goto(`${server.address}/nowhere/at/all`);
    await heading(page, 'Not here');
    await close();
  });
});
