import { posix } from 'node:path';
import { LineCounter, isMap, isScalar, isSeq, parseDocument, type Document, type Node } from 'yaml';
import type { Check, Finding } from './doctor.ts';
import { parseDockerfile } from './dockerfile.ts';
import { loopbackServer, withOpenHost } from './loopback-servers.ts';
import type { ProjectFiles } from './project-files.ts';

export const composeFiles: Check = {
  id: 'compose',
  title: 'Docker Compose',
  practice: 'start',
  find(files) {
    const all = readComposeFiles(files);
    // the paths of a file that is laid over another count from the folder of that other
    const isBase = ({ path }: ComposeFile): boolean =>
      baseNames.test(posix.basename(path)) || all.length === 1;
    return all.flatMap((compose) => [
      ...obsoleteVersion(compose),
      ...(isBase(compose) ? [...missingEnvironment(files, compose), ...builds(files, compose)] : []),
      ...commands(compose),
    ]);
  },
};

interface ComposeFile {
  readonly path: string;
  readonly text: string;
  readonly document: Document;
  readonly line: (node: Node) => number;
  readonly services: readonly { readonly name: string; readonly node: Node }[];
}

const baseNames = /^(?:docker-)?compose\.ya?ml$/;
const isComposeFile = (path: string): boolean =>
  /^(?:docker-)?compose[\w.-]*\.ya?ml$/.test(posix.basename(path));

function readComposeFiles(files: ProjectFiles): ComposeFile[] {
  return files.paths.filter(isComposeFile).flatMap((path) => {
    const text = files.text(path) ?? '';
    const counter = new LineCounter();
    const document = parseDocument(text, { lineCounter: counter });
    const services: unknown = document.get('services');
    if (document.errors.length > 0 || !isMap(services)) return [];
    return {
      path,
      text,
      document,
      line: (node: Node) => counter.linePos(node.range?.[0] ?? 0).line,
      services: services.items.flatMap(({ key, value }) =>
        isScalar(key) && isMap(value) ? [{ name: String(key.value), node: value }] : [],
      ),
    };
  });
}

/** Which Dockerfile is built from which folder. */
export interface ComposeBuild {
  readonly context: string;
  readonly dockerfile: string;
  readonly target: string | undefined;
}

export const composeBuilds = (files: ProjectFiles): ComposeBuild[] =>
  readComposeFiles(files).flatMap(({ path, services }) =>
    services.flatMap(({ node }) => buildOf(path, node)?.build ?? []),
  );

function buildOf(
  path: string,
  service: Node,
): { readonly node: Node; readonly build: ComposeBuild } | undefined {
  if (!isMap(service)) return undefined;
  const node: unknown = service.get('build', true);
  const folder = posix.dirname(path);
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const context = isScalar(node)
    ? text(node.value)
    : isMap(node)
      ? (text(node.get('context')) ?? '.')
      : undefined;
  if (context === undefined || /[$:]/.test(context) || !(isScalar(node) || isMap(node))) return undefined;
  const named = isMap(node) ? text(node.get('dockerfile')) : undefined;
  if (isMap(node) && node.has('dockerfile_inline')) return undefined;
  return {
    node,
    build: {
      context: posix.join(folder, context),
      dockerfile: posix.join(folder, context, named ?? 'Dockerfile'),
      target: isMap(node) ? text(node.get('target')) : undefined,
    },
  };
}

function obsoleteVersion({ path, text, document, line }: ComposeFile): Finding[] {
  const node: unknown = document.get('version', true);
  if (!isScalar(node)) return [];
  const at = line(node);
  return [
    {
      id: 'compose/version',
      severity: 'info',
      file: path,
      line: at,
      message:
        'every `docker compose` command warns: the attribute `version` is obsolete, it will be ignored',
      why: 'Compose has one format since version 2, and reads the file by it whatever is written here.',
      remedy: 'Remove the line.',
      fix: (files) => {
        const lines = text.split('\n');
        lines.splice(at - 1, (lines[at] ?? '').trim() === '' ? 2 : 1);
        files.write(path, lines.join('\n'));
      },
    },
  ];
}

