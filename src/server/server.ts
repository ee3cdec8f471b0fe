import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Actor } from '../platform/actor.ts';
import { systemClock, type Clock } from '../platform/clock.ts';
import { openDatabase } from '../platform/database/open-database.ts';
import { directRoutes } from '../platform/direct-routes.ts';
import { TilthError } from '../platform/errors.ts';
import { EventBus } from '../platform/events.ts';
import type { Feature, Stop } from '../platform/feature.ts';
import { createHome, type Home } from '../platform/home.ts';
import { createApi, errorHandler, loopbackGuard, type Api } from '../platform/http.ts';
import { Jobs } from '../platform/jobs.ts';
import { createLogger, type Logger } from '../platform/log.ts';
import { createRegistry } from '../platform/metrics.ts';
import { openBlobs } from '../platform/blobs/open-blobs.ts';
import { packagePath, version } from '../platform/package-root.ts';
import { portTaken } from '../platform/port.ts';
import type { World } from '../platform/world.ts';
import { answerError, isMlflowPath } from '../develop/tracking/mlflow-wire.ts';
import { actorOf, identify } from '../team/people-routes.ts';
import { features as allFeatures } from './features.ts';
import { pageRoutes } from './page-routes.ts';

export interface ServerOptions {
  readonly home: Home;
  /** 0 takes a free one */
  readonly port: number;
  /** loopback unless the user says otherwise */
  readonly host?: string;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly features?: readonly Feature[];
}

export interface RunningServer {
  readonly address: string;
  readonly world: World;
  close(): Promise<void>;
}

/**
 * The control plane: opens the home, mounts every feature, listens.
 *
 * @throws PORT_TAKEN
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const log = options.log ?? createLogger('server');
  const clock = options.clock ?? systemClock;
  const features = options.features ?? allFeatures;
  const home = createHome(options.home);
  const host = options.host ?? '127.0.0.1';
  const blobs = await openBlobs(home, log);
  const database = await openDatabase(
    home.database,
    Object.assign({}, ...features.map((each) => each.migrations ?? {})),
  );
  const jobs = new Jobs({ database, clock, log, folder: home.logs });
  const app = createApi();
  const framework = getRequestListener(app.fetch, { hostname: host });
  let handle: RequestListener = (incoming, outgoing) => void framework(incoming, outgoing);
  const { listener, port } = await listen(
    (incoming, outgoing) => handle(incoming, outgoing),
    host,
    options.port,
  );
  const world: World = {
    database,
    blobs,
    events: new EventBus(),
    jobs,
    clock,
    log,
    home,
    metrics: createRegistry(),
    address: `http://${host}:${port}`,
  };
  const hosts = allowedHosts(host, port);
  mount(app, world, features, hosts);
  handle = firstDirect(world, features, hosts, handle);
  const stops: Stop[] = [];
  for (const feature of features) {
    const stop = await feature.start?.(world);
    if (stop !== undefined) stops.push(stop);
  }
  await jobs.start();
  log.info({ address: world.address, home: home.root }, 'the control plane answers');
  return {
    address: world.address,
    world,
    close: async () => {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
      await jobs.stop();
      for (const stop of stops.reverse()) await stop();
      await database.close();
    },
  };
}

function mount(app: Api, world: World, features: readonly Feature[], hosts: ReadonlySet<string>): void {
  const answerFailure = errorHandler(world.log);
  // what fails before a route is reached must still have the shape that the caller's client reads
  app.onError((thrown, context) =>
    isMlflowPath(context.req.path) ? answerError(world, context, thrown) : answerFailure(thrown, context),
  );
  app.get('/health', (context) => context.text('OK'));
  app.use(
    '*',
    loopbackGuard(() => hosts),
  );
  app.use('*', identify(world));
  app.get('/metrics', async (context) =>
    context.text(await world.metrics.metrics(), 200, { 'content-type': world.metrics.contentType }),
  );
  for (const feature of features) {
    if (feature.routes !== undefined) app.route('/', feature.routes(world));
  }
  app.doc31('/api/v1/openapi.json', { openapi: '3.1.0', info: { title: 'tilth', version } });
  app.all('/api/*', (context) => {
    throw new TilthError(
      'ROUTE_NOT_FOUND',
      404,
      `There is no ${context.req.method} ${context.req.path}.`,
      'See /api/v1/openapi.json',
    );
  });
  app.route('/', pageRoutes(packagePath('web', 'dist')));
}

/** Routes that need no framework first, and all others through it. */
function firstDirect(
  world: World,
  features: readonly Feature[],
  hosts: ReadonlySet<string>,
  others: RequestListener,
): RequestListener {
  const routes = new Map(features.flatMap((feature) => [...(feature.directRoutes?.(world) ?? [])]));
  const identify = (authorization: string | undefined): Promise<Actor> | Actor =>
    actorOf(world, authorization);
  const isTaken = directRoutes({ routes, hosts, log: world.log, identify });
  return (incoming, outgoing) => {
    if (!isTaken(incoming, outgoing)) others(incoming, outgoing);
  };
}

/** Clients that keep their connection for the next call find it open: longer than the minute that proxies keep theirs. */
const keepAliveMs = 75_000;

/** Starts to listen before routes are there, so that a taken port is said before the database is touched. */
async function listen(
  handle: RequestListener,
  host: string,
  port: number,
): Promise<{ listener: Server; port: number }> {
  return new Promise((resolve, reject) => {
    const listener = createServer({ keepAliveTimeout: keepAliveMs }, handle);
    listener.on('error', (cause: NodeJS.ErrnoException) =>
      reject(cause.code === 'EADDRINUSE' ? portTaken(port, cause) : cause),
    );
    listener.listen(port, host, () => resolve({ listener, port: (listener.address() as AddressInfo).port }));
  });
}

const allowedHosts = (host: string, port: number): ReadonlySet<string> =>
  new Set([host, 'localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${port}`));
