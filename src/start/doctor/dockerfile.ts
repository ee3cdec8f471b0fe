import { posix } from 'node:path';
import { DockerfileParser, type Instruction } from 'dockerfile-ast';
import type { ProjectFiles } from './project-files.ts';

/** One instruction with its variables put in where they are known. */
export interface Step {
  readonly keyword: string;
  /** from 1 */
  readonly line: number;
  readonly lastLine: number;
  /** without flags, expanded; an unknown variable stays as `${NAME}` */
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
  /** the whole argument text as written */
  readonly raw: string;
  /** what the variables come to before this step */
  readonly variables: ReadonlyMap<string, string>;
  readonly instruction: Instruction;
}

export interface Stage {
  readonly name: string | undefined;
  readonly image: string;
  /** the stage it continues */
  readonly parent: Stage | undefined;
  readonly line: number;
  readonly steps: readonly Step[];
}

export interface Dockerfile {
  readonly path: string;
  readonly text: string;
  readonly stages: readonly Stage[];
}

export const isDockerfile = (path: string): boolean =>
  /^(?:Dockerfile|Containerfile)(?:\.[\w-]+)?$|\.dockerfile$/i.test(posix.basename(path)) &&
  !/\.(?:md|dockerignore)$/.test(path);

export const readDockerfiles = (files: ProjectFiles): Dockerfile[] =>
  files.paths.filter(isDockerfile).flatMap((path) => {
    const text = files.text(path);
    return text === undefined ? [] : [parseDockerfile(path, text)];
  });

export function parseDockerfile(path: string, text: string): Dockerfile {
  const lines = text.split('\n');
  const stages: (Stage & { readonly steps: Step[] })[] = [];
  const globals = new Map<string, string>();
  let variables = new Map<string, string>();
  const ends = new Map<Stage, ReadonlyMap<string, string>>();
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    const range = instruction.getRange();
    const raw = argumentText(lines.slice(range.start.line, range.end.line + 1), range.start.character);
    if (keyword === 'FROM') {
      const words = raw.split(/\s+/).filter((word) => word !== '' && !word.startsWith('--'));
      const image = expand(words[0] ?? '', globals);
      const parent = stages.findLast(({ name }) => name !== undefined && name === image.toLowerCase());
      variables = new Map(parent === undefined ? [] : ends.get(parent));
      const stage = { name: words[2]?.toLowerCase(), image, parent, line: range.start.line + 1, steps: [] };
      stages.push(stage);
      ends.set(stage, variables);
      continue;
    }
    const words = argumentsOf(raw, keyword);
    const flags: Record<string, string> = {};
    while (words[0]?.startsWith('--') === true) {
      const [, name = '', value = ''] = /^--([\w-]+)=?(.*)$/.exec(words.shift() ?? '') ?? [];
      flags[name] = expand(value, variables);
    }
    const before = new Map(variables);
    stages.at(-1)?.steps.push({
      keyword,
      line: range.start.line + 1,
      lastLine: range.end.line + 1,
      words: words.map((word) => expand(word, before)),
      flags,
      raw,
      variables: before,
      instruction,
    });
    const target = stages.length === 0 ? globals : variables;
    for (const [name, value] of assignments(keyword, raw)) {
      if (value !== undefined) target.set(name, expand(value, before));
      else if (globals.has(name)) target.set(name, globals.get(name) ?? '');
    }
  }
  return { path, text, stages };
}

/** A stage and those that it continues, the first one first. */
export const lineage = (stage: Stage): Stage[] => [
  ...(stage.parent === undefined ? [] : lineage(stage.parent)),
  stage,
];

/** What follows the keyword, flags too, without the comments between continued lines. */
const argumentText = ([first = '', ...rest]: readonly string[], column: number): string =>
  [first.slice(column).replace(/^\s*\S+\s*/, ''), ...rest.filter((line) => !/^\s*#/.test(line))].join('\n');

function argumentsOf(raw: string, keyword: string): string[] {
  const flags = /^(?:\s*--[\w-]+(?:=\S*)?)*/.exec(raw)?.[0] ?? '';
  const rest = raw.slice(flags.length).trim();
  const before = flags.split(/\s+/).filter((word) => word !== '');
  if (rest.startsWith('[') && keyword !== 'ENV' && keyword !== 'ARG') {
    try {
      const list: unknown = JSON.parse(rest);
      if (Array.isArray(list)) return [...before, ...list.map(String)];
    } catch {
      // Docker reads it as a shell command then, and so do we
    }
  }
  return [
    ...before,
    ...rest
      .replaceAll('\\\n', ' ')
      .split(/\s+/)
      .filter((word) => word !== ''),
  ];
}

function assignments(keyword: string, raw: string): [name: string, value: string | undefined][] {
  if (keyword === 'ARG') {
    return raw
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => {
        const [, name = '', value] = /^(\w+)(?:=(.*))?$/s.exec(word) ?? [];
        return [name, value === undefined ? undefined : unquoted(value)];
      });
  }
  if (keyword !== 'ENV') return [];
  const text = raw.replaceAll(/\\\n/g, ' ');
  const old = /^(\w+)\s+([^=\s].*)$/s.exec(text);
  if (old !== null) return [[old[1] ?? '', unquoted((old[2] ?? '').trim())]];
  return [...text.matchAll(/(\w+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:\\.|\S)*)/g)].map(
    ([, name = '', value = '']) => [name, unquoted(value)],
  );
}

const unquoted = (text: string): string => /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;

const expand = (text: string, variables: ReadonlyMap<string, string>): string =>
  text.replaceAll(
    /\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)/g,
    (written, braced: string | undefined, otherwise: string | undefined, plain: string | undefined) => {
      const name = braced ?? plain ?? '';
      return variables.get(name) ?? otherwise ?? written;
    },
  );

/** Names that a text asks for. */
export const variablesIn = (text: string): string[] =>
  [...text.matchAll(/\$\{(\w+)\}|\$(\w+)/g)].map(([, braced, plain]) => braced ?? plain ?? '');
