import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { Actor } from '../../src/platform/actor.ts';
import { createLogger } from '../../src/platform/log.ts';
import { packagePath } from '../../src/platform/package-root.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';
import { registerProject } from '../../src/start/project/project-store.ts';
import { localActor } from '../../src/team/can.ts';
import { actorOfToken, addPerson, issueToken } from '../../src/team/people-store.ts';
import { createEndpoint } from '../../src/deploy/endpoints/endpoints.ts';
import { approve, requestApproval } from '../../src/deploy/registry/approvals/approvals.ts';
import { updateVersionRow } from '../../src/deploy/registry/registry-store.ts';
import { fileKeyOf } from '../../src/deploy/registry/served-file.ts';
import { registerVersion } from '../../src/deploy/registry/versions.ts';
import { startDataPlane, type DataPlane } from '../../src/deploy/serving/data-plane.ts';
import { expected, lateSchema, rowAt, splitOf, until } from '../../src/deploy/serving/test-control-plane.ts';

const executablePath =
  process.env['TILTH_CHROMIUM'] ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const isBuilt = existsSync(packagePath('web', 'dist', 'index.html'));
const missing =
  executablePath === undefined
    ? 'Chromium is not installed'
    : isBuilt
      ? undefined
      : 'the page is not built: node_modules/.bin/vite build --config web/vite.config.ts';
const skip = missing !== undefined && process.env['CI'] === undefined ? missing : false;

const declaration = `
project: flights
datasets:
  flights: { path: data/raw, owner: ana }
models:
  late: { dataset: flights, task: binary-classification, target: late, owner: ana, experiment: late, endpoint: late }
  strict: { dataset: flights, task: binary-classification, target: late, owner: ana, experiment: late, endpoint: strict, gate: [{ id: floor, kind: metric-floor, metric: auc, min: 0.6 }] }
`;

const team = {
  ana: { name: 'Ana Ruiz', roles: ['contributor', 'maintainer', 'reviewer'] },
  ben: { name: 'Ben Okafor', roles: ['reviewer', 'operator'] },
} as const;
type Person = keyof typeof team;

