import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { fileUnreadable } from './dvc-errors.ts';
import { tomlPackage } from './lazy-packages.ts';
import { readPythonLiterals } from './python-literals.ts';
import { readYaml } from './yaml-read.ts';
import { isMap, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

/** Text of a file by its absolute path, undefined when it is not there: of the disk, or of a commit. */
export type ReadText = (path: string) => string | undefined;

/** Values of a file of parameters by its absolute path, undefined when it is not there. */
export type ReadParams = (path: string) => YamlMap | undefined;

export function readTextFromDisk(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (reason) {
    const { code, message } = reason as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw fileUnreadable(path, message);
  }
}

/** Reads each file once, for as long as nothing writes: many stages share one `params.yaml`. */
export function paramsReader(readText: ReadText = readTextFromDisk): ReadParams {
  const known = new Map<string, YamlMap | undefined>();
  return (path) => {
    if (!known.has(path)) {
      const text = readText(path);
      known.set(path, text === undefined ? undefined : parseParams(text, basename(path)));
    }
    return known.get(path);
  };
}

/**
 * Values of YAML, JSON, TOML, or of the literals that a Python file assigns; what the name's ending says, else YAML.
 *
 * @throws DVC_FILE_UNREADABLE
 */
export function parseParams(text: string, name: string): YamlMap {
  const value = parseValues(text, name) ?? new Map();
  if (isMap(value)) return value;
  throw fileUnreadable(name, 'it should hold keys and values');
}

/** The same for a file that may hold a single value, as a metric can. @throws DVC_FILE_UNREADABLE */
export function parseValues(text: string, name: string): YamlValue {
  switch (extname(name).toLowerCase()) {
    case '.json':
      return parseJson(text, name);
    case '.toml':
      return attempt(name, () => valueOf(tomlPackage().parse(text, { integersAsBigInt: true })));
    case '.py':
      return readPythonLiterals(text, name);
    default:
      return readYaml(text, name);
  }
}

/** JSON whose numbers keep their kind: `1` is an integer, `1.0` a float. */
export function parseJson(text: string, name: string): YamlValue {
  if (text.trim() === '') return new Map();
  return attempt(name, () =>
    valueOf(
      JSON.parse(text, function (this: unknown, _key: string, value: unknown, context?: { source?: string }) {
        return typeof value === 'number' && /^-?\d+$/.test(context?.source ?? '')
          ? BigInt(context?.source ?? 0)
          : value;
      } as (key: string, value: unknown) => unknown),
    ),
  );
}

function attempt(name: string, work: () => YamlValue): YamlValue {
  try {
    return work();
  } catch (reason) {
    throw fileUnreadable(name, reason instanceof Error ? reason.message : String(reason));
  }
}

function valueOf(value: unknown): YamlValue {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(valueOf);
  if (value instanceof Date)
    throw new TypeError(`the date ${String(value)} is not quoted; DVC refuses dates`);
  if (typeof value === 'object')
    return new Map<YamlScalar, YamlValue>(Object.entries(value).map(([key, item]) => [key, valueOf(item)]));
  return value as YamlScalar;
}
