import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { chromium, type Browser, type Page } from 'playwright-core';
import { createLogger } from '../../src/platform/log.ts';
import { packagePath } from '../../src/platform/package-root.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';
import { until } from './processes.ts';

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
const patience = { timeout: 15_000 };

describe('a data scientist begins a project on the page', { skip }, () => {
  const home = temporaryHome();
  const folder = mkdtempSync(join(tmpdir(), 'tilth journey '));
  const template = join(folder, 'template');
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  before(async () => {
    assert.equal(missing, undefined);
    for (const [name, place] of [
      ['HOME', 'user'],
      ['XDG_DATA_HOME', 'data'],
    ] as const) {
      process.env[name] = join(folder, place);
      mkdirSync(join(folder, place));
    }
    write('cookiecutter.json', {
      title: 'Late flights',
      slug: '{{ cookiecutter.title|slugify }}',
      storage: ['local', 's3'],
      has_docs: true,
      limits: { rows: '100' },
      __prompts__: {
        title: 'What is it called?',
        slug: 'Name of the folder',
        storage: { __prompt__: 'Where is the data?', local: 'On this machine', s3: 'In a bucket' },
        has_docs: 'With a documentation?',
        limits: 'Limits',
      },
    });
    write(
      '{{ cookiecutter.slug }}/README.md',
      '# {{ cookiecutter.title }}\n{{ cookiecutter.storage }} {{ cookiecutter.has_docs }} {{ cookiecutter.limits.rows }}\n',
    );
    write('{{ cookiecutter.slug }}/tilth.yaml', 'project: {{ cookiecutter.slug }}\n');
    write('hooks/post_gen_project.sh', '#!/bin/sh\nsleep 0\n');
    commit('the first version');
    server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
    browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(patience.timeout);
    page.on('pageerror', (error) => faults.push(error.message));
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    home.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function write(path: string, content: unknown): void {
    mkdirSync(dirname(join(template, path)), { recursive: true });
    writeFileSync(join(template, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  function commit(message: string): void {
    const git = (...args: string[]): void =>
      void execFileSync(
        'git',
        ['-C', template, '-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args],
        { stdio: 'ignore' },
      );
    git('init', '--quiet', '--initial-branch=main');
    git('add', '--all');
    git('commit', '--quiet', '--message', message);
  }

  it('with the form that is there when there is no project yet', async () => {
    await page.goto(`${server.address}/start`);
    await page.getByText('No project is known yet').waitFor();
    await page.getByLabel('Address').fill(template);
    await page.keyboard.press('Enter');
    await page.getByLabel('What is it called?').waitFor();
  });

  it('whose fields are what the template asks, and whose defaults follow the answers', async () => {
    const slug = page.getByLabel('Name of the folder');
    assert.equal(await slug.inputValue(), 'late-flights');
    await page.getByLabel('What is it called?').fill('Ice Cream Sales');
    await until(
      async () => (await slug.inputValue()) === 'ice-cream-sales',
      patience.timeout,
      'the default follows',
    );
    await page.getByRole('radio', { name: 'In a bucket' }).check();
    await page.getByRole('switch', { name: 'With a documentation?' }).uncheck();
    await page.locator('textarea[name=limits]').fill('{"rows": ');
    await page.getByRole('alert').waitFor();
    assert.equal(await page.locator('textarea[name=limits]').getAttribute('aria-invalid'), 'true');
    const start = page.getByRole('button', { name: 'Start the project' });
    assert.equal(await start.isDisabled(), true);
    await page.locator('textarea[name=limits]').fill('{"rows": "7"}');
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });

  it('which shows the template’s code, and leaves it out unless it is allowed', async () => {
    const code = page.getByRole('region', { name: 'Code of the template' });
    await code.getByText('hooks/post_gen_project.sh').click();
    await code.getByText('sleep 0').waitFor();
    assert.equal(await code.getByRole('checkbox').isChecked(), false);
    await code.getByText('will not run').waitFor();
  });

  it('and finds it made, registered, and following its template', async () => {
    await page.getByRole('button', { name: 'Start the project' }).click();
    await page.getByRole('heading', { name: 'The project is there' }).waitFor();
    const made = join(home.root, 'projects', 'ice-cream-sales');
    assert.equal(readFileSync(join(made, 'README.md'), 'utf8'), '# Ice Cream Sales\ns3 False 7\n');
    await page.getByRole('link', { name: 'Open ice-cream-sales' }).click();
    const card = page.getByRole('region', { name: 'ice-cream-sales' });
    await card.getByText('never checked').waitFor();

    write('{{ cookiecutter.slug }}/more.md', 'more\n');
    commit('the second version');
    await card.getByRole('button', { name: 'Check for an update' }).click();
    await card.getByText('update available').waitFor();
    await card.getByText('more.md').click();
    await card.getByRole('region', { name: 'What changes in more.md' }).waitFor();
    await card.getByRole('button', { name: 'Make it on a branch …' }).click();
    await page.getByRole('button', { name: 'Make the branch' }).click();
    await page.getByText('has the update').waitFor();
    await page.keyboard.press('Escape');
    await card.getByText('holds an update').waitFor();
    assert.equal(existsSync(join(made, 'more.md')), false);
    assert.deepEqual(faults, []);
  });
});
