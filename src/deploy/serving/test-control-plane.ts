import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { resolveHome, type Home } from '../../platform/home.ts';
import { signatureHeaders, signingKey, type Succession } from './config/config-signature.ts';
import { startDataPlane, type DataPlaneOptions } from './data-plane.ts';
import { readSegment } from './log/prediction-log.ts';
import type { PredictionRecord } from './log/prediction-record.ts';
import type {
  ServedEndpoint,
  ServedSchema,
  ServedVersion,
  ServingConfig,
  ServingReport,
} from './serving-api.ts';

const fixtures = new URL('../../../test/fixtures/serving/', import.meta.url);

const fixture = (name: string): Buffer => readFileSync(new URL(name, fixtures));

interface Said {
  readonly label: (number | string)[];
  readonly probabilities: number[][];
}

/** Rows and what scikit-learn says of them; made by test/fixtures/serving/make.py. */
export const expected = JSON.parse(fixture('expected.json').toString()) as {
  readonly rows: {
    readonly dep_delay: (number | null)[];
    readonly distance: number[];
    readonly carrier: string[];
  };
  readonly 'late-1': Said;
  readonly 'late-2': Said;
  /** of a regression: only `label` */
  readonly minutes: Omit<Said, 'probabilities'> & {
    readonly rows: { readonly distance: number[]; readonly hour: number[]; readonly carrier: string[] };
  };
  readonly weather: Said & { readonly rows: number[][]; readonly classes: string[] };
};

export const columns = ['dep_delay', 'distance', 'carrier'] as const;
export const rowAt = (index: number): [number | null, number, string] => [
  expected.rows.dep_delay[index] as number | null,
  expected.rows.distance[index] as number,
  expected.rows.carrier[index] as string,
];

const probabilities = (count: number) => ({
  name: 'probabilities',
  datatype: 'FP32' as const,
  shape: [count],
  nullable: false,
});

export const lateSchema: ServedSchema = {
  inputs: [
    { name: 'dep_delay', datatype: 'FP32', shape: [1], nullable: true },
    { name: 'distance', datatype: 'FP32', shape: [1], nullable: false },
    { name: 'carrier', datatype: 'BYTES', shape: [1], nullable: false },
  ],
  outputs: [{ name: 'label', datatype: 'INT64', shape: [1], nullable: false }, probabilities(2)],
  classes: [0, 1],
};

export const weatherSchema: ServedSchema = {
  inputs: [
    {
      name: 'X',
      datatype: 'FP32',
      shape: [8],
      nullable: false,
      columns: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
    },
  ],
  outputs: [{ name: 'label', datatype: 'BYTES', shape: [1], nullable: false }, probabilities(3)],
  classes: expected.weather.classes,
};

export const minutesSchema: ServedSchema = {
  inputs: [
    { name: 'distance', datatype: 'FP32', shape: [1], nullable: false },
    { name: 'hour', datatype: 'INT64', shape: [1], nullable: false },
    { name: 'carrier', datatype: 'BYTES', shape: [1], nullable: false },
  ],
  outputs: [{ name: 'variable', datatype: 'FP32', shape: [1], nullable: false }],
  classes: [],
};

const digestOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

export function servedVersionOf(
  model: string,
  version: number,
  file: string,
  schema: ServedSchema,
): ServedVersion {
  const bytes = fixture(file);
  return {
    model,
    version,
    runId: null,
    engine: 'onnx',
    digest: digestOf(bytes),
    byteCount: bytes.length,
    schema,
    schemaHash: digestOf(JSON.stringify(schema)),
  };
}

export const late1 = servedVersionOf('late', 1, 'late-1.onnx', lateSchema);
export const late2 = servedVersionOf('late', 2, 'late-2.onnx', lateSchema);
export const weather1 = servedVersionOf('weather', 1, 'weather.onnx', weatherSchema);
export const minutes1 = servedVersionOf('minutes', 1, 'minutes.onnx', minutesSchema);

export const endpointOf = (
  name: string,
  model: string,
  targets: ServedEndpoint['targets'] = [{ version: 1, variant: 'champion', weight: 1 }],
): ServedEndpoint => ({ name, model, revision: 1, targets });