function missingEnvironment(files: ProjectFiles, compose: ComposeFile): Finding[] {
  const { path, text, line } = compose;
  return compose.services.flatMap(({ name, node }) => {
    const given: unknown = isMap(node) ? node.get('env_file', true) : undefined;
    const entries = isScalar(given) ? [given] : isSeq(given) ? given.items : [];
    return entries.flatMap((entry): Finding[] => {
      const named: unknown = isScalar(entry)
        ? entry.value
        : isMap(entry) && entry.get('required') !== false
          ? entry.get('path')
          : undefined;
      if (typeof named !== 'string' || named.includes('$')) return [];
      const file = posix.join(posix.dirname(path), named);
      if (files.has(file)) return [];
      const example = [
        `${file}.example`,
        `${file}.sample`,
        `${file}.template`,
        `${file}.dist`,
        posix.join(posix.dirname(file), `example${posix.basename(file)}`),
      ].find((other) => files.has(other));
      const range = isScalar(entry) ? (entry.range ?? undefined) : undefined;
      return [
        {
          id: 'compose/env-file-missing',
          severity: example === undefined ? 'error' : 'info',
          file: path,
          line: line(isScalar(entry) || isMap(entry) ? entry : node),
          message: `\`docker compose\` stops for ${name}: env file ${file} not found`,
          why:
            example === undefined
              ? `Nothing in the project makes ${file}, and compose asks for it by default.`
              : `${file} is left to each person.`,
          remedy:
            example === undefined
              ? `Say that it may be absent (required: false, Compose 2.24 or later), or ship ${file}.example and say so in the README.`
              : `cp ${example} ${file}`,
          fix:
            example !== undefined || range === undefined
              ? undefined
              : (target) =>
                  target.write(
                    path,
                    withOptionalFile(text, range, isSeq(given) && given.flow !== true, isSeq(given)),
                  ),
        },
      ];
    });
  });
}

/** `.env` as `path: .env` with `required: false`, in the style of its place. */
function withOptionalFile(
  text: string,
  [start, end]: readonly [number, number, ...number[]],
  isBlock: boolean,
  isInList: boolean,
): string {
  const written = text.slice(start, end);
  const column = start - (text.lastIndexOf('\n', start - 1) + 1);
  const entry = isBlock
    ? `path: ${written}\n${' '.repeat(column)}required: false`
    : `{path: ${written}, required: false}`;
  return text.slice(0, start) + (isInList ? entry : `[${entry}]`) + text.slice(end);
}

function builds(files: ProjectFiles, { path, services, line }: ComposeFile): Finding[] {
  return services.flatMap(({ name, node }): Finding[] => {
    const found = buildOf(path, node);
    if (found === undefined || found.build.context.startsWith('..')) return [];
    const { context, dockerfile, target } = found.build;
    const stopped = (message: string, why: string, remedy: string): Finding[] => [
      { id: 'compose/build', severity: 'error', file: path, line: line(found.node), message, why, remedy },
    ];
    const text = files.text(dockerfile);
    if (text === undefined) {
      return files.has(dockerfile) || /\$/.test(dockerfile)
        ? []
        : stopped(
            `\`docker compose build ${name}\` stops: ${dockerfile} is not there`,
            `The service is built from ${context}.`,
            'Correct context or dockerfile.',
          );
    }
    const stages = parseDockerfile(dockerfile, text).stages.flatMap((stage) => stage.name ?? []);
    if (
      target === undefined ||
      target.includes('$') ||
      stages.includes(target.toLowerCase()) ||
      /^\d+$/.test(target)
    )
      return [];
    return stopped(
      `\`docker compose build ${name}\` stops: target stage "${target}" could not be found`,
      `${dockerfile} has ${stages.length === 0 ? 'no named stage' : stages.join(', ')}.`,
      'Name a stage that is there.',
    );
  });
}

function commands({ path, text, services, line }: ComposeFile): Finding[] {
  return services.flatMap(({ name, node }): Finding[] => {
    if (!isMap(node) || !node.has('ports')) return [];
    const command: unknown = node.get('command', true);
    if (!isScalar(command) && !isSeq(command)) return [];
    const [start, end] = command.range ?? [0, 0];
    const written = text.slice(start, end);
    const server = loopbackServer(written);
    if (server === undefined) return [];
    const edited = isScalar(command) ? withOpenHost(written) : undefined;
    return [
      {
        id: 'compose/listens-to-itself',
        severity: 'error',
        file: path,
        line: line(command),
        message: `the port of ${name} answers nothing: ${server} listens to 127.0.0.1 inside the container`,
        why: 'A port that Docker publishes reaches the container from outside, and the loopback is inside.',
        remedy: 'Add --host 0.0.0.0',
        fix:
          edited === undefined
            ? undefined
            : (files) => files.write(path, text.slice(0, start) + edited + text.slice(end)),
      },
    ];
  });
}
