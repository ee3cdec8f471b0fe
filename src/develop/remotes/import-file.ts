import { hash } from 'node:crypto';
import { relative, sep } from 'node:path';
import { contentFields, saveDvcFile } from '../dvc-files/dvc-file.ts';
import { valueJson } from '../dvc-files/value-json.ts';
import type { Content } from '../dvc-files/content.ts';
import { yamlMap, type YamlMap, type YamlScalar, type YamlValue } from '../dvc-files/yaml-value.ts';

export interface ImportRecord {
  /** the `.dvc` file, absolute */
  readonly file: string;
  /** its whole dep: path, repo, etag, … */
  readonly dep: YamlMap;
  /** all keys of its out, with the content when that is known */
  readonly out: YamlMap;
  /** false: written down only, nothing was looked at (`--no-exec`) */
  readonly isLooked: boolean;
  /** keys of a file that is there already */
  readonly before?: YamlMap | undefined;
}

/** Writes the `.dvc` file of an import: frozen, with its own md5 first, by which dvc sees that somebody changed it. */
export function saveImport({ file, dep, out, isLooked, before }: ImportRecord): void {
  const rest = [...(before ?? new Map())].filter(
    ([key]) => !['md5', 'frozen', 'deps', 'outs'].includes(String(key)),
  );
  const fields: YamlMap = new Map<string, YamlValue>([...rest, ['deps', [dep]], ['outs', [out]]]);
  const head = yamlMap({
    md5: isLooked ? stageHash(fields) : undefined,
    frozen: before?.get('frozen') ?? true,
  });
  saveDvcFile(file, new Map([...head, ...fields]));
}

/** An out's keys; without content it is only named. */
export const outFields = (path: string, file: string, content: Content | undefined): YamlMap => {
  const name = relative(file.slice(0, file.lastIndexOf('/')), path)
    .split(sep)
    .join('/');
  return yamlMap(
    content === undefined ? { hash: 'md5', path: name } : { ...contentFields(content), path: name },
  );
};

/** What people say about data, how a stage is treated, and how much there is, are no part of what it is. */
const leftOut = new Set<YamlScalar>(
  'desc type labels meta locked frozen metric persist isexec size nfiles'.split(' '),
);

/** The md5 of a stage as dvc takes it. @see dvc, stage/utils.py, compute_md5 */
export function stageHash(fields: YamlMap): string {
  const own = new Map(
    [...fields].filter(([key, value]) => key !== 'md5' && !(key === 'wdir' && value === '.')),
  );
  return hash('md5', valueJson(own, { isSorted: true, leftOut }));
}
