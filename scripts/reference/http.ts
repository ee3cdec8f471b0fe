import { globSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { answers, createApi, createRoute, type Api } from '../../src/platform/http.ts';
import { features } from '../../src/server/features.ts';
import { createTestWorld } from '../../src/server/test-world.ts';
import { code, markdownTable, pageHead } from './page.ts';
import { bodyOf, canonical, typeOf, type JsonSchema, type ShapeNames } from './shapes.ts';
import { listAt, literalOf, nameOf, nodeAt, nodesOf, readSources, root, type Node } from './source.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: JsonSchema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>> };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>> }>>;
}

interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Route {
  readonly method: string;
  readonly path: string;
}

/** All routes of the data plane; a test compares them with its code. */
const dataPlaneRoutes: readonly (Route & { readonly what: string })[] = [
  { method: 'POST', path: '/endpoints/{name}/invocations', what: 'Predictions in MLflow’s formats: dataframe_split, dataframe_records, instances, inputs, CSV' },
  { method: 'POST', path: '/invocations', what: 'The same, where there is one endpoint' },
  { method: 'POST', path: '/v2/models/{name}/infer', what: 'Predictions by the Open Inference Protocol, JSON or binary tensors' },
  { method: 'POST', path: '/v2/models/{name}/versions/{version}/infer', what: 'The same, asked of one version' },
  { method: 'GET', path: '/v2/models/{name}', what: 'What the model takes and gives' },
  { method: 'GET', path: '/v2/models/{name}/versions/{version}', what: 'The same, of one version' },
  { method: 'GET', path: '/v2/models/{name}/ready', what: 'Whether the endpoint answers' },
  { method: 'GET', path: '/v2/models/{name}/versions/{version}/ready', what: 'The same, of one version' },
  { method: 'GET', path: '/v2/models/{name}/config', what: 'The model’s configuration, as Triton’s clients ask for it' },
  { method: 'GET', path: '/v2/models/{name}/versions/{version}/config', what: 'The same, of one version' },
  { method: 'GET', path: '/v2/models/{name}/stats', what: 'What its versions answered so far, as Triton’s clients ask for it' },
  { method: 'GET', path: '/v2/models/{name}/versions/{version}/stats', what: 'The same, of one version' },
  { method: 'GET', path: '/v2/models/stats', what: 'The same, of all endpoints' },
  { method: 'GET', path: '/v2/models', what: 'Names of the endpoints' },
  { method: 'POST', path: '/v2/repository/models/{name}/load', what: 'Success for what is served already, and a refusal for anything else' },
  { method: 'POST', path: '/v2/repository/models/{name}/unload', what: 'Refused: a route says what is served' },
  { method: 'POST', path: '/v1/models/{name}:predict', what: 'Predictions by KServe’s V1: instances or inputs' },
  { method: 'GET', path: '/v1/models/{name}', what: 'Whether the endpoint answers' },
  { method: 'GET', path: '/v1/models', what: 'Names of the endpoints' },
  { method: 'GET', path: '/api/2.0/endpoints/', what: 'The endpoints, as mlflow.deployments lists them' },
  { method: 'GET', path: '/api/2.0/endpoints/{name}', what: 'One of them' },
  { method: 'GET', path: '/', what: 'That the process lives, in KServe’s V1' },
  { method: 'GET', path: '/v2/', what: 'As /v2' },
  { method: 'POST', path: '/v2/repository/index', what: 'Every endpoint with the versions it routes to' },
  { method: 'GET', path: '/v2', what: 'Name, version and extensions of the server' },
  { method: 'GET', path: '/v2/health/live', what: 'Whether the process lives' },
  { method: 'GET', path: '/v2/health/ready', what: 'Whether it has its configuration' },
  { method: 'GET', path: '/health', what: 'The same with particulars; 503 until the first configuration and while it drains' },
  { method: 'GET', path: '/ping', what: 'MLflow’s question whether a model is there' },
  { method: 'GET', path: '/version', what: 'Version of the software' },
  { method: 'GET', path: '/openapi.json', what: 'What its endpoints take and give, as OpenAPI' },
  { method: 'GET', path: '/metrics', what: 'Counters and latencies for Prometheus' },
];

