// nobody who asks an endpoint notices what happens behind it
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../../src/platform/world.ts';
import { createLogger } from '../../src/platform/log.ts';
import { createHome, resolveHome, type Home } from '../../src/platform/home.ts';
import { createEndpoint, rollbackEndpoint, routeEndpoint } from '../../src/deploy/endpoints/endpoints.ts';
import { approve, requestApproval } from '../../src/deploy/registry/approvals/approvals.ts';
import { updateVersionRow } from '../../src/deploy/registry/registry-store.ts';
import { fileKeyOf } from '../../src/deploy/registry/served-file.ts';
import { registerVersion } from '../../src/deploy/registry/versions.ts';
import type { ServedVersion } from '../../src/deploy/serving/serving-api.ts';
import {
  columns,
  expected,
  late1,
  late2,
  loggedIn,
  rowAt,
} from '../../src/deploy/serving/test-control-plane.ts';
import {
  makePythonModels,
  needsTestPython,
  saidInPython,
  servePythonModel,
} from '../../src/deploy/serving/engines/test-python-models.ts';
import { startServer } from '../../src/server/server.ts';
import { registerProject } from '../../src/start/project/project-store.ts';
import { localActor } from '../../src/team/can.ts';
import { isTaken, processesNaming, program, start, type Started } from './processes.ts';

const requestCount = Number(process.env['TILTH_JOURNEY_REQUESTS'] ?? 5_000);
const callers = 12;
/** one of so many requests goes to the model of its own Python */
const pythonEvery = 20;

interface Answered {
  readonly status: number;
  readonly version: string;
  readonly requestId: string;
  readonly body: string;
}

/**
 * A client as simple as they come: it goes to the other plane when one refuses the connection, and repeats nothing that was
 * sent. As any load balancer does, it goes back to a plane that refused when that says that it is ready.
 */
class Client {
  readonly #ports: readonly number[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: callers });
  readonly #away = new Set<number>();
  #turn = 0;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  async ask(endpoint: string, body: string): Promise<Answered> {
    for (let attempt = 0; ; attempt++) {
      const there = this.#ports.filter((each) => !this.#away.has(each));
      const port = there[this.#turn++ % there.length] ?? this.#ports[0] ?? 0;
      try {
        return await this.#send(port, endpoint, body);
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'ECONNREFUSED' || attempt > 200) throw thrown;
        if (!this.#away.has(port)) void this.#awaitReady(port);
        await sleep(attempt < 2 ? 0 : 25);
      }
    }
  }

