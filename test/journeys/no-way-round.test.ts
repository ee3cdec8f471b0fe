import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { createLogger } from '../../src/platform/log.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { features } from '../../src/server/features.ts';
import { temporaryHome } from '../../src/server/test-world.ts';
import { registerProject } from '../../src/start/project/project-store.ts';
import { localActor } from '../../src/team/can.ts';
import { actorOfToken, addPerson, issueToken } from '../../src/team/people-store.ts';
import type { Actor } from '../../src/platform/actor.ts';
import { createEndpoint } from '../../src/deploy/endpoints/endpoints.ts';
import { findEndpointRow, writeRoute } from '../../src/deploy/endpoints/endpoint-store.ts';
import { servingConfigOf } from '../../src/deploy/endpoints/serving-state.ts';
import { approve, requestApproval } from '../../src/deploy/registry/approvals/approvals.ts';
import type { Bundle } from '../../src/deploy/registry/approvals/approval.ts';
import { updateVersionRow } from '../../src/deploy/registry/registry-store.ts';
import { fileKeyOf } from '../../src/deploy/registry/served-file.ts';
import { registerVersion } from '../../src/deploy/registry/versions.ts';
import { startDataPlane, type DataPlane } from '../../src/deploy/serving/data-plane.ts';
import { lateSchema, rowAt, splitOf, until } from '../../src/deploy/serving/test-control-plane.ts';

/** Everybody there may be, and nobody at all: who calls without a token is the local user. */
const roles = {
  vera: ['viewer'],
  eve: ['contributor'],
  ana: ['contributor', 'maintainer'],
  otto: ['operator'],
  ben: ['reviewer', 'operator'],
  adam: ['admin'],
} as const;
const callers = [...Object.keys(roles), 'nobody'];

const declaration = `
project: flights
datasets:
  flights: { path: data/raw, owner: ana }
models:
  late: { dataset: flights, task: binary-classification, target: late, owner: ana, experiment: late, endpoint: late }
`;

interface Door {
  readonly method: string;
  readonly path: string;
}

/** The one door that is meant to open: what somebody with the role says goes through it. */
const isTheDoor = ({ path }: Door): boolean => /\/versions\/\{?:?\w+\}?\/approve$/.test(path);

/** Values by the name of a field or parameter, the most dangerous most often. */
const plausible: Record<string, readonly unknown[]> = {
  name: ['late', 'late', 'free', 'copy', 'other'],
  model: ['late', 'late', 'free', 'copy'],
  new_name: ['late', 'copy', 'late2'],
  version: [2, 2, 1, '2', '3'],
  champion: [2, 2, 1, 3],
  alias: ['champion', 'champion', 'challenger', 'Champion', 'production'],
  stage: ['Production', 'production', 'Staging', 'Archived', 'None'],
  archive_existing_versions: [true, false],
  canary: [
    { version: 2, share: 0.5 },
    { version: 2, share: 1 },
    { version: 1, share: 0.1 },
  ],
  shadows: [[2], [], [1, 2]],
  source: ['models:/late/2', 'models:/late/1', 's3://bucket/model', 'runs:/0/model'],
  modelUri: ['models:/late/2', 'models:/late/1'],
  roles: [['reviewer'], ['contributor', 'reviewer'], ['admin']],
  id: ['ana', 'eve', 'new', 'late'],
  title: ['data scientist'],
  email: [null],
  isSimulated: [false],
  reason: ['because', 'I am alone'],
  text: ['please'],
  key: ['tilth.dataset.flights', 'mlflow.prompt.is_prompt', 'stage'],
  value: ['true', 'x'],
  tags: [[], [{ key: 'champion', value: '2' }]],
  description: ['better'],
  revision: [1, 2, 3],
  to: ['ana', 'ben'],
  from: ['ana', 'eve'],
  person: ['ana', 'eve'],
  model_id: ['m-1'],
  run_id: [''],
  steering: ['advance', 'pause', 'stop', 'resume', 'finish'],
};