/** `docs/reference/http.md` */
export async function httpPage(): Promise<string> {
  const world = await createTestWorld();
  try {
    const app = createApi();
    for (const feature of features) if (feature.routes !== undefined) app.route('/', feature.routes(world));
    const document = documentOf(app);
    const names = await namedShapes();
    const used = new Map<string, JsonSchema>();
    const native = nativeSections(document, names, used);
    const described = new Set(Object.entries(document.paths ?? {}).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)));
    const others = plainRoutes(app).filter((route) => !described.has(`${route.method} ${route.path}`));
    const isMlflow = (route: Route): boolean => /^\/(ajax-)?api\/(2|3)\.0\//.test(route.path);
    return [
      pageHead(
        'HTTP',
        'The control plane (`tilth server`) has the native API and MLflow’s; the data plane (`tilth serve`) answers predictions. The native API as\nOpenAPI: `/api/v1/openapi.json`. A token goes in `authorization: Bearer TOKEN`; MLflow’s clients send it by themselves from\n`MLFLOW_TRACKING_TOKEN`. Errors: errors.md. A field with `?` may be missing.',
      ),
      '## Native\n',
      ...native,
      '### Without a shape\n',
      'Bytes and text, not JSON.\n',
      table(others.filter((route) => !isMlflow(route) && route.path.startsWith('/api/'))),
      '',
      '### Of the server itself\n',
      markdownTable(
        ['method', 'path', ''],
        [
          ['GET', code('/health'), 'OK when it answers'],
          ['GET', code('/metrics'), 'Its state for Prometheus'],
          ['GET', code('/api/v1/openapi.json'), 'The native API as OpenAPI 3.1'],
        ],
      ),
      '',
      '## MLflow\n',
      'As MLflow’s clients and its REST documentation know them; each also below `/ajax-api`.\n',
      table(others.filter((route) => isMlflow(route) && !route.path.startsWith('/ajax-api') && route.method !== 'ALL')),
      '',
      '## Data plane\n',
      markdownTable(['method', 'path', ''], dataPlaneRoutes.map(({ method, path, what }) => [method, code(path), what])),
      '',
      '## Shapes\n',
      ...shapeSections(used, names),
    ].join('\n');
  } finally {
    await world.close();
  }
}

const documentOf = (app: Api): Document => app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'tilth', version: '' } }) as unknown as Document;

const table = (routes: readonly Route[]): string => markdownTable(['method', 'path'], routes.map(({ method, path }) => [method, code(path)]));

/** Routes that hono knows, with `{id}` for a parameter, each once. */
function plainRoutes(app: Api): Route[] {
  const found = app.routes.map(({ method, path }) => ({ method, path: path.replaceAll(/:(\w+)(\{[^}]*\})?/g, '{$1}') }));
  const unique = new Map(found.filter(({ path }) => !path.includes('*')).map((route) => [`${route.path} ${route.method}`, route]));
  return [...unique.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, route]) => route);
}

function nativeSections(document: Document, names: ShapeNames, used: Map<string, JsonSchema>): string[] {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const byPart = Map.groupBy(operations, ({ path }) => path.split('/')[3] ?? '');
  return [...byPart].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([part, all]) => [`### ${part}\n`, ...all.map((each) => operationText(each, names, used))]);
}

function operationText({ path, method, operation }: Route & { operation: Operation }, names: ShapeNames, used: Map<string, JsonSchema>): string {
  const shape = (schema: JsonSchema): string => {
    remember(schema, names, used);
    return typeOf(schema, names);
  };
  const answer = operation.responses?.['200'];
  const taken = operation.requestBody?.content?.['application/json']?.schema;
  const given = answer?.content?.['application/json']?.schema;
  const query = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
  const lines = [
    ...query.map(({ name, required, schema }) => `?${name}${required === true ? '' : '?'}: ${shape(schema ?? {})}${schema?.default === undefined ? '' : ` = ${JSON.stringify(schema.default)}`}`),
    ...(taken === undefined ? [] : [`takes ${shape(taken)}`]),
    ...(given === undefined ? [] : [`gives ${shape(given)}`]),
  ];
  return `#### ${method} ${path}\n\n${answer?.description ?? ''}.\n\n\`\`\`ts\n${lines.join('\n')}\n\`\`\`\n`;
}

/** Keeps the named shapes below a schema, so that each is written out once. */
function remember(schema: JsonSchema, names: ShapeNames, used: Map<string, JsonSchema>): void {
  const name = names.get(canonical(schema));
  if (name !== undefined) {
    if (used.has(name)) return;
    used.set(name, schema);
  }
  const inner = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(schema.allOf ?? []),
    ...(schema.prefixItems ?? []),
  ];
  for (const each of inner) remember(each, names, used);
}

