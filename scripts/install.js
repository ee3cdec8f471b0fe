// What the two commands of the README need before the program itself can run.
// Plain JavaScript without packages: it runs on the machine's own Node, before anything is installed.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** The Node that the program runs on, from its own packages. */
export const node = join(root, 'node_modules', 'node', 'bin', 'node');

const stamps = join(root, 'node_modules', '.tilth');

/** Ends with what is missing and how to get it. */
export function stop(message, hint) {
  console.error(`✗ ${message}\n  → ${hint}`);
  process.exit(1);
}

/** Runs a program with its output on ours; ends with its name when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (error !== undefined) stop(`${command} can't be started: ${error.message}`, 'Install it and try again.');
  if (status !== 0) stop(`${command} ${args.join(' ')} ended with ${status}.`, 'The lines above say why.');
}

/** Does `work` unless it was done for exactly this fingerprint. */
export function once(name, fingerprint, work) {
  const stamp = join(stamps, name);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return;
  rmSync(stamp, { force: true });
  work();
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, fingerprint);
}

/** One hash over files, and over all files below folders. */
export function fingerprintOf(...paths) {
  const hash = createHash('sha256');
  const add = (path) => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) {
        if (name !== 'node_modules' && name !== 'dist') add(join(path, name));
      }
    } else hash.update(path).update(readFileSync(path));
  };
  for (const path of paths) add(join(root, path));
  return hash.digest('hex');
}

/** Exactly what the lock file names. */
export function installPackages() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) stop(`Node ${process.versions.node} is too old.`, 'Install Node 20 or newer.');
  once('packages', fingerprintOf('package-lock.json'), () => {
    console.error('· installing packages (npm ci)');
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      // models are served on the CPU: without this the ONNX runtime fetches GPU libraries
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', ONNXRUNTIME_NODE_INSTALL_CUDA: 'skip' },
    });
  });
}

/** The page that the server shows. */
export function buildPage() {
  once('page', fingerprintOf('web', 'package-lock.json'), () => {
    console.error('· building the page');
    run(node, ['node_modules/vite/bin/vite.js', 'build', '--config', 'web/vite.config.ts', '--logLevel', 'warn']);
  });
}

/** A Python 3.11 or newer of the machine. */
export function findPython() {
  for (const name of [process.env.TILTH_PYTHON, 'python3.11', 'python3', 'python3.12', 'python3.13']) {
    if (name === undefined) continue;
    try {
      const said = execFileSync(name, ['-c', 'import sys, venv; print(sys.version_info >= (3, 11))'], { stdio: ['ignore', 'pipe', 'ignore'] });
      if (said.toString().trim() === 'True') return name;
    } catch {
      // not this one
    }
  }
  return stop('No Python 3.11 or newer with the venv module was found.', 'Install it, or name it: TILTH_PYTHON=/path/to/python3');
}

/** Hands over to the program; signals reach it, its exit code becomes ours. */
export function handOver(args) {
  const child = spawn(node, args, { stdio: 'inherit' });
  // Ctrl-C reaches the whole group of the terminal; here we only wait for the child's own end
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => signal === 'SIGINT' || child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 130));
}