  async #awaitReady(port: number): Promise<void> {
    this.#away.add(port);
    while (!(await isReady(port).catch(() => false))) await sleep(50, undefined, { ref: false });
    this.#away.delete(port);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(port: number, endpoint: string, body: string): Promise<Answered> {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const path = `/endpoints/${endpoint}/invocations`;
      const sent = request(
        { host: '127.0.0.1', port, path, method: 'POST', agent: this.#agent, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('error', reject).on('end', () => {
            const { 'x-tilth-version': version, 'x-tilth-request-id': requestId } = response.headers;
            resolve({
              status: response.statusCode ?? 0,
              version: String(version),
              requestId: String(requestId),
              body: text,
            });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

async function openPlane(home: Home, port: number, server: string): Promise<Started> {
  const plane = start(
    [
      program,
      'serve',
      '--port',
      String(port),
      '--home',
      home.root,
      '--server',
      server,
      '--drain-delay-ms',
      '300',
    ],
    {
      env: { ...process.env, TILTH_TOKEN: '' },
    },
  );
  for (let tries = 0; !(await isReady(port)); tries++) {
    if (tries > 300 || plane.child.exitCode !== null) {
      const health = await fetch(`http://127.0.0.1:${port}/health`).then((answer) => answer.text(), String);
      plane.child.kill('SIGKILL');
      throw new Error(
        `the plane at ${port} does not get ready: ${health} ${(await plane.ended).stderr.slice(-3000)}`,
      );
    }
    await sleep(100);
  }
  return plane;
}

async function isReady(port: number): Promise<boolean> {
  if (!(await isTaken(port))) return false;
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  const { endpoints } = (await health.json()) as { endpoints?: string[] };
  return health.status === 200 && (endpoints?.length ?? 0) >= 2;
}

/** A version as its registration and conversion leave it. */
async function putVersion(world: World, served: ServedVersion, bytes: Buffer): Promise<number> {
  const { model, engine, digest, byteCount, schema, schemaHash } = served;
  await world.blobs.put(fileKeyOf(engine, digest), bytes);
  const { version } = await registerVersion(world, localActor, {
    model,
    source: 's3://bucket/model',
    createsModel: true,
  });
  const file =
    engine === 'onnx'
      ? { onnx_digest: digest, onnx_byte_count: byteCount }
      : { bundle_digest: digest, bundle_byte_count: byteCount, python: JSON.stringify(served.python) };
  await world.database.write((tx) =>
    updateVersionRow(tx, model, version, {
      engine,
      reason: null,
      artifact_digest: digest,
      schema: JSON.stringify(schema),
      schema_hash: schemaHash,
      ...file,
    }),
  );
  await requestApproval(world, localActor, { model, version });
  await approve(world, localActor, { model, version, reason: 'alone here' });
  return version;
}

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/serving/${name}`, import.meta.url));

test(
  `${requestCount} requests are answered right, none lost, over 20 swaps, a rollback, two restarts of planes, a killed worker and a control plane that goes`,
  { ...needsTestPython, timeout: 3_600_000 },
  async (context: TestContext) => {
    const folder = mkdtempSync(join(tmpdir(), 'tilth-swaps-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const homeOf = (name: string): Home => createHome(resolveHome(join(folder, name)));
    await makePythonModels(folder, ['forest']);
    const python = await servePythonModel(folder, 'forest');
    const said = saidInPython(folder, 'forest');
    writeFileSync(
      join(folder, 'tilth.yaml'),
      [
        'project: swaps',
        'datasets: { flights: { path: data, owner: ana } }',
        'models:',
        ...['late', 'forest'].map(
          (name) =>
            `  ${name}: { dataset: flights, task: binary-classification, target: late, owner: ana, experiment: late, endpoint: ${name} }`,
        ),
      ].join('\n'),
    );
    const server = await startServer({
      home: homeOf('server'),
      port: 0,
      log: createLogger('test', 'silent'),
    });
    let isServerOpen = true;
    const closeServer = async (): Promise<void> => {
      if (isServerOpen) await server.close();
      isServerOpen = false;
    };
    context.after(closeServer);
    const { world } = server;
    await registerProject(world, localActor, folder);
    await putVersion(world, late1, fixture('late-1.onnx'));
    await putVersion(world, late2, fixture('late-2.onnx'));
    await putVersion(world, python, readFileSync(join(folder, 'forest.bundle')));
    for (const name of ['late', 'forest']) await createEndpoint(world, localActor, { name, model: name });

    const [portA, portB] = [await quietPort(), await quietPort()];
    const homes = [homeOf('a'), homeOf('b')] as const;
    let [planeA, planeB] = [
      await openPlane(homes[0], portA, server.address),
      await openPlane(homes[1], portB, server.address),
    ];
    context.after(() => {
      planeA.child.kill('SIGKILL');
      planeB.child.kill('SIGKILL');
    });
    const client = new Client([portA, portB]);
    context.after(() => client.close());

    const answeredBy = new Map<string, number>();
    const ids = new Set<string>();
    const wrong: string[] = [];
    let [asked, busy] = [0, 0];
    const truth = { '1': expected['late-1'].label, '2': expected['late-2'].label } as Readonly<
      Record<string, (number | string)[]>
    >;

    const one = async (index: number): Promise<void> => {
      const isPython = index % pythonEvery === 0;
      const row = index % (isPython ? said.data.length : expected.rows.distance.length);
      const body = isPython
        ? { dataframe_split: { columns: said.columns, data: [said.data[row]] } }
        : { dataframe_split: { columns, data: [rowAt(row)] } };
      const answer = await client
        .ask(isPython ? 'forest' : 'late', JSON.stringify(body))
        .catch((thrown: unknown) => String(thrown));
      if (typeof answer === 'string') wrong.push(answer);
      // the worker that was killed: its requests are answered or told to come again, and were not logged
      else if (isPython && answer.status === 503) busy++;
      else if (answer.status !== 200) wrong.push(`${answer.status} ${answer.body.slice(0, 200)}`);
      else {
        const [label] = (JSON.parse(answer.body) as { predictions: unknown[] }).predictions;
        const wanted = isPython ? said.predict[row] : truth[answer.version]?.[row];
        if (label !== wanted)
          wrong.push(`version ${answer.version} said ${String(label)} of row ${row}, not ${String(wanted)}`);
        if (ids.has(answer.requestId)) wrong.push(`${answer.requestId} was given twice`);
        ids.add(answer.requestId);
        const key = isPython ? 'python' : answer.version;
        answeredBy.set(key, (answeredBy.get(key) ?? 0) + 1);
      }
    };
    const caller = async (): Promise<void> => {
      while (asked < requestCount) await one(asked++);
    };
    /** Waits until so large a part of the requests has been asked. */
    const part = async (share: number): Promise<void> => {
      while (asked < requestCount * share && asked < requestCount) await sleep(5);
    };
    const events = async (): Promise<void> => {
      for (let swap = 1; swap <= 20; swap++) {
        await part(swap / 28);
        await routeEndpoint(world, localActor, 'late', { champion: swap % 2 === 0 ? 2 : 1 });
        if (swap === 8) {
          planeB.child.kill('SIGTERM');
          assert.equal((await planeB.ended).code, 0);
          planeB = await openPlane(homes[1], portB, server.address);
        }
        if (swap === 14) {
          const [worker] = processesNaming('worker.py').filter(
            (line) => line.includes('python') && isBelow(line, planeA.child.pid),
          );
          assert.ok(worker !== undefined, 'a worker of Python is there');
          process.kill(Number(worker.split(' ')[0]), 'SIGKILL');
        }
      }
      await part(22 / 28);
      await rollbackEndpoint(world, localActor, 'late', { reason: 'by way of trial' });
      await part(24 / 28);
      await closeServer();
      await part(25 / 28);
      planeA.child.kill('SIGTERM');
      assert.equal((await planeA.ended).code, 0);
      planeA = await openPlane(homes[0], portA, server.address);
    };
    await Promise.all([events(), ...Array.from({ length: callers }, caller)]);
    assert.equal(asked >= requestCount, true);
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${requestCount} went wrong`);
    assert.equal(ids.size + busy, requestCount, 'each request was answered, or told to come again');
    assert.ok(busy < 100, `${busy} requests for the killed worker were told to come again`);
    for (const key of ['1', '2', 'python']) assert.ok((answeredBy.get(key) ?? 0) > 0, `${key} answered`);
    for (const plane of [planeA, planeB]) {
      plane.child.kill('SIGTERM');
      const { code, signal, stderr } = await plane.ended;
      assert.equal(code, 0, `${signal} ${stderr.slice(-2000)}`);
    }
    const logged = homes
      .flatMap((home) => loggedIn(home))
      .filter((record) => record.status === 'ok')
      .map((record) => record.requestId);
    const isLogged = new Set(logged);
    assert.equal(logged.length, isLogged.size, 'nothing is logged twice');
    assert.deepEqual(
      [...ids].filter((id) => !isLogged.has(id)).slice(0, 3),
      [],
      'every answer is in the prediction log',
    );
    context.diagnostic(
      `${requestCount} requests, 0 errors, ${busy} told to come again; by version ${JSON.stringify(Object.fromEntries(answeredBy))}`,
    );
  },
);

/** Below the ports that the system gives out by itself, so that it stays free while its plane is away. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (!(await isTaken(port))) return port;
  }
}

/** Is this process (`PID command line`) a descendant of another? */
function isBelow(line: string, ancestor: number | undefined): boolean {
  for (let pid = Number(line.split(' ')[0]); pid > 1;) {
    if (pid === ancestor) return true;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    } catch {
      return false;
    }
  }
  return false;
}
