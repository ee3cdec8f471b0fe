import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { availableParallelism, arch, cpus, release, totalmem, type } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { version } from '../../platform/package-root.ts';
import { findProgram } from '../../start/project/programs.ts';
import { fitting, type Gathered } from './gather-source.ts';
import { commandFiles, isSeed, isSeedName } from './repeatable.ts';

/** Variables that change what the same code computes. */
export const tellingVariables = [
  'OMP_NUM_THREADS',
  'MKL_NUM_THREADS',
  'OPENBLAS_NUM_THREADS',
  'NUMEXPR_NUM_THREADS',
  'CUDA_VISIBLE_DEVICES',
  'CUBLAS_WORKSPACE_CONFIG',
  'NVIDIA_TF32_OVERRIDE',
  'TF_DETERMINISTIC_OPS',
  'XLA_FLAGS',
  'PYTHONPATH',
  'LC_ALL',
  'LANG',
  'TZ',
] as const;

/** Processor, memory, graphics, system, and the variables that matter. */
export function gatherMachine(environment: NodeJS.ProcessEnv): Gathered['tags'] {
  const gpu = spawnSync('nvidia-smi', ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'], { encoding: 'utf8', timeout: 3_000 });
  const variables = tellingVariables.flatMap((name) => (environment[name] === undefined ? [] : [`${name}=${environment[name]}`]));
  return {
    'tilth.version': version,
    'tilth.os': `${type()} ${release()} ${arch()}`,
    'tilth.cpu': cpus()[0]?.model.trim() ?? arch(),
    ...cpuFeatures(),
    'tilth.cores': `${availableParallelism()} cores`,
    'tilth.memory': `${Math.round(totalmem() / 2 ** 30)} GB`,
    ...(gpu.status === 0 && gpu.stdout.trim() !== '' ? { 'tilth.gpu': gpu.stdout.trim().split('\n').join('; ') } : {}),
    ...(variables.length === 0 ? {} : { 'tilth.environment': variables.join('\n').slice(0, 4_000) }),
  };
}

/** What kernels of numeric libraries choose by: the same program adds up in another order with AVX-512. Linux tells them. */
function cpuFeatures(): Gathered['tags'] {
  try {
    const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [];
    const found = flags.filter((flag) => /^(?:sse4_2|avx|avx2|fma|f16c|avx512\w*|avx_vnni|amx_\w+)$/.test(flag));
    return found.length === 0 ? {} : { 'tilth.cpu.features': found.sort().join(' ') };
  } catch {
    return {};
  }
}

/** `--seed 1`, `--seed=1`, `train.random_state=1`. */
export function seedsOf(words: readonly string[]): Gathered['tags'] {
  const found: Record<string, string> = {};
  for (const [at, word] of words.entries()) {
    const [flag = '', given] = word.split('=', 2);
    const name = flag.replace(/^[-+]+/, '');
    const value = given ?? (flag.startsWith('-') ? words[at + 1] : undefined);
    if (value !== undefined && isSeedName(name) && isSeed(value)) found[`tilth.seed.${name}`] = value;
  }
  return found;
}

const lockNames = ['poetry.lock', 'uv.lock', 'pdm.lock', 'Pipfile.lock', 'conda-lock.yml', 'requirements.txt'] as const;

export interface Lock {
  readonly name: string;
  /** where it lies */
  readonly folder: string;
  readonly sha256: string;
  /** package → version; empty where the format is not one that we read */
  readonly versions: ReadonlyMap<string, string>;
}

/** The lock of the project that holds `folder`: the nearest one, up to `top`. Requirements count when each has its version. */
export function findLock(folder: string, top: string): Lock | undefined {
  for (const name of lockNames) {
    const file = join(folder, name);
    if (!existsSync(file)) continue;
    const text = readFileSync(file, 'utf8');
    const versions = name === 'requirements.txt' ? pinned(text) : name === 'Pipfile.lock' ? pipfileVersions(text) : lockedVersions(text);
    if (versions === undefined) continue;
    return { name, folder, sha256: createHash('sha256').update(text).digest('hex'), versions };
  }
  const above = dirname(folder);
  return folder === top || above === folder ? undefined : findLock(above, top);
}

/** One name for `Foo_Bar`, `foo.bar` and `foo-bar`. */
const normal = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-');

/** `[[package]]` of poetry, uv and pdm; a package that is there in several versions says nothing. */
function lockedVersions(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const several = new Set<string>();
  for (const [, name = '', version = ''] of text.matchAll(/^\[\[package\]\]\s+name = "([^"]+)"\s+version = "([^"]+)"/gm)) {
    if (found.has(normal(name))) several.add(normal(name));
    found.set(normal(name), version);
  }
  for (const name of several) found.delete(name);
  return found;
}

/** Packages that Pipenv locked for use, not for development. */
function pipfileVersions(text: string): ReadonlyMap<string, string> {
  try {
    const { default: packages = {} } = JSON.parse(text) as { default?: Record<string, { version?: string }> };
    return new Map(Object.entries(packages).map(([name, { version = '' }]) => [normal(name), version.replace(/^==/, '')]));
  } catch {
    return new Map();
  }
}

/** `name==1.2` in every line; undefined when one leaves its version open, since it locks nothing then. */
function pinned(text: string): ReadonlyMap<string, string> | undefined {
  const lines = text.replaceAll(/\\\r?\n/g, ' ').split('\n').map((line) => line.replace(/(?:^|\s)#.*$/, '').trim());
  const wanted = lines.filter((line) => line !== '' && !line.startsWith('-'));
  const found = wanted.map((line) => /^([\w.-]+)(?:\[[^\]]*\])?\s*===?\s*([^\s;*]+)(?=$|[\s;])/.exec(line));
  if (wanted.length === 0 || found.includes(null)) return undefined;
  return new Map(found.map((each) => [normal(each?.[1] ?? ''), each?.[2] ?? '']));
}

export const lockTags = (lock: Lock | undefined): Gathered['tags'] =>
  lock === undefined ? {} : { 'tilth.lock': `${lock.name} sha256:${lock.sha256}` };

const wrappers: ReadonlySet<string> = new Set(['poetry', 'uv', 'pdm', 'pipenv', 'hatch', 'rye', 'pixi']);

/**
 * How to start the Python that a command runs in: its own, that of a wrapper, that of a script's first line, else the one on PATH.
 *
 * @param folder where the command starts
 */
export function pythonOfCommand(words: readonly string[], folder = process.cwd()): readonly string[] {
  const [program = ''] = words;
  const name = basename(program);
  // our own pipelines take the environment of the project
  const project = name === 'tilth' ? findUp('.venv', folder) : undefined;
  if (project !== undefined) return [join(project, '.venv', 'bin', 'python')];
  if (/^(?:python|pypy)[\d.]*$/.test(name)) return [program];
  if (wrappers.has(name) && words[1] === 'run') return [program, 'run', 'python'];
  const file = findProgram(program);
  const own = file === undefined ? undefined : shebangOf(file);
  if (own !== undefined) return own;
  return [findProgram('python') === undefined ? 'python3' : 'python'];
}

function shebangOf(file: string): readonly string[] | undefined {
  const start = Buffer.alloc(512);
  const handle = openSync(file, 'r');
  try {
    const text = start.toString('utf8', 0, readSync(handle, start, 0, start.length, 0));
    const [line = '', second = ''] = text.split('\n');
    if (!line.startsWith('#!')) return undefined;
    // pip writes the second form where the path is long or has spaces
    const words = line.includes('/env ') ? line.slice(line.indexOf('/env ') + 5).trim().split(/\s+/) : [line.slice(2).trim()];
    const exec = /^'''exec' "?([^"]+?)"? "\$0"/.exec(second)?.[1];
    const found = exec === undefined ? words : [exec];
    return /(?:python|pypy)[\d.]*$/.test(found.at(-1) ?? '') ? found.filter((word) => word !== '-S') : undefined;
  } finally {
    closeSync(handle);
  }
}

const askPython = `
import json, platform, re, sys
from importlib import metadata
found = {}
for one in metadata.distributions():
    name = one.metadata["Name"]
    if name is None or name.lower() in found:
        continue
    line = name + "==" + one.version
    direct = one.read_text("direct_url.json")
    if direct:
        told = json.loads(direct)
        vcs = told.get("vcs_info")
        if vcs:
            line = name + " @ " + vcs["vcs"] + "+" + told["url"] + "@" + vcs["commit_id"]
        elif told.get("dir_info", {}).get("editable"):
            line = "# editable: " + name + "==" + one.version
    found[name.lower()] = (name, one.version, line)
libraries = set()
for one in ("numpy", "scipy", "scikit-learn", "torch"):
    try:
        files = metadata.files(one) or []
    except metadata.PackageNotFoundError:
        continue
    libraries.update(file.name for file in files if re.search(r"(openblas|mkl_rt|blis|accelerate|gomp|iomp|libomp).*[.](so|dylib|dll)", file.name))
print(json.dumps({"version": platform.python_version(), "libc": " ".join(platform.libc_ver()).strip(), "libraries": sorted(libraries), "implementation": platform.python_implementation(), "path": sys.executable,
    "packages": [found[key] for key in sorted(found)]}))
`;

interface PythonAnswer {
  readonly version: string;
  readonly implementation: string;
  readonly path: string;
  /** name and version of the C library */
  readonly libc: string;
  /** files of the libraries that add up: BLAS and threads */
  readonly libraries: readonly string[];
  readonly packages: readonly (readonly [name: string, version: string, line: string])[];
}

/** Asks the Python of a command for its version and packages, and compares them with the lock; nothing when it does not answer. */
export async function gatherPython(
  words: readonly string[],
  folder: string,
  environment: NodeJS.ProcessEnv,
  lock: Lock | undefined,
): Promise<Gathered> {
  const [program = '', ...rest] = pythonOfCommand(words, folder);
  const answer = await ask(program, [...rest, '-c', askPython], folder, environment);
  if (answer === undefined) return { tags: {}, files: [] };
  const { implementation, packages } = answer;
  const text = packages.map(([, , line]) => `${line}\n`).join('');
  const differs = packages.flatMap(([name, version]) => {
    const wanted = lock?.versions.get(normal(name));
    return wanted === undefined || wanted === version || version.startsWith(`${wanted}+`) ? [] : [`${name} ${version} (locked ${wanted})`];
  });
  return {
    tags: {
      'tilth.python': `${answer.version}${implementation === 'CPython' ? '' : ` (${implementation})`}`,
      'tilth.python.path': answer.path,
      ...(answer.libc === '' ? {} : { 'tilth.libc': answer.libc }),
      ...(answer.libraries.length === 0 ? {} : { 'tilth.blas': fitting(answer.libraries) }),
      'tilth.packages': createHash('sha256').update(text).digest('hex'),
      'tilth.packages.count': String(packages.length),
      ...(differs.length === 0 ? {} : { 'tilth.lock.differs': fitting(differs) }),
    },
    files: [{ path: commandFiles.packages, content: text }],
  };
}

function ask(program: string, args: readonly string[], folder: string, environment: NodeJS.ProcessEnv): Promise<PythonAnswer | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: folder,
      // a json.py of the project's is not the one that we mean
      env: { ...environment, PYTHONSAFEPATH: '1', PYTHONWARNINGS: 'ignore' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000,
    });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.on('error', () => resolve(undefined));
    child.on('close', () => {
      try {
        const text = Buffer.concat(parts).toString('utf8');
        resolve(JSON.parse(text.slice(text.lastIndexOf('\n{"version"') + 1)) as PythonAnswer);
      } catch {
        resolve(undefined);
      }
    });
  });
}
