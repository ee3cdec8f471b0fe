// `npm test`: checks and tests of everything, alone on a fresh clone; installs what the tests hold us against.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  buildPage,
  findPython,
  fingerprintOf,
  installPackages,
  node,
  once,
  root,
  run,
  stop,
} from './install.js';
import { environmentOf, startPostgres } from './postgresql.js';

const only = process.argv.slice(2);

installPackages();
buildPage();
const python = installPython('test', 'test/requirements.txt');
// older clients of MLflow, each in an environment of its own
const mlflowPythons = ['3.7', '2.9'].map((version) =>
  installPython(`mlflow-${version}`, `test/requirements-mlflow-${version}.txt`),
);
const dvcPython = installPython('data', 'test/requirements-data.txt');
const contractsPython = installPython('contracts', 'test/requirements-contracts.txt');
const servingPython = installPython('serving', 'test/requirements-serving.txt');
const estimatorsPython = installPython('estimators', 'test/requirements-estimators.txt');
// of this package only the data that it brings: without what it needs it is 23 MB instead of 2 GB
const peerDataPython = installPython('peer-data', 'test/requirements-peer-data.txt', '--no-deps');
const chromium = installChromium();

if (only.length === 0) {
  check('types', node, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']);
  check('types of the page', node, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'web']);
  check('lint', join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '--deny-warnings', '.']);
}

const files =
  only.length > 0
    ? only
    : ['src/**/*.test.ts', 'web/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'];
/** Once more on PostgreSQL: all that lies near the tables, and public clients on top. */
const filesOfPostgres = [
  'src/platform/database/{database,postgres}.test.ts',
  'src/platform/jobs.test.ts',
  'src/team/*.test.ts',
  'src/develop/{tracking,traces}/*.test.ts',
  'src/deploy/{registry,endpoints}/*.test.ts',
  'src/maintain/{audit,cleanup}/*.test.ts',
  'src/develop/pipelines/{pipeline-routes,recorded-runs}.test.ts',
  'src/server/lineage/*.test.ts',
  'test/conformance/{tracking,registry,mlflow-search,mlflow-calls}.test.ts',
];
const counted = mkdtempSync(join(tmpdir(), 'tilth-tests-'));
const isGood = [test(files, {}), only.length > 0 || testOnPostgres()].every(Boolean);
rmSync(counted, { recursive: true });
process.exit(isGood ? 0 : 1);

function testOnPostgres() {
  const postgres = startPostgres();
  try {
    console.log('· once more on PostgreSQL');
    return test(filesOfPostgres, environmentOf(postgres));
  } finally {
    postgres.stop();
  }
}

/** @returns whether all passed; the closing line counts those of the passes before too */
function test(patterns, environment) {
  const path = `${join(root, 'node_modules/.bin')}:${environment.PATH ?? process.env.PATH}`;
  const flags = [
    '--test',
    '--test-concurrency=2',
    '--test-force-exit',
    '--test-timeout=600000',
    '--test-reporter=./scripts/reporter.ts',
    '--test-reporter-destination=stdout',
  ];
  const { status } = spawnSync(node, [...flags, ...patterns], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ...environment,
      PATH: path,
      ORT_DISABLE_TELEMETRY: '1',
      TILTH_TEST_PYTHON: python,
      TILTH_TEST_MLFLOW_PYTHONS: mlflowPythons.join(delimiter),
      TILTH_TEST_DVC_PYTHON: dvcPython,
      TILTH_TEST_CONTRACTS_PYTHON: contractsPython,
      TILTH_TEST_SERVING_PYTHON: servingPython,
      TILTH_TEST_ESTIMATORS_PYTHON: estimatorsPython,
      TILTH_TEST_PEER_DATA_PYTHON: peerDataPython,
      TILTH_CHROMIUM: chromium,
      TILTH_TEST_TALLY: join(counted, 'counts.json'),
    },
  });
  return status === 0;
}

function check(name, command, args) {
  console.error(`· ${name}`);
  run(command, args);
}

/** A Python environment of the tests' own, with public clients as they are published. */
function installPython(name, requirements, ...flags) {
  const venv = join(root, '.venvs', name);
  const executable = join(venv, 'bin', 'python');
  if (!existsSync(executable)) run(findPython(), ['-m', 'venv', venv]);
  once(`${name}-python`, fingerprintOf(requirements), () => {
    console.error(`· installing the Python clients of ${requirements}`);
    const quietly = ['--quiet', '--disable-pip-version-check'];
    run(executable, ['-m', 'pip', 'install', ...quietly, ...flags, '-r', requirements]);
  });
  return executable;
}

/** The machine's Chromium; from Debian's packages where we may install them. */
function installChromium() {
  const known = [
    process.env.TILTH_CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  const found = () => known.find((path) => path !== undefined && existsSync(path));
  const before = found();
  if (before !== undefined) return before;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.error('· installing Chromium for the tests of the page');
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  return (
    found() ??
    stop(
      'The tests of the page need Chromium.',
      'Install it, or name it: TILTH_CHROMIUM=/path/to/chromium npm test',
    )
  );
}
