import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, program } from './processes.ts';

const hasMake = spawnSync('make', ['--version']).status === 0;
const metricNames = ['auc', 'brier', 'log_loss'];

/** What train.py leaves beside the model. */
interface Tracked {
  readonly tracking_uri: string;
  readonly runs: readonly {
    readonly candidate: string;
    readonly run_id: string;
    readonly metrics: Readonly<Record<string, number>>;
  }[];
}

describe('a data scientist starts with two commands', () => {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'tilth first model ')));
  const project = join(place, 'late-flights');
  const bin = join(place, 'bin');
  const python = join(project, '.venv', 'bin', 'python');
  const {
    TILTH_HOME: _home,
    TILTH_URL: _url,
    MLFLOW_TRACKING_URI: _uri,
    VIRTUAL_ENV: _venv,
    ...inherited
  } = process.env;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'tilth'),
      `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(program)} "$@"\n`,
    );
    chmodSync(join(bin, 'tilth'), 0o755);
    const { port } = await freePorts();
    environment = {
      ...inherited,
      PATH: [bin, inherited['PATH'] ?? ''].join(delimiter),
      TILTH_HOME: join(place, 'home'),
      // nobody answers there
      TILTH_URL: `http://127.0.0.1:${port}`,
      OMP_NUM_THREADS: '1',
      DO_NOT_TRACK: 'true',
      DVC_NO_ANALYTICS: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      POETRY_KEYRING_ENABLED: 'false',
    };
  });
  after(() => rmSync(place, { recursive: true, force: true, maxRetries: 5 }));

  /** A command that must succeed; answers what it said. */
  function run(
    folder: string,
    command: string,
    args: readonly string[],
    more: NodeJS.ProcessEnv = {},
  ): string {
    const ended: SpawnSyncReturns<string> = spawnSync(command, args, {
      cwd: folder,
      env: { ...environment, ...more },
      encoding: 'utf8',
    });
    const said = `${ended.stdout}\n${ended.stderr}`;
    assert.equal(
      ended.status,
      0,
      `${command} ${args.join(' ')}: ${ended.error?.message ?? ''}\n${said.slice(-4000)}`,
    );
    return said;
  }
  const tracked = (folder: string): Tracked =>
    JSON.parse(readFileSync(join(folder, 'models', 'tracked.json'), 'utf8')) as Tracked;
  const tools = join(place, 'home', 'tools', 'poetry', 'bin', 'python');
  const poetry = (folder: string, args: readonly string[], more?: NodeJS.ProcessEnv): string =>
    existsSync(tools)
      ? run(folder, tools, ['-m', 'poetry', ...args], more)
      : run(folder, process.env['TILTH_POETRY'] ?? 'poetry', args, more);

  it('and has green tests and a trained, tracked model', { timeout: 300_000 }, (context) => {
    const startedAt = performance.now();
    const first = run(place, 'tilth', ['start', '--no-input', '--install-poetry']);
    assert.match(first, /git: first commit/);
    const between = performance.now();
    const second = hasMake ? run(project, 'make', []) : run(project, python, ['-m', 'late_flights']);
    const seconds = (from: number, to: number): string => `${Math.round((to - from) / 1000)} s`;
    context.diagnostic(
      `tilth start ${seconds(startedAt, between)}, ${hasMake ? 'make' : 'python -m late_flights'} ${seconds(between, performance.now())}`,
    );

    const [, passed] = /(\d+) passed in ([\d.]+)s/.exec(second) ?? [];
    assert.ok(Number(passed) > 30 && !/failed|error/i.test(second), second);
    const metrics = JSON.parse(readFileSync(join(project, 'metrics.json'), 'utf8')) as Record<string, number>;
    assert.deepEqual(Object.keys(metrics), metricNames);
    const { runs, tracking_uri: trackingUri } = tracked(project);
    assert.deepEqual(runs.map(({ candidate }) => candidate).sort(), [
      'baseline',
      'boosting',
      'forest',
      'logistic',
    ]);
    assert.ok(
      (metrics['auc'] ?? 0) > 0.65 && metrics['auc'] === runs.at(-1)?.metrics['auc'],
      JSON.stringify(metrics),
    );
    assert.match(
      second,
      new RegExp(`tracked at ${trackingUri.replaceAll('.', '\\.')}: run ${runs.at(-1)?.run_id}`),
    );
    const experiments = readdirSync(join(project, 'mlruns')).flatMap((name) =>
      readdirSync(join(project, 'mlruns', name)),
    );
    for (const { run_id: id } of runs) assert.ok(experiments.includes(id), `the run ${id} is in mlruns`);
    const left = run(project, 'git', ['status', '--porcelain']).trim().split('\n').sort();
    assert.deepEqual(left, ['?? data/raw.dvc', '?? dvc.lock', '?? metrics.json']);
  });

  it('and a second time nothing is done again', () => {
    const before = tracked(project);
    const said = run(project, python, ['-m', 'late_flights', '--skip-tests']);
    assert.match(said, /Data and pipelines are up to date/);
    assert.deepEqual(tracked(project), before);
  });

  it('and a change of conf/ reaches the pipeline', () => {
    const file = join(project, 'conf', 'config.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('holdout_share: 0.2', 'holdout_share: 0.25'));
    const said = spawnSync(python, ['-m', 'late_flights.configure', '--check'], {
      cwd: project,
      env: environment,
      encoding: 'utf8',
    });
    assert.equal(said.status, 1);
    assert.match(said.stderr, /prepare\.holdout_share: conf\/ gives 0\.25, params\.yaml has 0\.2/);
    run(project, python, ['-m', 'late_flights.configure', '--refresh']);
    assert.match(run(project, 'tilth', ['pipeline', 'status']), /prepare/);
    writeFileSync(file, text);
    run(project, python, ['-m', 'late_flights.configure', '--refresh']);
    assert.match(run(project, 'tilth', ['pipeline', 'status']), /up to date/);
  });

  it('and the app answers with the model that was tracked', { timeout: 60_000 }, async () => {
    const { port } = await freePorts();
    const app = spawn(python, ['-m', 'uvicorn', 'late_flights.app:app', '--port', String(port)], {
      cwd: project,
      env: environment,
      stdio: 'ignore',
    });
    try {
      const address = `http://127.0.0.1:${port}`;
      let health: Response | undefined;
      for (
        const startedAt = Date.now();
        health === undefined && Date.now() - startedAt < 40_000;
        await sleep(200)
      ) {
        health = await fetch(`${address}/health`).catch(() => undefined);
      }
      assert.deepEqual(await health?.json(), { status: 'ok', run_id: tracked(project).runs.at(-1)?.run_id });
      const { components } = (await (await fetch(`${address}/openapi.json`)).json()) as {
        components: { schemas: { Flight: { examples: [Record<string, unknown>] } } };
      };
      const [example] = components.schemas.Flight.examples;
      const ask = (flight: Record<string, unknown>): Promise<Response> =>
        fetch(`${address}/predict`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ flights: [flight] }),
        });
      const { predictions } = (await (await ask(example)).json()) as {
        predictions: [{ late: boolean; probability: number }];
      };
      assert.ok(predictions[0].probability > 0 && predictions[0].probability < 1);
      assert.equal((await ask({ ...example, distance: -5 })).status, 422);
    } finally {
      app.kill();
    }
  });

  const anchor = [
    'project_title=Cookiecutter Personal',
    'project_slug=cookiecutter_personal',
    'description=Something cool',
    'author=Your name',
    'project_packages=All',
    'python_version=>=3.11.1,<3.12',
    'python_image_version=3.11-slim',
    'docker_dev_port=8000',
  ];
  const odd: readonly (readonly string[])[] = [
    anchor,
    [
      'project_title=One\'s 2.nd "try": 100 % every day, and a bit longer',
      'description=Says "yes" or \\no; ü 🙂',
      'author=Zoë "Z" O\'Neil, Ph.D. <zoe@example.org>',
      'project_packages=Minimal',
      'python_version=^3.12',
    ],
    [
      'project_title=Class',
      'docker_dev_port=9001',
      'author=Your name (or your organization/company/team)',
      'python_version=3.14',
    ],
  ];

  it(
    'and odd answers, those of the anchor template among them, give projects without a fault',
    { timeout: 60_000 },
    () => {
      for (const answers of odd) {
        const said = run(place, 'tilth', [
          'start',
          '--no-input',
          '--no-install',
          '--no-git',
          '--json',
          ...answers,
        ]);
        const [, folder = ''] = /"folder": ?"([^"]+)"/.exec(said) ?? [];
        assert.equal(poetry(folder, ['check', '--lock', '--strict']).trim(), 'All set!');
        run(folder, python, ['-m', 'ruff', 'check']);
        run(folder, python, ['-m', 'ruff', 'format', '--check']);
      }
    },
  );

  it(
    'and the project of the anchor template’s answers works with dvc alone',
    { timeout: 240_000, skip: needsDvc() },
    () => {
      const folder = join(place, 'cookiecutter_personal');
      const dvc = dirname(process.env['TILTH_TEST_PYTHON'] ?? '');
      const PATH = [dirname(python), '/usr/bin', '/bin', dvc].join(delimiter);
      // the libraries are those of the first project; this one's own package is installed beside it
      poetry(folder, ['install', '--only-root'], {
        VIRTUAL_ENV: dirname(dirname(python)),
        POETRY_VIRTUALENVS_IN_PROJECT: 'false',
      });
      run(folder, 'git', ['init', '-q']);
      run(folder, python, [
        '-m',
        'cookiecutter_personal.configure',
        'data=january',
        'train.candidate=logistic',
      ]);
      const said = run(folder, python, ['-m', 'cookiecutter_personal'], { PATH });
      assert.match(said, /\d+ passed/);
      assert.match(said, /\$ dvc repro/);
      assert.deepEqual(
        tracked(folder).runs.map(({ candidate }) => candidate),
        ['logistic'],
      );
      assert.ok(existsSync(join(folder, 'data', 'raw.dvc')) && existsSync(join(folder, 'dvc.lock')));
      // and tilth agrees with what dvc made
      assert.match(run(folder, 'tilth', ['pipeline', 'status']), /up to date/);
    },
  );
});

function needsDvc(): string | false {
  if (process.env['TILTH_TEST_PYTHON'] !== undefined) return false;
  assert.equal(process.env['CI'], undefined, 'TILTH_TEST_PYTHON is not set');
  return 'needs TILTH_TEST_PYTHON, a Python with dvc';
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
