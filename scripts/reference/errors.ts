import { importedPath, listAt, literalOf, nameOf, nodeAt, nodesOf, readSources, type Node, type Source } from './source.ts';
import { code, pageHead } from './page.ts';

/** One place in the code that says that something went wrong. */
export interface ErrorUse {
  readonly code: string;
  readonly status: string;
  readonly message: string;
  readonly hint: string | null;
  readonly path: string;
}

/** A function that makes an error from what it is given: its calls are the places. */
interface Helper {
  readonly path: string;
  readonly name: string;
  readonly parameters: readonly string[];
  readonly made: Node;
}

type Known = ReadonlyMap<string, Node>;
const nothing: Known = new Map();

/** Every error that the code can make, by code and place. */
export function findErrors(sources: readonly Source[] = readSources()): ErrorUse[] {
  const helpers = sources.flatMap(helpersOf);
  const insideHelpers = new Set(helpers.map((helper) => helper.made));
  const uses = sources.flatMap((source) => {
    const visible = visibleHelpers(source, helpers);
    return [...nodesOf(source.tree)].flatMap((node): ErrorUse[] => {
      if (isErrorMade(node) && !insideHelpers.has(node)) return usesOf(source.path, node, nothing);
      const helper = node.type === 'CallExpression' ? visible.get(nameOf(nodeAt(node, 'callee')) ?? '') : undefined;
      if (helper === undefined) return [];
      const given = listAt(node, 'arguments');
      const known = new Map(helper.parameters.flatMap((name, index) => (given[index] === undefined ? [] : [[name, given[index]] as const])));
      return usesOf(source.path, helper.made, known, new Set(helper.parameters));
    });
  });
  const unique = new Map(uses.map((use) => [JSON.stringify(use), use]));
  return [...unique.values()].sort((a, b) => order(a.code, b.code) || order(a.path, b.path));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const isErrorMade = (node: Node): boolean => node.type === 'NewExpression' && nameOf(nodeAt(node, 'callee')) === 'TilthError';

function helpersOf(source: Source): Helper[] {
  return [...nodesOf(source.tree)].flatMap((node): Helper[] => {
    const isDeclared = node.type === 'FunctionDeclaration';
    const made = node.type === 'VariableDeclarator' ? nodeAt(node, 'init') : isDeclared ? node : undefined;
    const name = nameOf(nodeAt(node, 'id'));
    if (made === undefined || name === undefined || (!isDeclared && made.type !== 'ArrowFunctionExpression')) return [];
    const parameters = listAt(made, 'params').map((parameter) => nameOf(parameter) ?? nameOf(nodeAt(parameter, 'left')) ?? '');
    const errors = [...nodesOf(made)].filter(isErrorMade);
    return errors.flatMap((error) => {
      const [errorCode, , message] = listAt(error, 'arguments');
      const takes = [errorCode, message].some((each) => each?.type === 'Identifier' && parameters.includes(nameOf(each) ?? ''));
      return takes ? [{ path: source.path, name, parameters, made: error }] : [];
    });
  });
}

/** Helpers of the file itself and those that it imports, by the name they have there. */
function visibleHelpers(source: Source, helpers: readonly Helper[]): Map<string, Helper> {
  const visible = new Map(helpers.filter((helper) => helper.path === source.path).map((helper) => [helper.name, helper]));
  for (const node of listAt(source.tree, 'body')) {
    if (node.type !== 'ImportDeclaration') continue;
    const path = importedPath(source.path, String(literalOf(nodeAt(node, 'source'))));
    for (const specifier of listAt(node, 'specifiers')) {
      const helper = helpers.find((each) => each.path === path && each.name === nameOf(nodeAt(specifier, 'imported')));
      const local = nameOf(nodeAt(specifier, 'local'));
      if (helper !== undefined && local !== undefined) visible.set(local, helper);
    }
  }
  return visible;
}

function usesOf(path: string, made: Node, known: Known, parameters: ReadonlySet<string> = new Set()): ErrorUse[] {
  const resolve = (node: Node | undefined): Node | undefined => {
    const name = node?.type === 'Identifier' ? nameOf(node) : undefined;
    return name !== undefined && parameters.has(name) ? known.get(name) : node;
  };
  const [codeNode, statusNode, messageNode, hintNode] = listAt(made, 'arguments');
  const status = literalOf(resolve(statusNode));
  return alternatives(resolve(codeNode)).flatMap((codeOption) => {
    const found = literalOf(codeOption);
    // a code that is only passed on has its section where it is made
    if (typeof found !== 'string' || !/^[A-Z][A-Z0-9_]+$/.test(found)) return [];
    const messages = alternatives(resolve(messageNode)).map((option) => textOf(option, known));
    const hints = alternatives(resolve(hintNode)).map((option) => (isNothing(option) ? null : textOf(option, known)));
    return messages.map((message, index) => ({
      code: found,
      status: status === undefined ? 'as it was answered' : String(status),
      message,
      // alternatives of message and hint that are chosen by one condition belong together
      hint: hints.length === messages.length ? (hints[index] ?? null) : (hints[0] ?? null),
      path,
    }));
  });
}

const isNothing = (node: Node | undefined): boolean => node === undefined || (node.type === 'Identifier' && nameOf(node) === 'undefined');

function alternatives(node: Node | undefined): (Node | undefined)[] {
  if (node?.type !== 'ConditionalExpression') return [node];
  return [...alternatives(nodeAt(node, 'consequent')), ...alternatives(nodeAt(node, 'alternate'))];
}

/** A text with what is filled in as {name}. */
function textOf(node: Node | undefined, known: Known): string {
  const literal = literalOf(node);
  if (literal !== undefined) return String(literal);
  if (node?.type === 'TemplateLiteral') {
    const expressions = listAt(node, 'expressions');
    return listAt(node, 'quasis')
      .map((quasi, index) => {
        const { cooked } = quasi['value'] as { cooked: string };
        const expression = expressions[index];
        return cooked + (expression === undefined ? '' : filledIn(expression, known));
      })
      .join('');
  }
  if (node?.type === 'BinaryExpression' && node['operator'] === '+') return textOf(nodeAt(node, 'left'), known) + textOf(nodeAt(node, 'right'), known);
  return node === undefined ? '' : filledIn(node, known);
}

function filledIn(node: Node, known: Known): string {
  const name = nameOf(node);
  const given = name === undefined ? undefined : known.get(name);
  if (node.type === 'Identifier' && given !== undefined && given !== node) return textOf(given, nothing);
  if (node.type === 'CallExpression' && memberText(nodeAt(node, 'callee')) === 'JSON.stringify') return `"${placeholder(listAt(node, 'arguments')[0])}"`;
  return placeholder(node);
}

function placeholder(node: Node | undefined): string {
  if (node?.type === 'ConditionalExpression') {
    const options = alternatives(node).map(literalOf);
    if (options.every((option) => option !== undefined)) return `{${options.filter((option) => option !== '').join('|')}}`;
  }
  const name = nameWithin(node);
  return name === undefined ? '{…}' : `{${name}}`;
}

/** The name in an expression that tells a reader most. */
function nameWithin(node: Node | undefined): string | undefined {
  switch (node?.type) {
    case 'Identifier':
      return nameOf(node);
    case 'MemberExpression':
      return node['computed'] === true ? nameWithin(nodeAt(node, 'object')) : memberText(node);
    case 'CallExpression': {
      const callee = nodeAt(node, 'callee');
      // what is asked of a value, or the value that is handed to a function
      if (callee?.type === 'MemberExpression') return nameWithin(nodeAt(callee, 'object'));
      return nameWithin(listAt(node, 'arguments')[0]) ?? nameWithin(callee);
    }
    case 'LogicalExpression':
    case 'BinaryExpression':
      return nameWithin(nodeAt(node, 'left'));
    case 'TSNonNullExpression':
    case 'TSAsExpression':
    case 'ChainExpression':
      return nameWithin(nodeAt(node, 'expression'));
    default:
      return undefined;
  }
}

function memberText(node: Node | undefined): string | undefined {
  if (node?.type === 'Identifier') return nameOf(node);
  if (node?.type === 'PrivateIdentifier') return node['name'] as string;
  if (node?.type !== 'MemberExpression') return undefined;
  const object = nodeAt(node, 'object');
  const property = memberText(nodeAt(node, 'property'));
  return object?.type === 'ThisExpression' ? property : [memberText(object), property].filter(Boolean).join('.');
}

/** `docs/reference/errors.md` */
export function errorsPage(): string {
  const byCode = Map.groupBy(findErrors(), (use) => use.code);
  const sections = [...byCode].map(([name, uses]) => {
    const statuses = [...new Set(uses.map((use) => use.status))].join(', ');
    const where = [...new Set(uses.map((use) => use.path))].map(code).join(', ');
    const says = uses.map((use) => `- ${escaped(use.message)}${use.hint === null ? '' : `<br>→ ${escaped(use.hint)}`}`);
    return `## ${name}\n\nStatus ${statuses}, from ${where}.\n\n${[...new Set(says)].join('\n')}\n`;
  });
  const head = pageHead(
    'Errors',
    'Every error has a code that stays; message and hint may improve. What stands in braces is filled in. On the API an error is\n' +
      '`{"error": {"code", "message", "hint", "details"}}` with the status below; a command prints message and hint, and ends with 1 (2 for\n' +
      'USAGE, 3 for SERVER_NOT_REACHABLE, 70 for BUG). MLflow and Open Inference routes answer the same in their own shape.',
  );
  return `${head}\n${sections.join('\n')}`;
}

/** Message text as Markdown: what stands in angle brackets is not HTML, a star is not emphasis. */
const escaped = (text: string): string =>
  text.replaceAll(/[<>]/g, (sign) => (sign === '<' ? '&lt;' : '&gt;')).replaceAll(/[*_]/g, String.raw`\$&`).replaceAll(/\s*\n\s*/g, ' ');
