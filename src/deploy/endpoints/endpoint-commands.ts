import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { print, table, usage } from '../../platform/terminal.ts';
import { parseCanary, parseSticky, stickyText } from './endpoint.ts';
import { addRolloutCommands } from './rollout-commands.ts';
import type { Endpoint, Plane } from './endpoint-api.ts';

interface RouteFlags extends CommonFlags {
  readonly champion?: string;
  readonly canary?: string;
  readonly shadow?: string[];
  readonly sticky?: string;
  readonly version?: string;
  readonly reason?: string;
}

interface PredictFlags extends CommonFlags {
  readonly row: string[];
  readonly plane?: string;
}

const pathOf = (name: string): string => `/api/v1/endpoints/${encodeURIComponent(name)}`;

const describe = (endpoint: Endpoint): string[] => {
  const route = endpoint.targets.map(
    ({ version, variant, weight }) =>
      `${variant} ${version}${variant === 'shadow' ? '' : ` (${Number((weight * 100).toFixed(2))} %)`}`,
  );
  const state = endpoint.isStopped
    ? 'stopped'
    : route.length === 0
      ? 'waits for a first champion'
      : route.join(', ');
  return [
    `${endpoint.name} serves ${endpoint.model}, revision ${endpoint.revision}: ${state}; drawn by ${stickyText(endpoint.sticky)}`,
    ...endpoint.versions.map(
      ({ version, variant, requestCount, failedCount, refusedCount, recent, agreement }) =>
        `  ${variant} ${version}: ${requestCount} requests, ${failedCount} failed, ${refusedCount} refused; lately ${recent.requestsPerSecond.toFixed(1)} per second, p50 ${micros(recent.p50Us)}, p99 ${micros(recent.p99Us)}` +
        (agreement === null
          ? ''
          : `; agrees in ${(agreement.sameLabel * 100).toFixed(2)} % of ${agreement.rowCount} rows, probabilities differ by ${agreement.meanDifference.toPrecision(3)} in the mean, missed ${agreement.droppedCount}`),
    ),
    ...endpoint.live.map(
      (live) =>
        `  ${live.address}: ${live.requestCount} requests, ${live.failedCount} failed, ${live.requestsPerSecond.toFixed(1)} per second, p50 ${live.p50Us} µs, p99 ${live.p99Us} µs`,
    ),
    ...endpoint.problems.map((problem) => `  ! ${problem}`),
  ];
};

const micros = (us: number | null): string => (us === null ? '–' : `${Math.round(us)} µs`);

