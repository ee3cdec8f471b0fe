import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { findProgram, runProgram } from '../../start/project/programs.ts';
import type { ServedPython } from '../serving/serving-api.ts';

/** What is known of the Python that a model wants. */
export type WantedPython = Pick<ServedPython, 'path' | 'version' | 'packages'>;

export const environmentUnavailable = (why: string): TilthError =>
  new TilthError(
    'SERVING_ENVIRONMENT_UNAVAILABLE',
    503,
    `The Python environment of the model can't be had: ${why}`,
    'Check that the machine has that Python (python3.X -m venv works, or uv) and that pip reaches its index.',
  );

/**
 * A Python with the packages that the model was registered with: the very same one where this machine has it and it is
 * unchanged, else one that is made of the model's requirements, once, and kept.
 *
 * @param folder environments are kept below it
 * @param onLine what a making says, line by line
 * @throws SERVING_ENVIRONMENT_UNAVAILABLE
 */
export async function pythonFor(
  wanted: WantedPython,
  modelFolder: string,
  folder: string,
  onLine: (line: string) => void,
): Promise<string> {
  const { path } = wanted;
  if (path !== null && existsSync(path)) {
    const difference = await differenceOf(path, wanted);
    if (difference === undefined) return path;
    onLine(
      `${path} is no longer what the model was registered with (${difference}); making an environment of its own`,
    );
  }
  return makeEnvironment(wanted, modelFolder, folder, onLine);
}

/** Without a word from a registration: an environment of nothing but the model's own requirements. */
export const pythonOfRequirements = async (
  modelFolder: string,
  folder: string,
  onLine: (line: string) => void,
): Promise<string> =>
  makeEnvironment(
    { path: null, version: await pythonNamedBy(modelFolder), packages: {} },
    modelFolder,
    folder,
    onLine,
  );

/** MLflow writes `python: 3.11.7` into python_env.yaml beside the model. */
async function pythonNamedBy(modelFolder: string): Promise<string> {
  const text = await readFile(join(modelFolder, 'python_env.yaml'), 'utf8').catch(() => '');
  return /^python:\s*['"]?(\d+\.\d+(?:\.\d+)?)/m.exec(text)?.[1] ?? '';
}

const askVersions = `
import json, sys
from importlib.metadata import version, PackageNotFoundError
def of(name):
    try: return version(name)
    except PackageNotFoundError: return None
print(json.dumps({"python": "%d.%d" % sys.version_info[:2], "packages": {name: of(name) for name in sys.argv[1:]}}))
`;

/** The first thing in which a Python is another one than was wanted; undefined when it is as wanted. */
async function differenceOf(python: string, wanted: WantedPython): Promise<string | undefined> {
  const names = Object.keys(wanted.packages);
  const { status, output, errorOutput } = await runProgram(python, ['-c', askVersions, ...names]);
  if (status !== 0) return errorOutput.split('\n').at(-1) ?? 'it does not run';
  const found = JSON.parse(output) as { python: string; packages: Record<string, string | null> };
  if (found.python !== minorOf(wanted.version)) return `Python ${found.python}, not ${wanted.version}`;
  const name = names.find((one) => found.packages[one] !== wanted.packages[one]);
  return name === undefined
    ? undefined
    : `${name} ${found.packages[name] ?? 'is gone'}, not ${wanted.packages[name]}`;
}

const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.');

/** What the worker itself needs. */
const workerNeeds = ['numpy', 'pandas', 'PyYAML'];

/** By what decides its content: two models with the same requirements share one. */
async function makeEnvironment(
  wanted: WantedPython,
  modelFolder: string,
  folder: string,
  onLine: (line: string) => void,
): Promise<string> {
  const requirements = join(modelFolder, 'requirements.txt');
  const text = await readFile(requirements, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw environmentUnavailable(
      'the model has no requirements.txt, and the Python of its registration is not here.',
    );
  const pins = Object.entries(wanted.packages).map(([name, version]) => `${name}==${version}`);
  const hash = createHash('sha256')
    .update(JSON.stringify([minorOf(wanted.version), pins, text]))
    .digest('hex')
    .slice(0, 24);
  const place = join(folder, hash);
  const program = join(place, 'bin', 'python');
  if (existsSync(program)) return program;
  const base = await basePython(minorOf(wanted.version));
  const partial = `${place}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    onLine(`making a Python ${minorOf(wanted.version) || 'environment'} with the model’s requirements`);
    await mustRun(base, ['-m', 'venv', partial], modelFolder, onLine);
    const constraints = join(partial, 'constraints.txt');
    await writeFile(constraints, pins.join('\n'));
    const install = ['-r', requirements, ...workerNeeds, '-c', constraints];
    const uv = findProgram('uv');
    await (uv === undefined
      ? mustRun(
          join(partial, 'bin', 'python'),
          ['-m', 'pip', 'install', '--disable-pip-version-check', ...install],
          modelFolder,
          onLine,
        )
      : mustRun(
          uv,
          ['pip', 'install', '--python', join(partial, 'bin', 'python'), ...install],
          modelFolder,
          onLine,
        ));
    await rename(partial, place);
  } catch (thrown) {
    // another process may have made the same one meanwhile
    if (existsSync(program)) return program;
    throw thrown;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return program;
}

async function basePython(minor: string): Promise<string> {
  const named = process.env['TILTH_PYTHON'];
  for (const program of [`python${minor}`, named, 'python3']) {
    if (program === undefined || program === '' || program === 'python') continue;
    const { status, output } = await runProgram(program, [
      '-c',
      'import sys; print("%d.%d" % sys.version_info[:2])',
    ]);
    if (status === 0 && (minor === '' || output.trim() === minor)) return program;
  }
  throw environmentUnavailable(`the machine has no Python ${minor}.`);
}

async function mustRun(
  program: string,
  args: readonly string[],
  folder: string,
  onLine: (line: string) => void,
): Promise<void> {
  const { status, output, errorOutput } = await runProgram(program, args, { folder, onLine });
  if (status === 0) return;
  const said = `${output}\n${errorOutput}`.trim().split('\n').slice(-3).join(' ');
  throw environmentUnavailable(said);
}