const shapeSections = (used: ReadonlyMap<string, JsonSchema>, names: ShapeNames): string[] =>
  [...used].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, schema]) => `### ${name}\n\n\`\`\`ts\n${bodyOf(schema, names)}\n\`\`\`\n`);

/** Shapes that `*-api.ts` files export, by the schema that they have in the document. */
async function namedShapes(): Promise<Map<string, string>> {
  const api = createApi();
  const exported: { name: string; path: string }[] = [];
  for (const file of globSync('src/**/*-api.ts', { cwd: root }).sort()) {
    const module = (await import(join(root, file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) {
      if (!(value instanceof z.ZodObject)) continue;
      const path = `/${exported.length}`;
      exported.push({ name: `${name.charAt(0).toUpperCase()}${name.slice(1)}`, path });
      api.openapi(createRoute({ method: 'get', path, responses: answers(value, '') }), () => {
        throw new Error('only described');
      });
    }
  }
  const document = documentOf(api);
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { name, path } of exported) {
    const schema = document.paths?.[path]?.['get']?.responses?.['200']?.content?.['application/json']?.schema;
    if (schema === undefined || names.has(canonical(schema))) continue;
    let free = name;
    for (let number = 2; taken.has(free); number += 1) free = `${name}${number}`;
    taken.add(free);
    names.set(canonical(schema), free);
  }
  return names;
}

/** Paths that the data plane's code knows and the table above doesn't, and the other way round. */
export function dataPlaneFaults(): string[] {
  const files = ['plane-routes.ts', 'dialects/inference-routes.ts'].map((name) => `src/deploy/serving/${name}`);
  const sources = files.map((file) => readSources(file)[0]);
  const missing = files.filter((_, index) => sources[index] === undefined);
  if (missing.length > 0) return missing.map((file) => `${file} is not there`);
  const known = new Set(dataPlaneRoutes.map(({ path }) => path));
  const written = new Set<string>();
  for (const node of sources.flatMap((source) => (source === undefined ? [] : [...nodesOf(source.tree)]))) {
    const regex = node.type === 'Literal' ? (node['regex'] as { pattern: string } | undefined) : undefined;
    if (regex?.pattern.startsWith('^\\/') === true) for (const path of pathsOf(regex.pattern)) written.add(path);
    const plain = objectOfPaths(node);
    if (plain !== undefined) for (const property of listAt(plain, 'properties')) written.add(nameOf(nodeAt(property, 'key')) ?? '');
    const compared = node.type === 'BinaryExpression' && nameOf(nodeAt(node, 'left')) === 'path' ? literalOf(nodeAt(node, 'right')) : undefined;
    if (typeof compared === 'string') written.add(compared);
  }
  return [
    ...[...written].filter((path) => !known.has(path)).map((path) => `the data plane answers ${path}, and scripts/reference/http.ts does not say so`),
    ...[...known].filter((path) => !written.has(path)).map((path) => `scripts/reference/http.ts has ${path}, and the data plane does not answer it`),
  ];
}

/** The object of routes without parameters: a field or a constant. */
function objectOfPaths(node: Node): Node | undefined {
  if (node.type === 'PropertyDefinition' && nodeAt(node, 'key')?.['name'] === 'plain') return nodeAt(node, 'value');
  const isConstant = node.type === 'VariableDeclarator' && nameOf(nodeAt(node, 'id')) === 'plainDocuments';
  return isConstant ? nodeAt(node, 'init') : undefined;
}

/** Paths that a pattern such as `^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?\/infer$` stands for. */
function pathsOf(pattern: string): string[] {
  const text = pattern.replace(/^\^/, '').replace(/\$$/, '').replaceAll('\\/', '/').replaceAll('\\.', '.').replaceAll('([^/:]+)', '([^/]+)');
  const withVersion = text.replace('(?:/versions/([^/]+))?', '/versions/{version}').replaceAll('([^/]+)', '{name}');
  const without = text.replace('(?:/versions/([^/]+))?', '').replaceAll('([^/]+)', '{name}');
  return [...new Set([withVersion, without])].flatMap((path) => {
    const choice = /\((\w+(?:\|\w+)+)\)$/.exec(path);
    if (choice !== null) return (choice[1] ?? '').split('|').map((end) => path.slice(0, choice.index) + end);
    const options = /\(((?:\/\w+\|?)+)\)\?$/.exec(path);
    if (options === null) return [path];
    const start = path.slice(0, options.index);
    return [start, ...(options[1] ?? '').split('|').map((end) => start + end)];
  });
}
