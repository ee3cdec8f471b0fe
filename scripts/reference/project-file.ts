import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { projectDeclaration } from '../../src/start/project/declaration.ts';
import { commentBefore, listAt, nameOf, nodeAt, readSources, root, type Node, type Source } from './source.ts';
import { code, pageHead, markdownTable } from './page.ts';
import { typeOf, type JsonSchema } from './shapes.ts';

const file = 'src/start/project/declaration.ts';

/** `docs/reference/project-file.md` */
export function projectFilePage(): string {
  const schema = z.toJSONSchema(projectDeclaration, { io: 'input' }) as JsonSchema;
  const comments = commentsByPath();
  const example = readFileSync(join(root, 'templates/ml-project/{{cookiecutter.project_slug}}/tilth.yaml'), 'utf8');
  const head = pageHead(
    'The project file',
    '`tilth.yaml` in the root of a project says what should happen to its data and models; the server holds what did happen. Tell the server of\na change with `tilth project register`. A file that does not fit is refused with the key of each fault.',
  );
  const parts = sections(schema, '', comments).map(({ path, text }) => `## ${path === '' ? 'The file' : code(path)}\n\n${text}\n`);
  return `${head}\n${parts.join('\n')}\n## Example\n\nThe file of the template that ships with tilth; \`{{ … }}\` is what the template fills in.\n\n\`\`\`yaml\n${example.trimEnd()}\n\`\`\`\n`;
}

interface Section {
  readonly path: string;
  readonly text: string;
}

/** One section per object, outer ones first; `<name>` is a key that the user chooses. */
function sections(schema: JsonSchema, path: string, comments: ReadonlyMap<string, string>): Section[] {
  const { properties } = schema;
  if (properties !== undefined) {
    const rows = Object.entries(properties).map(([key, inner]) => {
      const isNeeded = schema.required?.includes(key) === true;
      const about = comments.get(join2(path, key)) ?? '';
      return [code(key), code(briefType(inner)), isNeeded ? 'must be given' : standardOf(inner), about];
    });
    const own: Section = { path, text: markdownTable(['key', 'value', 'without it', ''], rows) };
    return [own, ...Object.entries(properties).flatMap(([key, inner]) => sections(inner, join2(path, key), comments))];
  }
  if (schema.items !== undefined) return sections(schema.items, `${path}[]`, comments);
  if (isSchema(schema.additionalProperties)) return sections(schema.additionalProperties, `${path}.<name>`, comments);
  const options = schema.oneOf ?? schema.anyOf;
  if (options?.every((option) => option.properties?.['kind'] !== undefined) === true) return [{ path, text: kindTable(options, path, comments) }];
  return [];
}

/** What a list takes whose entries are told apart by their `kind`. */
function kindTable(options: readonly JsonSchema[], path: string, comments: ReadonlyMap<string, string>): string {
  const rows = options.map((option) => {
    const { kind, ...rest } = option.properties ?? {};
    const keys = Object.entries(rest).map(([key, inner]) => {
      const about = comments.get(join2(path, key));
      return `${code(key)}: ${briefType(inner)}${about === undefined ? '' : `, ${about}`}`;
    });
    return [code(String(kind?.const)), keys.join('; ')];
  });
  return markdownTable(['kind', 'keys'], rows);
}

const join2 = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;

function briefType(schema: JsonSchema): string {
  if (schema.pattern !== undefined && /\[dhm\]/.test(schema.pattern)) return '14d, 12h, 30m';
  if (schema.properties !== undefined) return 'keys below';
  if (isSchema(schema.additionalProperties)) return 'a name each, keys below';
  if (schema.items !== undefined) return schema.items.properties === undefined && schema.items.oneOf === undefined ? `list of ${briefType(schema.items)}` : 'list, keys below';
  return `${typeOf(schema)}${bounds(schema)}`;
}

function bounds(schema: JsonSchema): string {
  const low = schema.exclusiveMinimum === undefined ? (schema.minimum === undefined ? '' : `${schema.minimum} ≤ `) : `${schema.exclusiveMinimum} < `;
  const isHuge = (schema.maximum ?? 0) >= Number.MAX_SAFE_INTEGER;
  const high = schema.exclusiveMaximum === undefined ? (schema.maximum === undefined || isHuge ? '' : ` ≤ ${schema.maximum}`) : ` < ${schema.exclusiveMaximum}`;
  return low === '' && high === '' ? '' : `, ${low}x${high}`;
}

const standardOf = (schema: JsonSchema): string =>
  schema.default === undefined ? 'not there' : isSchema(schema.default) && !Array.isArray(schema.default) ? 'its defaults' : code(JSON.stringify(schema.default));

/** Doc comments of the keys, by path. */
function commentsByPath(): Map<string, string> {
  const source = readSources(file)[0];
  if (source === undefined) throw new Error(`${file} is not there`);
  const constants = new Map<string, Node>();
  for (const statement of listAt(source.tree, 'body')) {
    const declaration = nodeAt(statement, 'declaration') ?? statement;
    for (const declarator of listAt(declaration, 'declarations')) {
      const name = nameOf(nodeAt(declarator, 'id'));
      const made = nodeAt(declarator, 'init');
      if (name !== undefined && made !== undefined) constants.set(name, made);
    }
  }
  const comments = new Map<string, string>();
  const root = constants.get('projectDeclaration');
  if (root !== undefined) collect(source, root, '', constants, comments);
  return comments;
}

function collect(source: Source, node: Node, path: string, constants: ReadonlyMap<string, Node>, comments: Map<string, string>): void {
  if (node.type === 'Identifier') {
    const made = constants.get(nameOf(node) ?? '');
    if (made !== undefined) collect(source, made, path, constants, comments);
    return;
  }
  const constant = constantBehind(node);
  if (constant !== undefined) {
    collect(source, constant, path, constants, comments);
    return;
  }
  const call = baseCall(node);
  if (call === undefined) return;
  const [first, second] = listAt(call.node, 'arguments');
  if (call.name === 'object' && first !== undefined) {
    for (const property of listAt(first, 'properties')) {
      const key = nameOf(nodeAt(property, 'key'));
      const value = nodeAt(property, 'value');
      if (key === undefined || value === undefined) continue;
      const inner = join2(path, key);
      const comment = commentBefore(source.text, property.start);
      if (comment !== '') comments.set(inner, comment);
      collect(source, value, inner, constants, comments);
    }
  } else if (call.name === 'record' && second !== undefined) collect(source, second, `${path}.<name>`, constants, comments);
  else if (call.name === 'array' && first !== undefined) collect(source, first, `${path}[]`, constants, comments);
  else if (call.name === 'discriminatedUnion' && second !== undefined) for (const option of listAt(second, 'elements')) collect(source, option, path, constants, comments);
}

/** The `x` of `x.optional().default(…)`. */
function constantBehind(node: Node): Node | undefined {
  const object = nodeAt(nodeAt(node, 'callee') ?? node, 'object');
  if (object === undefined) return undefined;
  if (object.type === 'Identifier') return nameOf(object) === 'z' ? undefined : object;
  return constantBehind(object);
}

/** `z.object(…)` of `z.object(…).default(…)`. */
function baseCall(node: Node): { node: Node; name: string } | undefined {
  const callee = nodeAt(node, 'callee');
  if (node.type !== 'CallExpression' || callee?.type !== 'MemberExpression') return undefined;
  const object = nodeAt(callee, 'object');
  if (nameOf(object) === 'z') return { node, name: nameOf(nodeAt(callee, 'property')) ?? '' };
  return object === undefined ? undefined : baseCall(object);
}