export const addEndpointCommands: AddCommands = (program) => {
  const endpoint = program
    .command('endpoint')
    .description('stable addresses for predictions, and who answers there');

  withCommonFlags(
    endpoint.command('create <name>').description('make an endpoint, or bring a stopped one back'),
  )
    .requiredOption('--model <model>')
    .action(async (name: string, flags: CommonFlags & { model: string }) => {
      print(
        flags,
        await call<Endpoint>(flags, 'POST', '/api/v1/endpoints', { name, model: flags.model }),
        describe,
      );
    });

  withCommonFlags(
    endpoint
      .command('route <name>')
      .description('say which versions answer; canary and shadows that are not named end'),
  )
    .option('--champion <version>', 'stays what it is unless given')
    .option('--canary <version:percent>', 'for example 3:10')
    .option('--shadow <versions...>', 'see every request and answer nobody')
    .option(
      '--sticky <by>',
      'what callers keep meeting the same version by: key, header:NAME, column:NAME, or off',
    )
    .option('--reason <text>')
    .action(async (name: string, flags: RouteFlags) => {
      const namesVersions =
        flags.champion !== undefined || flags.canary !== undefined || flags.shadow !== undefined;
      if (!namesVersions && flags.sticky === undefined) {
        throw usage(
          'Say who answers: --champion V, --canary V:PERCENT, --shadow V; or by what callers are kept apart: --sticky.',
        );
      }
      const versions = {
        champion: flags.champion === undefined ? undefined : Number(flags.champion),
        canary: flags.canary === undefined ? null : parseCanary(flags.canary),
        shadows: (flags.shadow ?? []).map(Number),
      };
      const body = {
        ...(namesVersions ? versions : {}),
        sticky: flags.sticky === undefined ? undefined : parseSticky(flags.sticky),
        reason: flags.reason,
      };
      print(flags, await call<Endpoint>(flags, 'PUT', `${pathOf(name)}/route`, body), describe);
    });

  withCommonFlags(
    endpoint
      .command('rollback <name>')
      .description('back at once: from a canary to the champion alone, else to the champion before'),
  )
    .option('--version <n>', 'to this version, whose approval must still hold')
    .option('--reason <text>')
    .action(async (name: string, flags: RouteFlags) => {
      print(
        flags,
        await call<Endpoint>(flags, 'POST', `${pathOf(name)}/rollback`, {
          version: flags.version === undefined ? undefined : Number(flags.version),
          reason: flags.reason,
        }),
        describe,
      );
    });

  addRolloutCommands(endpoint);

  withCommonFlags(endpoint.command('stop <name>').description('take an endpoint out of service'))
    .option('--reason <text>')
    .action(async (name: string, flags: RouteFlags) => {
      print(
        flags,
        await call<Endpoint>(flags, 'POST', `${pathOf(name)}/stop`, { reason: flags.reason }),
        describe,
      );
    });

  withCommonFlags(endpoint.command('show <name>').description('route and live numbers')).action(
    async (name: string, flags: CommonFlags) => {
      print(flags, await call<Endpoint>(flags, 'GET', pathOf(name)), describe);
    },
  );

  withCommonFlags(endpoint.command('list').description('all endpoints')).action(
    async (flags: CommonFlags) => {
      const endpoints = await call<Endpoint[]>(flags, 'GET', '/api/v1/endpoints');
      print(flags, endpoints, (rows) =>
        rows.length === 0
          ? 'No endpoint yet. Make one with: tilth endpoint create NAME --model MODEL'
          : table(
              ['endpoint', 'model', 'champion', 'canary', 'shadows', 'requests', 'failed'],
              rows.map((row) => {
                const versions = (variant: string): string =>
                  row.targets
                    .filter((target) => target.variant === variant)
                    .map((target) => target.version)
                    .join(' ');
                const sum = (numbers: readonly number[]): string =>
                  String(numbers.reduce((a, b) => a + b, 0));
                return [
                  row.name,
                  row.model,
                  row.isStopped ? 'stopped' : versions('champion'),
                  versions('canary'),
                  versions('shadow'),
                  sum(row.live.map((live) => live.requestCount)),
                  sum(row.live.map((live) => live.failedCount)),
                ];
              }),
            ),
      );
    },
  );

  withCommonFlags(
    program.command('predict <endpoint>').description('ask an endpoint, through the data plane'),
  )
    .requiredOption('--row <json...>', 'one row as a JSON object; give several for several rows')
    .option('--plane <url>', 'address of the data plane; else one that the control plane knows')
    .action(async (name: string, flags: PredictFlags) => {
      const rows = flags.row.map(parseRow);
      const address = flags.plane ?? (await planeAddress(flags));
      const answer = await invoke(address, name, rows);
      print(flags, answer, (value) =>
        JSON.stringify((value as { predictions?: unknown }).predictions ?? value),
      );
    });
};

function parseRow(text: string): Record<string, unknown> {
  try {
    const row: unknown = JSON.parse(text);
    if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Record<string, unknown>;
  } catch {
    // said below
  }
  throw usage(`--row ${text} is no JSON object.`, `For example: --row '{"hour": 7}'`);
}

async function planeAddress(flags: CommonFlags): Promise<string> {
  const planes = await call<Plane[]>(flags, 'GET', '/api/v1/serving/planes');
  const alive = planes.find((plane) => plane.isAlive);
  if (alive !== undefined) return alive.address;
  throw new TilthError(
    'NO_DATA_PLANE',
    503,
    'No data plane has said anything for 5 seconds.',
    'Start one: tilth serve, or both at once: tilth up',
  );
}

async function invoke(
  address: string,
  name: string,
  rows: readonly Record<string, unknown>[],
): Promise<unknown> {
  const url = `${address.replace(/\/$/, '')}/endpoints/${encodeURIComponent(name)}/invocations`;
  const token = process.env['TILTH_TOKEN'];
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ dataframe_records: rows }),
    });
  } catch (cause) {
    throw new TilthError(
      'SERVER_NOT_REACHABLE',
      503,
      `No data plane answers at ${address} (${messageOf(cause)}).`,
      'Start one with: tilth serve',
      { cause },
    );
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as unknown;
  throw new TilthError(
    'PREDICTION_REFUSED',
    response.status,
    `The endpoint answered ${response.status}: ${messageIn(text)}`,
  );
}

function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text.slice(0, 300);
  } catch {
    return text.slice(0, 300);
  }
}