describe('deploying on the page', { skip }, () => {
  const home = temporaryHome();
  const planeHome = temporaryHome();
  const project = mkdtempSync(join(tmpdir(), 'tilth project '));
  const tokens = {} as Record<Person, string>;
  const people = {} as Record<Person, Actor>;
  const faults: string[] = [];
  let server: RunningServer;
  let plane: DataPlane;
  let browser: Browser;
  let ana: Page;
  let ben: Page;

  before(async () => {
    assert.equal(missing, undefined);
    const log = createLogger('test', 'silent');
    server = await startServer({ home, port: 0, log });
    const { world } = server;
    mkdirSync(join(project, 'data'));
    writeFileSync(join(project, 'tilth.yaml'), declaration);
    for (const id of ['ana', 'ben'] as const) {
      const { name, roles } = team[id];
      await addPerson(world, localActor, {
        id,
        name,
        email: null,
        title: 'data scientist',
        roles: [...roles],
        isSimulated: false,
      });
      tokens[id] = (await issueToken(world, localActor, id, 1)).token;
      people[id] = await actorOfToken(world.database.read, tokens[id], Date.now());
    }
    await registerProject(world, localActor, project);
    await addVersion('late', 'late-1.onnx');
    await addVersion('late', 'late-2.onnx');
    await addVersion('strict', 'late-1.onnx');
    await requestApproval(world, people.ana, { model: 'late', version: 1 });
    await approve(world, people.ben, { model: 'late', version: 1 });
    await createEndpoint(world, people.ben, { name: 'late', model: 'late' });
    plane = await startDataPlane({
      home: planeHome,
      port: 0,
      server: server.address,
      token: tokens.ben,
      log,
    });
    await until(async () => (await predict()).status === 200);
    browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    ana = await tabOf('ana');
    ben = await tabOf('ben');
  });

  after(async () => {
    await browser?.close();
    await plane?.close();
    await server?.close();
    home.remove();
    planeHome.remove();
    rmSync(project, { recursive: true, force: true });
  });

  /** A version as a conversion leaves it, with a graph that is really served. */
  async function addVersion(model: string, file: string): Promise<void> {
    const { world } = server;
    const source = { model, source: 's3://bucket/model', createsModel: true };
    const { version } = await registerVersion(world, people.ana, source);
    const graph = readFileSync(new URL(`../fixtures/serving/${file}`, import.meta.url));
    const digest = createHash('sha256').update(graph).digest('hex');
    await world.blobs.put(fileKeyOf('onnx', digest), graph);
    await world.database.write((tx) =>
      updateVersionRow(tx, model, version, {
        engine: 'onnx',
        reason: null,
        artifact_digest: digest,
        onnx_digest: digest,
        onnx_byte_count: graph.length,
        schema: JSON.stringify(lateSchema),
        schema_hash: digest,
      }),
    );
  }

  const predict = (): Promise<Response> =>
    fetch(`${plane.address}/endpoints/late/invocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(splitOf([rowAt(0)])),
    });

  /** A tab in which somebody acts; what goes wrong in it is kept, but for answers that refuse. */
  async function tabOf(person: Person): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    await context.addInitScript(`sessionStorage.setItem('tilth.token', ${JSON.stringify(tokens[person])})`);
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('403')) faults.push(message.text());
    });
    return page;
  }

  const open = (page: Page, path: string) => page.goto(server.address + path);
  const route = (page: Page) => page.getByRole('region', { name: 'Route', exact: true });
  const rollout = (page: Page) => page.getByRole('region', { name: 'Rollout' });

  it('a request is a conversation; nobody grants their own, and what a second person grants is what they saw', async () => {
    await open(ana, '/deploy/models/late/2');
    await ana.getByRole('button', { name: 'Request approval …' }).click();
    await ana.getByLabel('It may become').selectOption('challenger');
    await ana.getByLabel('What who decides should know').fill('Trained on the second half of the year.');
    await ana.getByRole('button', { name: 'Ask for approval' }).click();
    const asked = ana.getByRole('list', { name: 'What was said' });
    await asked.getByText('Trained on the second half of the year.').waitFor();

    await ana.getByRole('button', { name: 'Approve', exact: true }).click();
    const refusal = ana.getByRole('alert');
    await refusal.getByText('FOUR_EYES').waitFor();
    assert.match(await refusal.innerText(), /asked for this approval[\s\S]*reviewer/);
    await ana.getByText('Act as another person').waitFor();

    await open(ben, '/deploy/models/late/2');
    await ben.getByLabel('Comment, or reason of your decision').fill('Why not the whole year?');
    await ben.getByRole('button', { name: 'Comment', exact: true }).click();
    await asked.getByText('Why not the whole year?').waitFor();
    await ana.getByLabel('Comment, or reason of your decision').fill('The first half lacks the weather.');
    await ana.getByRole('button', { name: 'Comment', exact: true }).click();
    const heard = ben.getByRole('list', { name: 'What was said' });
    await heard.getByText('The first half lacks the weather.').waitFor();

    const [waiting] = (await (await fetch(`${server.address}/api/v1/approvals?state=waiting`)).json()) as {
      bundleHash: string;
    }[];
    await ben.getByLabel('Comment, or reason of your decision').fill('Fine beside the champion.');
    const [sent] = await Promise.all([
      ben.waitForRequest((request) => request.url().endsWith('/versions/2/approve')),
      ben.getByRole('button', { name: 'Approve', exact: true }).click(),
    ]);
    assert.deepEqual(sent.postDataJSON(), {
      alias: 'challenger',
      hash: waiting?.bundleHash,
      reason: 'Fine beside the champion.',
    });
    await heard.getByText('ben approved').waitFor();
    assert.deepEqual(
      (await heard.getByRole('listitem').allInnerTexts()).map((text) => text.split(' · ')[0]),
      ['ana asked for approval', 'ben commented', 'ana commented', 'ben approved'],
    );
    // who asked sees it without asking again
    await asked.getByText('ben approved').waitFor();
  });

  it('a condition that is not known tells what to do', async () => {
    await open(ana, '/deploy/models/strict/1');
    await ana.getByRole('button', { name: 'Evaluate the gate' }).click();
    const row = ana.getByRole('row', { name: /floor/ });
    await row.getByText('not known', { exact: true }).waitFor();
    await row.getByText(/mlflow\.log_metric\("auc"/).waitFor();
  });

  it('a route is shifted with the keyboard; the old one stays in sight until the server confirms it, and then until the data planes do', async () => {
    await open(ben, '/deploy/endpoints/late');
    await route(ben).getByText('in effect').waitFor();
    await ben.getByRole('button', { name: 'Change the route …' }).press('Enter');
    const dialog = ben.getByRole('dialog');
    await dialog.getByRole('combobox', { name: 'Canary' }).selectOption('2');
    const slider = dialog.getByRole('slider', { name: 'Share of the canary' });
    await slider.focus();
    for (let step = 0; step < 40; step += 1) await slider.press('ArrowRight');
    assert.equal(await dialog.getByLabel('Share of the canary in percent').inputValue(), '50');
    await dialog.getByLabel('Reason').fill('half each');

    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await ben.route('**/api/v1/endpoints/late/route', async (call) => {
      await held;
      await call.continue();
    });
    await dialog.getByLabel('Reason').press('Enter');
    await dialog.getByText('Waiting for the server …').waitFor();
    // on the page and in the dialog
    const confirmed = ben.locator('[aria-label="Route that the server has confirmed"]');
    const shown = (await confirmed.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' '));
    assert.deepEqual(shown, ['champion version 1 100 %', 'champion version 1 100 %']);
    release();
    await dialog.waitFor({ state: 'detached' });
    await route(ben).getByText('canary', { exact: true }).waitFor();
    assert.equal(await route(ben).getByText('50 %').count(), 2);
    await route(ben).getByText('in effect').waitFor();
    await ben.getByRole('cell', { name: 'half each' }).waitFor();
  });

  it('a prediction is tried in fields of its schema, and is what scikit-learn says', async () => {
    await open(ben, '/deploy/endpoints/late');
    const panel = ben.getByRole('region', { name: 'Try a prediction' });
    const [delay, distance, carrier] = rowAt(0);
    await panel.getByRole('textbox', { name: 'dep_delay' }).fill(String(delay));
    await panel.getByRole('textbox', { name: 'distance' }).fill('far');
    await panel.getByText('Not a value: distance').waitFor();
    await panel.getByRole('textbox', { name: 'distance' }).fill(String(distance));
    await panel.getByRole('textbox', { name: 'carrier' }).fill(carrier);
    for (let asked = 0; asked < 4; asked += 1) {
      const [answer] = await Promise.all([
        ben.waitForResponse((response) => response.url().endsWith('/late/infer')),
        panel.getByRole('button', { name: 'Ask', exact: true }).click(),
      ]);
      const version = answer.headers()['x-tilth-version'];
      await panel.getByText(answer.headers()['x-tilth-request-id'] ?? '?').waitFor();
      const truth = expected[`late-${version}` as 'late-1'];
      assert.equal(await panel.getByTestId('label').innerText(), String(truth.label[0]));
      await panel.getByRole('link', { name: `version ${version}` }).waitFor();
      const shown = await panel
        .getByRole('list', { name: 'Probabilities' })
        .getByRole('listitem')
        .allInnerTexts();
      assert.deepEqual(
        shown.map((text) => text.split(/\s+/).slice(-2).join(' ')),
        truth.probabilities[0]?.map((value) => `${(value * 100).toFixed(2)} %`),
      );
    }
    await panel.getByRole('radio', { name: 'JSON' }).click();
    const json = JSON.parse(await panel.getByLabel('One row, as JSON').inputValue()) as unknown;
    assert.deepEqual(json, { dep_delay: delay, distance, carrier });
    for (const label of ['curl', 'Python', 'CLI'])
      await panel.getByRole('button', { name: new RegExp(`^${label}: `) }).waitFor();
  });

  it('each version shows what it does now, and two versions how they compare', async () => {
    for (let asked = 0; asked < 20; asked += 1) await predict();
    const table = ben.getByRole('region', { name: 'By version' });
    for (const version of [1, 2]) {
      const cells = table.locator(`tr[data-version="${version}"] td`);
      await until(async () => Number(await cells.nth(2).innerText()) > 0);
    }
    await ben.getByRole('region', { name: 'Comparison' }).getByText('not yet').waitFor();
  });

  it('a rollout is begun, paused and stopped, and tells who did what and why', async () => {
    await open(ben, '/deploy/endpoints/late');
    await ben.getByRole('button', { name: 'Roll back …' }).click();
    await ben.getByLabel('Reason').fill('by steps instead');
    await ben.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
    await route(ben).getByText('100 %').waitFor();

    await rollout(ben).getByRole('button', { name: 'Roll a version out …' }).click();
    const dialog = ben.getByRole('dialog');
    await dialog.getByLabel('Version').selectOption('2');
    await dialog.getByLabel('Steps, in percent of the requests').fill('10, 60');
    await dialog.getByLabel('Minutes of each step').fill('30');
    await dialog.getByRole('button', { name: 'Begin the rollout' }).click();
    await rollout(ben).getByText('running', { exact: true }).waitFor();
    assert.deepEqual(
      await rollout(ben).getByRole('list', { name: 'Steps' }).getByRole('listitem').allInnerTexts(),
      ['10 %\n, under way', '60 %\n, to come', '100 %\n, to come'],
    );
    await route(ben).getByText('10 %', { exact: true }).waitFor();
    await rollout(ben).getByText('It stays.').waitFor();

    await rollout(ben).getByRole('button', { name: 'Pause …' }).click();
    await dialog.getByLabel('Reason').fill('the day is over');
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await rollout(ben).getByText('paused', { exact: true }).first().waitFor();
    await rollout(ben).getByRole('button', { name: 'Resume …' }).waitFor();

    await rollout(ben).getByRole('button', { name: 'Promote …' }).click();
    await dialog.getByLabel('Reason').fill('now');
    await dialog.getByRole('button', { name: 'Promote' }).click();
    await dialog.getByText('APPROVAL_MISSING').waitFor();
    await dialog.getByText('tilth model request late 2 --alias champion').first().waitFor();
    await ben.keyboard.press('Escape');

    await rollout(ben).getByRole('button', { name: 'Stop …' }).click();
    await dialog.getByLabel('Reason').fill('not today');
    await dialog.getByRole('button', { name: 'Stop' }).click();
    await rollout(ben).getByText('stopped', { exact: true }).first().waitFor();
    await route(ben).getByText('100 %').waitFor();
    const decisions = rollout(ben).getByRole('list', { name: 'Decisions' }).locator('> li');
    assert.deepEqual(
      (await decisions.allInnerTexts()).map((text) => text.split(' · ')[0]?.split('\n').join(' ')),
      ['stopped by ben', 'paused by ben', 'started by ben'],
    );
    await rollout(ben).getByText('not today').waitFor();
  });

  it('an approval whose model changed says so, and the history says who was champion when', async () => {
    const now = new Date().toISOString().slice(0, 19);
    await open(ana, `/deploy/models/late?at=${now}`);
    await ana.getByText('made so by ben, approved by ben').waitFor();
    await server.world.database.write((tx) =>
      updateVersionRow(tx, 'late', 2, { onnx_digest: 'f'.repeat(64) }),
    );
    await open(ana, '/deploy/models/late/2');
    await ana.getByText('since this changed: the model').waitFor();
  });

  it('fits a telephone in the dark, without an error on the way', async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
    const phone = await context.newPage();
    for (const path of [
      '/deploy/models/late',
      '/deploy/models/late/2',
      '/deploy/models/strict/1',
      '/deploy/endpoints',
      '/deploy/endpoints/late',
    ]) {
      await open(phone, path);
      await phone.getByRole('heading', { level: 1 }).waitFor();
      await phone.waitForTimeout(400);
      const excess = await phone.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      assert.ok(Number(excess) <= 0, `${path} is ${String(excess)} pixels too wide`);
    }
    await context.close();
    assert.deepEqual(faults, []);
  });
});
