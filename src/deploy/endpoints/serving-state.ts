import type { Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { findDatasetVersion } from '../../develop/data/data-store.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { standingApproval } from '../registry/approvals/approval-state.ts';
import { challenger, champion } from '../registry/registry.ts';
import { getVersionRow, type VersionRow } from '../registry/registry-store.ts';
import { trainingData } from '../registry/training-data.ts';
import {
  servedPython,
  servedSchema,
  type ServedContract,
  type ServedEndpoint,
  type ServedVersion,
  type ServingConfig,
  type ServingReport,
} from '../serving/serving-api.ts';
import { countForRollouts } from './rollout-counting.ts';
import { versionNumbersOf, type HeardTwice } from './version-numbers.ts';
import type { Endpoint, Plane } from './endpoint-api.ts';
import {
  configRevision,
  getEndpointRow,
  listEndpointRows,
  putReport,
  type EndpointRow,
} from './endpoint-store.ts';

/** All that data planes need: endpoints that answer, and the versions they name. */
export async function servingConfigOf(read: Reader): Promise<ServingConfig> {
  const revision = await configRevision(read);
  const endpoints = (await listEndpointRows(read)).filter(
    (endpoint) => !endpoint.isStopped && endpoint.targets.length > 0,
  );
  const wanted = new Map(
    endpoints.flatMap(({ model, targets }) =>
      targets.map(({ version }) => [`${model}/${version}`, { model, version }]),
    ),
  );
  const versions: ServedVersion[] = [];
  for (const { model, version } of wanted.values()) {
    const served = await servedVersionOf(read, await getVersionRow(read, model, version));
    const approval =
      (await standingApproval(read, model, version, [champion])) ??
      (await standingApproval(read, model, version, [challenger]));
    versions.push({ ...served, ...(approval === undefined ? {} : { approval: approval.id }) });
  }
  return {
    revision,
    endpoints: await Promise.all(endpoints.map((row) => servedEndpointOf(read, row))),
    versions,
  };
}

async function servedEndpointOf(read: Reader, row: EndpointRow): Promise<ServedEndpoint> {
  const { name, model, revision, targets, sticky } = row;
  const declared = (await declarationOf(read, model))?.model;
  const deadlineMs = declared?.endpoint === name ? declared.deadlineMs : undefined;
  return {
    name,
    model,
    revision,
    targets,
    ...(sticky === null ? {} : { sticky }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
}

/** What a data plane, or a batch, is told of a version. */
export async function servedVersionOf(read: Reader, row: VersionRow): Promise<ServedVersion> {
  const contract = await requestContract(read, row);
  const workers = (await declarationOf(read, row.model))?.model.workers;
  return {
    model: row.model,
    version: row.version,
    runId: row.run_id,
    ...fileOf(row),
    schema: servedSchema.parse(JSON.parse(row.schema ?? '{}')),
    schemaHash: row.schema_hash ?? '',
    ...(contract === undefined ? {} : { contract }),
    ...(workers === undefined ? {} : { workers }),
  };
}

/** What a data plane fetches: the graph, or the whole model for its own Python. */
const fileOf = (row: VersionRow): Pick<ServedVersion, 'engine' | 'digest' | 'byteCount' | 'python'> =>
  row.engine === 'python'
    ? {
        engine: 'python',
        digest: row.bundle_digest ?? '',
        byteCount: row.bundle_byte_count ?? 0,
        python: servedPython.parse(JSON.parse(row.python ?? '{}')),
      }
    : { engine: 'onnx', digest: row.onnx_digest ?? '', byteCount: row.onnx_byte_count ?? 0 };

/** What the contract of a version's training data says of single rows; of the declared dataset where it learned from several. */
async function requestContract(read: Reader, row: VersionRow): Promise<ServedContract | undefined> {
  const declared = await declarationOf(read, row.model);
  if (declared?.model.contractOnRequests === 'off') return undefined;
  const [data] = await trainingData(read, row, declared?.model.dataset);
  const version = data === undefined ? undefined : await findDatasetVersion(read, data.dataset, data.md5);
  const rules = version?.report?.rowRules ?? [];
  if (data === undefined || rules.length === 0 || version === undefined || version.contractHash === null)
    return undefined;
  return { dataset: data.dataset, contractHash: version.contractHash, rules };
}

/** The configuration as soon as it is another than `after`, at the latest after `waitMs`. */
export async function awaitServingConfig(
  world: World,
  options: { after: number; waitMs: number; signal: AbortSignal },
): Promise<ServingConfig> {
  const { read } = world.database;
  const { signal } = options;
  let wake: () => void = () => undefined;
  // listen before looking, so that no change falls between
  const end = world.events.subscribe((event) => {
    if (event.kind === 'endpoint') wake();
  });
  try {
    const deadline = Date.now() + options.waitMs;
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const leftMs = deadline - Date.now();
      if ((await configRevision(read)) !== options.after || leftMs <= 0 || signal.aborted)
        return await servingConfigOf(read);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, leftMs).unref();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([woken, late]);
      clearTimeout(timer);
    }
  } finally {
    end();
  }
}

interface Heard {
  readonly at: number;
  readonly report: ServingReport;
  readonly storedAt: number;
  /** its words of the last minute, one in a while */
  readonly before: readonly { readonly at: number; readonly report: ServingReport }[];
}

const heardBy = new WeakMap<World, Map<string, Heard>>();
const storeEveryMs = 15_000;
const aliveMs = 5_000;
const recentMs = 60_000;
const rememberEveryMs = 5_000;

/** Keeps what a plane says: every word in memory, a word in a while in the database. */
export async function hearReport(world: World, report: ServingReport): Promise<void> {
  const at = world.clock.now();
  const heard = await memoryOf(world);
  const before = heard.get(report.plane);
  const isDue =
    before === undefined ||
    before.report.revision !== report.revision ||
    at - before.storedAt >= storeEveryMs;
  heard.set(report.plane, {
    at,
    report,
    storedAt: isDue ? at : before.storedAt,
    before: remembered(before, report, at),
  });
  await countForRollouts(world, report, at);
  if (isDue) await world.database.write((tx) => putReport(tx, report.plane, at, JSON.stringify(report)));
}

/** A plane that began anew counts from zero: what its former self said is no earlier word of it. */
function remembered(before: Heard | undefined, report: ServingReport, at: number): Heard['before'] {
  if (before === undefined || before.report.startedAt !== report.startedAt) return [];
  const kept = before.before.filter((each) => at - each.at <= recentMs);
  const newest = kept.at(-1);
  const isDue = newest === undefined || before.at - newest.at >= rememberEveryMs;
  return isDue ? [...kept, { at: before.at, report: before.report }] : kept;
}

async function memoryOf(world: World): Promise<Map<string, Heard>> {
  const known = heardBy.get(world);
  if (known !== undefined) return known;
  const rows = await world.database.read.selectFrom('serving_report').selectAll().execute();
  const heard = new Map(
    rows.map((row) => [
      row.plane,
      { at: row.at, report: JSON.parse(row.report) as ServingReport, storedAt: row.at, before: [] },
    ]),
  );
  const other = heardBy.get(world);
  if (other !== undefined) return other;
  heardBy.set(world, heard);
  return heard;
}

/** A plane that has been silent for longer is gone, and no longer waited for. */
const goneMs = 5 * 60_000;

/**
 * What is known of the planes that serve an endpoint: those that this server heard lately, and those that counted something
 * for the step, at whatever server they said it.
 *
 * @param counted when each plane last told of this step, by its name
 */
export async function planesOf(
  world: World,
  served: { readonly endpoint: string; readonly config_revision: number },
  counted: ReadonlyMap<string, number>,
): Promise<{ plane: string; isAlive: boolean; isCurrent: boolean }[]> {
  const now = world.clock.now();
  const heardAt = new Map(counted);
  for (const { plane, at, endpoints } of await listPlanes(world)) {
    const serves = counted.has(plane) || endpoints.some((each) => each.name === served.endpoint);
    if (serves) heardAt.set(plane, Math.max(at, counted.get(plane) ?? 0));
  }
  return [...heardAt]
    .filter(([, at]) => now - at < goneMs)
    .map(([plane, at]) => ({ plane, isAlive: now - at < aliveMs, isCurrent: counted.has(plane) }));
}

/** Data planes that ever said something, the last heard first. */
export async function listPlanes(world: World): Promise<Plane[]> {
  const now = world.clock.now();
  return [...(await memoryOf(world)).values()]
    .map(({ at, report }) => ({ ...report, at, isAlive: now - at < aliveMs }))
    .sort((a, b) => b.at - a.at);
}

export const listEndpoints = async (world: World): Promise<Endpoint[]> =>
  withLive(world, await listEndpointRows(world.database.read));

/** @throws ENDPOINT_UNKNOWN */
export async function getEndpoint(world: World, name: string): Promise<Endpoint> {
  const [found] = await withLive(world, [await getEndpointRow(world.database.read, name)]);
  return found as Endpoint;
}

async function withLive(world: World, rows: readonly EndpointRow[]): Promise<Endpoint[]> {
  const now = world.clock.now();
  const planes = await listPlanes(world);
  const newest = await configRevision(world.database.read);
  const heard: HeardTwice[] = [...(await memoryOf(world)).values()]
    .filter((each) => now - each.at < aliveMs)
    .map(({ at, report, before }) => ({ at, report, earlier: before[0] }));
  return rows.map((row) => ({
    name: row.name,
    model: row.model,
    isStopped: row.isStopped,
    revision: row.revision,
    targets: row.targets,
    sticky: row.sticky,
    createdBy: row.created_by,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    live: planes.flatMap((plane) => {
      const numbers = plane.endpoints.find((each) => each.name === row.name);
      if (numbers === undefined || !plane.isAlive) return [];
      const { name: _name, versions: _versions, queues: _queues, ...rest } = numbers;
      return [
        {
          plane: plane.plane,
          address: plane.address,
          revision: plane.revision,
          isCurrent: plane.revision >= newest,
          ageMs: now - plane.at,
          ...rest,
        },
      ];
    }),
    problems: planes.flatMap((plane) => {
      const own = (plane.problems ?? []).filter((one) => plane.isAlive && one.startsWith(`${row.name}: `));
      return own.map((one) => `${plane.plane}: ${one.slice(row.name.length + 2)}`);
    }),
    versions: versionNumbersOf(row.name, heard),
  }));
}
