import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { declarationFile } from '../project/declaration-file.ts';
import type { Check, Finding } from './doctor.ts';
import type { ProjectFiles } from './project-files.ts';
import { isTable, isText } from './pyproject.ts';

export const dvcFiles: Check = {
  id: 'dvc',
  title: 'data that DVC keeps',
  practice: 'start',
  find(files) {
    if (!files.has('.dvc/config')) return [];
    const pointers = files.paths
      .filter((path) => path.endsWith('.dvc'))
      .flatMap((path) => readPointer(files, path));
    return [
      ...pointers.flatMap((pointer) => onePointer(files, pointer)),
      ...remote(files, pointers),
      ...ignoreFile(files),
      ...stages(files),
    ];
  },
};

interface Pointer {
  readonly file: string;
  readonly line: number;
  /** the data, relative to the project */
  readonly output: string;
  readonly md5: string;
  /** the only output of its file */
  readonly isAlone: boolean;
}

function readPointer(files: ProjectFiles, file: string): Pointer[] {
  const counter = new LineCounter();
  const document = parseDocument(files.text(file) ?? '', { lineCounter: counter });
  const value: unknown = document.errors.length > 0 ? undefined : document.toJS();
  const outs = isTable(value) && Array.isArray(value['outs']) ? (value['outs'] as unknown[]) : [];
  return outs.flatMap((out, index) => {
    if (!isTable(out) || !isText(out['md5']) || !isText(out['path']) || out['cache'] === false) return [];
    const node: unknown = document.getIn(['outs', index], true);
    const offset = isTable(node) && Array.isArray(node['range']) ? Number(node['range'][0]) : 0;
    const wdir = isTable(value) && isText(value['wdir']) ? value['wdir'] : '.';
    return {
      file,
      line: counter.linePos(offset).line,
      output: posix.join(posix.dirname(file), wdir, out['path']),
      md5: out['md5'],
      isAlone: outs.length === 1,
    };
  });
}

function onePointer(files: ProjectFiles, pointer: Pointer): Finding[] {
  const { output, md5, file, line } = pointer;
  const tracked = [...files.tracked].filter(
    (path) => (path === output || path.startsWith(`${output}/`)) && files.has(path),
  );
  const isCached = ['.dvc/cache', '.dvc/cache/files/md5'].some((cache) =>
    files.has(`${cache}/${md5.slice(0, 2)}/${md5.slice(2)}`),
  );
  const isNowhere = !isCached && !hasRemote(files) && !keepsDataInTilth(files);
  // what is recorded is no more than the placeholders that git keeps: without the pointer nothing is lost
  const isOnlyPlaceholders =
    tracked.length > 0 &&
    tracked.every((path) => files.bytes(path)?.length === 0) &&
    folderHash(files, output) === md5;
  const takeAway =
    pointer.isAlone && isNowhere && isOnlyPlaceholders
      ? (target: ProjectFiles): void => target.remove(file)
      : undefined;
  const findings: Finding[] = [];
  if (isNowhere) {
    findings.push({
      id: 'dvc/object-nowhere',
      severity: 'error',
      file,
      line,
      message: `\`dvc pull\` and \`dvc checkout\` fail for ${output}: nobody has the object ${md5}`,
      why: `The cache of this machine does not hold it, and the project names no remote where it could be.${
        isOnlyPlaceholders ? ' It stands for nothing but the empty placeholder that git has.' : ''
      }`,
      remedy:
        takeAway === undefined
          ? 'Whoever has the data names a remote (`dvc remote add -d NAME ADDRESS`) and pushes; otherwise add the data again.'
          : `Remove ${file}, and run \`tilth data add ${output}\` or \`dvc add ${output}\` once there is data.`,
      fix: takeAway,
    });
  }
  if (tracked.length > 0) {
    findings.push({
      id: 'dvc/output-in-git',
      severity: 'error',
      file: tracked[0] ?? file,
      line: 1,
      message: `\`dvc add ${output}\` is refused: ${tracked.length === 1 ? `git tracks ${tracked[0] ?? ''}` : `git tracks ${tracked.length} files`} inside it`,
      why: `One content has one keeper; ${file} says that DVC keeps it.`,
      remedy: `Take it out of git's index, where the files stay: git rm -r --cached ${output}`,
      fix: takeAway,
    });
  } else if (
    !isIgnored(files, output) &&
    files.paths.some((path) => path === output || path.startsWith(`${output}/`))
  ) {
    const folder = posix.dirname(output);
    const ignoreFile = posix.join(folder, '.gitignore');
    findings.push({
      id: 'dvc/output-not-ignored',
      severity: 'warning',
      file,
      line,
      message: `the next \`git add .\` puts the data of ${output} into git`,
      why: 'DVC writes the path into .gitignore when it adds data; that line is missing.',
      remedy: `Add the line /${posix.basename(output)} to ${ignoreFile}.`,
      fix: (target) => {
        const text = target.text(ignoreFile) ?? '';
        target.write(
          ignoreFile,
          `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}/${posix.basename(output)}\n`,
        );
      },
    });
  }
  return findings;
}