const blobs = new Map(
  ['late-1', 'late-2', 'weather', 'minutes'].map((name) => [
    digestOf(fixture(`${name}.onnx`)),
    fixture(`${name}.onnx`),
  ]),
);

/** Makes a file available at the control planes of this process. @returns its digest */
export function addBlob(bytes: Buffer): string {
  const digest = digestOf(bytes);
  blobs.set(digest, bytes);
  return digest;
}

/** A control plane of three routes over real HTTP: configuration by long poll, blobs, reports. */
export interface TestControlPlane {
  readonly address: string;
  readonly reports: ServingReport[];
  publish(endpoints: readonly ServedEndpoint[], versions: readonly ServedVersion[]): void;
  /** how many files were fetched */
  readonly blobCount: () => number;
  stop(): Promise<void>;
}

/** @param secret byte that the signing key is made of */
export async function startControlPlane(
  port = 0,
  secret = 1,
  links: Succession = [],
): Promise<TestControlPlane> {
  const signer = signingKey(Buffer.alloc(32, secret));
  let config: ServingConfig = { revision: 0, endpoints: [], versions: [] };
  let blobCount = 0;
  const reports: ServingReport[] = [];
  const waiting = new Set<() => void>();
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://control');
    if (url.pathname === '/api/v1/serving/config') {
      const answer = (): void => {
        clearTimeout(timer);
        waiting.delete(answer);
        const body = JSON.stringify(config);
        response.setHeader('content-type', 'application/json');
        const { key, signature } = signer.sign(body);
        response.setHeader(signatureHeaders.key, key).setHeader(signatureHeaders.signature, signature);
        response.setHeader(signatureHeaders.succession, JSON.stringify(links)).end(body);
      };
      const timer = setTimeout(answer, Number(url.searchParams.get('waitMs')));
      if (config.revision > Number(url.searchParams.get('after'))) answer();
      else waiting.add(answer);
    } else if (url.pathname.startsWith('/api/v1/blobs/')) {
      const blob = blobs.get(url.pathname.slice('/api/v1/blobs/'.length));
      blobCount++;
      response.writeHead(blob === undefined ? 404 : 200).end(blob);
    } else {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        reports.push(JSON.parse(body) as ServingReport);
        response.end('{}');
      });
    }
  });
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    reports,
    blobCount: () => blobCount,
    publish: (endpoints, versions) => {
      config = { revision: config.revision + 1, endpoints: [...endpoints], versions: [...versions] };
      for (const answer of waiting) answer();
    },
    stop: async () => {
      const stopped = new Promise((resolve) => void http.close(resolve));
      http.closeAllConnections();
      for (const answer of waiting) answer();
      await stopped;
    },
  };
}

export function temporaryHome(context: TestContext): Home {
  const root = mkdtempSync(join(tmpdir(), 'tilth-serving-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  return resolveHome(root);
}

export const quietLog = pino({ level: 'silent' });

export interface TestPlane {
  readonly address: string;
  readonly grpcAddress: string | undefined;
  readonly home: Home;
  readonly close: () => Promise<void>;
}

/** A data plane that already serves what the control plane publishes. */
export async function startTestPlane(
  context: TestContext,
  control: TestControlPlane,
  options: Partial<DataPlaneOptions> = {},
): Promise<TestPlane> {
  const home = options.home ?? temporaryHome(context);
  const plane = await startDataPlane({ port: 0, server: control.address, log: quietLog, ...options, home });
  context.after(() => plane.close());
  await until(async () => (await fetch(`${plane.address}/ping`)).ok, 60_000);
  return { address: plane.address, grpcAddress: plane.grpcAddress, close: () => plane.close(), home };
}

export async function until(isTrue: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; !(await isTrue());) {
    if (Date.now() > end) throw new Error(`not true within ${timeoutMs} ms: ${isTrue.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Everything in the prediction log of a home, by all planes, in the order it was written. */
export function loggedIn(home: Home): PredictionRecord[] {
  const folder = join(home.predictions, 'segments');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(seg|open)$/.test(name))
    .sort()
    .flatMap((name) => [...readSegment(join(folder, name))].map((entry) => entry.record));
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return {
    status: response.status,
    headers: response.headers,
    body: (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>,
  };
}

export const splitOf = (rows: readonly unknown[]) => ({ dataframe_split: { columns, data: rows } });
