// `npm test`: checks and tests of everything, alone on a fresh clone; installs what the tests hold us against.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildPage, findPython, fingerprintOf, installPackages, node, once, root, run, stop } from './install.js';

const only = process.argv.slice(2);

installPackages();
buildPage();
const python = installPython();
const chromium = installChromium();

if (only.length === 0) {
  check('types', node, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']);
  check('types of the page', node, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'web']);
  check('lint', join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '--deny-warnings', '.']);
}

const files = only.length > 0 ? only : ['src/**/*.test.ts', 'web/src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'];
const { status } = spawnSync(node, ['--test', '--test-concurrency=2', '--test-force-exit', '--test-timeout=600000', '--test-reporter=./scripts/reporter.ts', '--test-reporter-destination=stdout', ...files], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`, ORT_DISABLE_TELEMETRY: '1', TILTH_TEST_PYTHON: python, TILTH_CHROMIUM: chromium },
});
process.exit(status ?? 1);

function check(name, command, args) {
  console.error(`· ${name}`);
  run(command, args);
}

/** A Python environment of the tests' own, with public clients as they are published. */
function installPython() {
  const venv = join(root, '.venvs', 'test');
  const executable = join(venv, 'bin', 'python');
  if (!existsSync(executable)) run(findPython(), ['-m', 'venv', venv]);
  once('test-python', fingerprintOf('test/requirements.txt'), () => {
    console.error('· installing the Python clients that the tests use');
    run(executable, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'test/requirements.txt']);
  });
  return executable;
}

/** The machine's Chromium; from Debian's packages where we may install them. */
function installChromium() {
  const known = [process.env.TILTH_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
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
  return found() ?? stop('The tests of the page need Chromium.', 'Install it, or name it: TILTH_CHROMIUM=/path/to/chromium npm test');
}