/** As DVC names a folder: the md5 of the JSON list of its files, by path. */
function folderHash(files: ProjectFiles, folder: string): string | undefined {
  const root = join(files.root, folder);
  const below = (path: string): string[] =>
    readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
      const at = path === '' ? entry.name : `${path}/${entry.name}`;
      return entry.isDirectory() ? below(at) : [at];
    });
  try {
    if (!lstatSync(root).isDirectory()) return undefined;
    const paths = below('').toSorted();
    if (paths.length > 1000) return undefined;
    const list = paths.map((relpath) => {
      const md5 = createHash('md5')
        .update(readFileSync(join(root, relpath)))
        .digest('hex');
      return `{"md5": "${md5}", "relpath": ${JSON.stringify(relpath)}}`;
    });
    return `${createHash('md5')
      .update(`[${list.join(', ')}]`)
      .digest('hex')}.dir`;
  } catch {
    return undefined;
  }
}

const isIgnored = (files: ProjectFiles, path: string): boolean => {
  const lines = (files.text(posix.join(posix.dirname(path), '.gitignore')) ?? '')
    .split('\n')
    .map((line) => line.trim());
  return lines.includes(`/${posix.basename(path)}`) || lines.includes(`/${posix.basename(path)}/`);
};

/** A remote, or a cache that is kept elsewhere. */
const hasRemote = (files: ProjectFiles): boolean =>
  ['.dvc/config', '.dvc/config.local'].some((path) =>
    /^\s*\[['"]?(?:remote|cache)\b/m.test(files.text(path) ?? ''),
  );

/** The server of `tilth up` keeps the versions of declared datasets. */
const keepsDataInTilth = (files: ProjectFiles): boolean => files.has(declarationFile);

function remote(files: ProjectFiles, pointers: readonly Pointer[]): Finding[] {
  const keepsData = pointers.length > 0 || files.has('dvc.lock');
  if (!keepsData || hasRemote(files) || keepsDataInTilth(files)) return [];
  return [
    {
      id: 'dvc/no-remote',
      severity: 'warning',
      file: '.dvc/config',
      line: 1,
      message: '`dvc push` and `dvc pull` have nowhere to go: no remote is configured',
      why: 'Data that is only in the cache of one machine is gone with that machine, and colleagues never get it.',
      remedy: 'dvc remote add -d NAME ADDRESS (a bucket, a server or a shared folder), then `dvc push`.',
    },
  ];
}

function ignoreFile(files: ProjectFiles): Finding[] {
  if (files.has('.dvcignore')) return [];
  return [
    {
      id: 'dvc/no-dvcignore',
      severity: 'info',
      file: '.dvcignore',
      message: 'there is no .dvcignore: DVC looks through every folder, and takes stray files for data',
      why: '`dvc init` writes one; caches and .DS_Store inside a data folder change its hash.',
      remedy: 'Add one with the patterns that are never data.',
      fix: (target) =>
        target.write(
          '.dvcignore',
          '# Never data, wherever it lies; the same patterns as in .gitignore.\n.DS_Store\n.ipynb_checkpoints\n__pycache__\n',
        ),
    },
  ];
}

function stages(files: ProjectFiles): Finding[] {
  if (files.paths.some((path) => posix.basename(path) === 'dvc.yaml')) return [];
  return [
    {
      id: 'dvc/no-stages',
      severity: 'info',
      file: '.dvc/config',
      line: 1,
      message: '`dvc repro` has nothing to do: there is no dvc.yaml',
      why: 'Which command makes which data and which model from what is known to people only.',
      remedy: 'Write the stages down: dvc stage add --name train --deps … --outs … COMMAND',
    },
  ];
}