interface Call {
  readonly caller: string;
  readonly door: Door;
  readonly values: Record<string, unknown>;
}

describe('no way leads round the approval', () => {
  const home = temporaryHome();
  const project = mkdtempSync(join(tmpdir(), 'tilth project '));
  const planeHome = temporaryHome();
  const tokens: Record<string, string> = {};
  const people: Record<string, Actor> = {};
  let server: RunningServer;
  let plane: DataPlane;
  let doors: Door[];
  let bodies: Map<string, Schema>;

  const graphOf = (file: string): Buffer =>
    readFileSync(new URL(`../fixtures/serving/${file}`, import.meta.url));

  async function addVersion(model: string, file: string, by: Actor): Promise<void> {
    const { world } = server;
    const { version } = await registerVersion(world, by, {
      model,
      source: 's3://bucket/model',
      createsModel: true,
    });
    const digest = createHash('sha256').update(graphOf(file)).digest('hex');
    await world.blobs.put(fileKeyOf('onnx', digest), graphOf(file));
    await setGraph(model, version, file);
  }

  /** What a conversion leaves on a version. */
  async function setGraph(model: string, version: number, file: string): Promise<void> {
    const graph = graphOf(file);
    const digest = createHash('sha256').update(graph).digest('hex');
    await server.world.database.write((tx) =>
      updateVersionRow(tx, model, version, {
        engine: 'onnx',
        reason: null,
        artifact_digest: digest,
        onnx_digest: digest,
        onnx_byte_count: graph.length,
        schema: JSON.stringify(lateSchema),
        schema_hash: digest,
        lifecycle: 'active',
      }),
    );
  }

  async function restorePeople(): Promise<void> {
    const { world } = server;
    for (const [id, has] of Object.entries(roles)) {
      const person = { id, name: id, email: null, title: 'data scientist', isSimulated: false } as const;
      await addPerson(world, localActor, { ...person, roles: [...has] });
      const isGood = await Promise.resolve(
        actorOfToken(world.database.read, tokens[id] ?? 'tilth_pat_none', Date.now()),
      ).catch(() => undefined);
      if (isGood === undefined) tokens[id] = (await issueToken(world, localActor, id, 1)).token;
      people[id] = await actorOfToken(world.database.read, tokens[id] ?? '', Date.now());
    }
  }

  /** A version that could answer if it only were approved, asked for and waiting, beside a champion that does answer. */
  async function arm(): Promise<void> {
    const { world } = server;
    await restorePeople();
    await setGraph('late', 2, 'late-2.onnx');
    const endpoint = await findEndpointRow(world.database.read, 'late');
    if (endpoint?.isStopped === true)
      await createEndpoint(world, people['ben'] as Actor, { name: 'late', model: 'late' });
    await requestApproval(world, people['ana'] as Actor, { model: 'late', version: 2 });
    const [served] = (await servingConfigOf(world.database.read)).endpoints;
    assert.deepEqual(
      served?.targets.find((each) => each.variant === 'champion')?.version,
      1,
      'something answers at all',
    );
  }

  before(async () => {
    const log = createLogger('test', 'silent');
    server = await startServer({ home, port: 0, log });
    const { world } = server;
    mkdirSync(join(project, 'data'));
    writeFileSync(join(project, 'tilth.yaml'), declaration);
    await restorePeople();
    await registerProject(world, localActor, project);
    for (const name of ['root', 'folder', 'path']) plausible[name] = [project];
    const [ana, ben] = [people['ana'] as Actor, people['ben'] as Actor];
    await addVersion('late', 'late-1.onnx', ana);
    await addVersion('late', 'late-2.onnx', ana);
    await addVersion('free', 'late-2.onnx', ana);
    await createEndpoint(world, ben, { name: 'late', model: 'late' });
    await requestApproval(world, ana, { model: 'late', version: 1 });
    await approve(world, ben, { model: 'late', version: 1 });
    plane = await startDataPlane({
      home: planeHome,
      port: 0,
      server: server.address,
      token: tokens['ben'],
      log,
    });
    await until(async () => (await ask('/endpoints/late/invocations', splitOf([rowAt(0)]))).status === 200);
    doors = doorsOf(server);
    bodies = await bodiesOf(server);
  });
  after(async () => {
    await plane.close();
    await server.close();
    home.remove();
    planeHome.remove();
    rmSync(project, { recursive: true, force: true });
  });

  const ask = (path: string, body: unknown): Promise<Response> =>
    fetch(`${plane.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  async function knock({ caller, door, values }: Call): Promise<number> {
    const path = door.path.replaceAll(/\{(\w+)\}|:(\w+)(\{[^}]*\})?/g, (_all, one?: string, other?: string) =>
      encodeURIComponent(textOf(values[one ?? other ?? ''] ?? 'late')),
    );
    const token = tokens[caller];
    const query = new URLSearchParams(
      Object.fromEntries(
        Object.entries(values).flatMap(([name, value]) =>
          typeof value === 'object' ? [] : [[name, textOf(value)]],
        ),
      ),
    );
    const isRead = door.method === 'GET';
    const answer = await fetch(
      `${server.address}${path}${isRead || door.method === 'DELETE' ? `?${query.toString()}` : ''}`,
      {
        method: door.method,
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(isRead ? {} : { body: JSON.stringify(values) }),
        signal: AbortSignal.timeout(3000),
      },
    ).catch(() => undefined);
    await answer?.body?.cancel().catch(() => undefined);
    return answer?.status ?? 0;
  }

  /** Whatever may answer was approved, by somebody else than who asked and who registered, on these very bytes. */
  async function holds(said: string): Promise<void> {
    const { read } = server.world.database;
    const config = await servingConfigOf(read);
    for (const { name, model, targets } of config.endpoints) {
      for (const { version, variant } of targets) {
        if (variant === 'shadow') continue;
        const served = config.versions.find((each) => each.model === model && each.version === version);
        const granted = await read
          .selectFrom('approval')
          .innerJoin('model_version', (join) =>
            join
              .onRef('model_version.model', '=', 'approval.model')
              .onRef('model_version.version', '=', 'approval.version'),
          )
          .selectAll('approval')
          .select('model_version.created_by')
          .where('approval.model', '=', model)
          .where('approval.version', '=', version)
          .where('decided_by', 'is not', null)
          .where('state', 'in', ['granted', 'void'])
          .execute();
        const isRight = granted.some(
          (each) =>
            (JSON.parse(each.bundle) as Bundle).onnxDigest === served?.digest &&
            each.decided_by !== each.requested_by &&
            each.decided_by !== each.created_by,
        );
        assert.ok(isRight, `${said}: version ${version} of ${model} answers at ${name} without an approval`);
        assert.deepEqual([model, version], ['late', 1], said);
      }
    }
  }

  /** The data plane itself, however it is asked. */
  async function planeAnswersApproved(): Promise<void> {
    const rows = splitOf([rowAt(0)]);
    const infer = {
      inputs: [
        { name: 'dep_delay', datatype: 'FP32', shape: [1], data: [1] },
        { name: 'distance', datatype: 'FP32', shape: [1], data: [1] },
        { name: 'carrier', datatype: 'BYTES', shape: [1], data: ['AA'] },
      ],
    };
    for (const model of ['late', 'free', 'copy', 'other', 'late2']) {
      for (const [path, body] of [
        [`/endpoints/${model}/invocations`, rows],
        [`/v2/models/${model}/infer`, infer],
        [`/v2/models/${model}/versions/2/infer`, infer],
        [`/v2/models/${model}/versions/3/infer`, infer],
        ['/invocations', rows],
      ] as const) {
        const answer = await ask(path, body);
        await answer.body?.cancel();
        if (answer.ok) assert.equal(answer.headers.get('x-tilth-version'), '1', path);
      }
    }
  }

  it('finds the routes of the whole server, MLflow’s among them', () => {
    const said = new Set(doors.map(({ method, path }) => `${method} ${path}`));
    for (const door of [
      'PUT /api/v1/models/:model/alias',
      'POST /api/2.0/mlflow/registered-models/alias',
      'POST /ajax-api/2.0/mlflow/model-versions/transition-stage',
      'PUT /api/v1/endpoints/:name/route',
    ])
      assert.ok(said.has(door), `${door} is not among ${said.size}`);
    assert.ok(doors.length > 200, String(doors.length));
  });

  it(
    'through any route, in any role, aimed at the version that nobody approved',
    { timeout: 240_000 },
    async () => {
      const aimed = {
        name: 'late',
        model: 'late',
        version: 2,
        champion: 2,
        alias: 'champion',
        stage: 'Production',
      };
      for (const door of doors) {
        if (door.method !== 'GET') await arm();
        for (const caller of callers) {
          if (isTheDoor(door) && caller === 'ben') continue;
          if (isEndless(door)) continue;
          const status = await knock({
            caller,
            door,
            values: {
              ...fieldsOf(door, bodies.get(keyOf(door)), () => 1),
              ...aimedAt(bodies.get(keyOf(door)), aimed),
            },
          });
          if (status === 200 && door.method !== 'GET') await holds(`${caller} ${door.method} ${door.path}`);
        }
      }
      await holds('after every door');
      await planeAnswersApproved();
    },
  );

  it('and a route that did would be seen', async () => {
    const { world } = server;
    await arm();
    const before = await findEndpointRow(world.database.read, 'late');
    const route = {
      name: 'late',
      model: 'late',
      isStopped: false,
      at: Date.now(),
      by: 'mallory',
      reason: 'planted',
    };
    const planted = [{ version: 2, variant: 'champion' as const, weight: 1 }];
    await world.database.write((tx) => writeRoute(tx, { ...route, targets: planted }));
    await assert.rejects(holds('planted'), /version 2 of late answers at late without an approval/);
    await world.database.write((tx) => writeRoute(tx, { ...route, targets: before?.targets ?? [] }));
    await holds('afterwards');
  });

  it('through any sequence of calls', { timeout: 240_000 }, async () => {
    const changing = doors.filter((door) => door.method !== 'GET' && !isEndless(door));
    // what has to do with models is tried most
    const near = changing.filter(({ path }) =>
      /model|endpoint|approv|alias|project|people|retrain|import|rollout|serving|handover/.test(path),
    );
    const call: fc.Arbitrary<Call> = fc
      .record({
        caller: fc.constantFrom(...callers),
        door: fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(...near) },
          { weight: 1, arbitrary: fc.constantFrom(...changing) },
        ),
        dice: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
      })
      .map(({ caller, door, dice }) => ({
        caller,
        door,
        values: fieldsOf(door, bodies.get(keyOf(door)), diceOf(dice)),
      }))
      .filter(({ caller, door }) => !(isTheDoor(door) && caller === 'ben'));
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 20, maxLength: 60 }), async (calls) => {
        await arm();
        const said: string[] = [];
        for (const each of calls) {
          const status = await knock(each);
          said.push(`${each.caller} ${each.door.method} ${each.door.path} ${status}`);
          if (status === 200) await holds(said.join('\n'));
        }
      }),
      { numRuns: 120, seed: 7, endOnFailure: true },
    );
    await planeAnswersApproved();
  });
});

/** Streams that never end, and what belongs to the page's files. */
const isEndless = ({ path }: Door): boolean => /\/stream|\/events$|\/follow|\*/.test(path);

const keyOf = ({ method, path }: Door): string =>
  `${method} ${path.replaceAll(/:(\w+)(\{[^}]*\})?/g, '{$1}')}`;

/** A JSON schema, as far as bodies of requests need it. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** A number below a limit; over again when the dice are used up. */
type Dice = (limit: number) => number;
const diceOf = (thrown: readonly number[]): Dice => {
  let next = 0;
  return (limit) => (thrown[next++ % thrown.length] ?? 0) % limit;
};

/**
 * Fields for a call: of a native route what its documentation says that it takes, of MLflow's, which ignores what it does
 * not know, all there are. Parameters of the path are among them.
 */
function fieldsOf({ path }: Door, body: Schema | undefined, dice: Dice): Record<string, unknown> {
  const inPath = [...path.matchAll(/:(\w+)/g)].map((found) => found[1] ?? '');
  const fields: Record<string, unknown> = {};
  for (const name of inPath) fields[name] = oneOf(plausible[name] ?? ['late'], dice);
  if (/mlflow/.test(path)) {
    for (const [name, values] of Object.entries(plausible))
      if (dice(10) > 0) fields[name] ??= oneOf(values, dice);
    return fields;
  }
  for (const [name, schema] of Object.entries(body?.properties ?? {})) {
    const isNeeded = body?.required?.includes(name) === true || name in plausible;
    if (isNeeded ? dice(12) > 0 : dice(2) > 0) fields[name] = valueOf(name, schema, dice);
  }
  return fields;
}

function valueOf(name: string, schema: Schema, dice: Dice): unknown {
  if (schema.enum !== undefined) return oneOf(schema.enum, dice);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return valueOf(name, oneOf(choices, dice) as Schema, dice);
  const type = Array.isArray(schema.type) ? (schema.type[0] as string) : (schema.type as string | undefined);
  const fitting = (plausible[name] ?? []).filter(
    (value) => typeOf(value) === (type === 'integer' ? 'number' : type),
  );
  if (fitting.length > 0) return oneOf(fitting, dice);
  if (type === 'object')
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, valueOf(key, inner, dice)]),
    );
  if (type === 'array') return [valueOf(name, schema.items ?? {}, dice)];
  if (type === 'integer' || type === 'number') return oneOf([2, 1, 0], dice);
  if (type === 'boolean') return dice(2) === 1;
  return type === 'null' ? null : 'late';
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const oneOf = (values: readonly unknown[], dice: Dice): unknown => values[dice(values.length)];
const typeOf = (value: unknown): string =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;

/** What is aimed at, without fields that the route does not take. */
const aimedAt = (body: Schema | undefined, aimed: Record<string, unknown>): Record<string, unknown> =>
  body?.properties === undefined
    ? aimed
    : {
        ...aimed,
        ...Object.fromEntries(Object.entries(aimed).filter(([name]) => name in (body.properties ?? {}))),
      };

/** Every route that a feature registers, so that a new one is tried without being named here. */
function doorsOf({ world }: RunningServer): Door[] {
  const found = new Map<string, Door>();
  for (const feature of features) {
    for (const { method, path } of feature.routes?.(world).routes ?? []) {
      for (const one of method === 'ALL' ? ['GET', 'POST', 'PUT', 'DELETE'] : [method])
        found.set(`${one} ${path}`, { method: one, path });
    }
    for (const key of feature.directRoutes?.(world).keys() ?? []) {
      const [method = '', path = ''] = key.split(' ');
      found.set(key, { method, path });
    }
  }
  return [...found.values()];
}

interface OpenApi {
  readonly paths: Record<
    string,
    Record<string, { requestBody?: { content?: Record<string, { schema?: Schema & { $ref?: string } }> } }>
  >;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/** What each native route takes, as its own documentation says. */
async function bodiesOf({ address }: RunningServer): Promise<Map<string, Schema>> {
  const { paths, components } = (await (await fetch(`${address}/api/v1/openapi.json`)).json()) as OpenApi;
  const found = new Map<string, Schema>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { requestBody }] of Object.entries(methods)) {
      const schema = requestBody?.content?.['application/json']?.schema;
      const named = schema?.$ref?.split('/').at(-1);
      const body = named === undefined ? schema : components?.schemas?.[named];
      if (body !== undefined) found.set(`${method.toUpperCase()} ${path}`, body);
    }
  }
  return found;
}
