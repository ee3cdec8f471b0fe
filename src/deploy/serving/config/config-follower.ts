import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pipeline } from 'node:stream/promises';
import { TilthError, messageOf } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { compileRows } from '../../../develop/contracts/row-rules.ts';
import { signatureHeaders, succession } from './config-signature.ts';
import { KeptConfig, type SignedConfig } from './kept-config.ts';
import type { Engine, EngineSource } from '../engines/engine.ts';
import { loadEngine } from '../engines/load-engine.ts';
import type { ActiveEndpoint, ActiveTarget } from '../answering/active-endpoint.ts';
import {
  servingConfig,
  type RouteTarget,
  type ServedEndpoint,
  type ServedVersion,
  type ServingConfig,
  type ServingReport,
} from '../serving-api.ts';
import { configUntrusted, modelUnloadable, sealedUnusable } from '../serving-errors.ts';

export interface ConfigFollowerOptions extends Pick<EngineSource, 'threads' | 'watch'> {
  /** `<home>/serving`: the last configuration and the models live here */
  readonly folder: string;
  /** address of the control plane; undefined: what the folder holds is served for ever, and nothing is written there */
  readonly server: string | undefined;
  readonly token: string | undefined;
  /** the key that the control plane must sign with; undefined trusts the one that is met first */
  readonly serverKey?: string | undefined;
  readonly log: Logger;
  /** processes per Python model */
  readonly pythonWorkers?: number | undefined;
  /** resident memory above which a process of a Python model is ended */
  readonly pythonMemoryBytes?: number | undefined;
  /** called with all endpoints as they are to be served from now on */
  readonly onChange: (endpoints: ReadonlyMap<string, ActiveEndpoint>) => void;
}

const shortestPauseMs = 100;
const longestPauseMs = 5_000;
const longPollMs = 20_000;
const retryProblemsMs = 5_000;
/** models that take longer to load do not hold up the other endpoints */
const loadPatienceMs = 15_000;

/** What came from the control plane, not yet believed; null when it bore no signature. */
type Offered = SignedConfig | null;

const keyOf = (served: ServedVersion): string => `${served.digest}:${served.schemaHash}`;

/** Keeps the models in memory as the control plane wants them, and goes on with the last word when it is away. */
export class ConfigFollower {
  readonly #options: ConfigFollowerOptions;
  readonly #stopping = new AbortController();
  /** by digest; a model that several versions share is loaded once */
  readonly #models = new Map<string, Engine>();
  readonly #kept: KeptConfig;
  #config: ServingConfig | undefined;
  /** why the last configuration that was offered is not used */
  #distrust: string | undefined;
  #endpoints: ReadonlyMap<string, ActiveEndpoint> = new Map();
  #problems: readonly string[] = [];
  /** how long this configuration's models are waited for */
  #patientUntil = 0;
  /** what is kept was signed by another key than the one that signs now */
  #isKeyNew = false;
  #isReachable = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: ConfigFollowerOptions) {
    this.#options = options;
    if (options.server !== undefined) mkdirSync(this.#modelFolder, { recursive: true, mode: 0o700 });
    this.#kept = new KeptConfig(options.folder, options.serverKey);
  }

  get revision(): number {
    return this.#config?.revision ?? -1;
  }

  /** Is there a configuration, from the control plane or from disk? */
  get isConfigured(): boolean {
    return this.#config !== undefined;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  get problems(): readonly string[] {
    return this.#distrust === undefined ? this.#problems : [this.#distrust, ...this.#problems];
  }

  /**
   * Serves by the configuration on disk if there is one, then follows the control plane until `stop`.
   *
   * @throws SERVING_SEALED_UNUSABLE where there is no control plane that could make it better
   */
  async start(): Promise<void> {
    const kept = this.#readKept();
    for (const config of kept) await this.#apply(config);
    if (this.#options.server !== undefined) this.#loop = this.#follow();
    else if (kept.length === 0 || this.problems.length > 0)
      throw sealedUnusable(this.#options.folder, this.problems);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    for (const model of this.#models.values()) model.retire();
  }

  /** Tells the control plane how it goes; being unheard is no failure. */
  async report(report: ServingReport): Promise<void> {
    if (this.#options.server === undefined) return;
    try {
      const response = await this.#fetch('/api/v1/serving/report', 2_000, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(report),
      });
      await response.arrayBuffer();
    } catch {
      // the next second brings the next report
    }
  }

  get #modelFolder(): string {
    return join(this.#options.folder, 'models');
  }

  #readKept(): ServingConfig[] {
    try {
      return this.#kept.read();
    } catch (cause) {
      this.#doubt(cause);
      return [];
    }
  }

  #doubt(cause: unknown): void {
    const said =
      cause instanceof TilthError && cause.hint !== undefined
        ? `${cause.message} ${cause.hint}`
        : messageOf(cause);
    if (said !== this.#distrust) this.#options.log.error(said);
    this.#distrust = said;
  }

  async #follow(): Promise<void> {
    let pauseMs = shortestPauseMs;
    while (!this.#stopping.signal.aborted) {
      const askedAt = performance.now();
      try {
        // after a silence, or of a stranger, revisions may have begun anew: ask for all, at once
        const isFollowing = this.#isReachable && this.#distrust === undefined;
        const offered = await this.#poll(isFollowing ? this.revision : -1);
        const config = offered === undefined ? undefined : this.#checked(offered);
        if (!this.#isReachable)
          this.#options.log.info({ server: this.#options.server }, 'control plane reached');
        this.#isReachable = true;
        pauseMs = shortestPauseMs;
        if (config !== undefined && (this.#isNew(config) || this.#isKeyNew || this.#problems.length > 0))
          await this.#apply(config, offered);
        // a server that does not hold the poll must not be asked without end
        else if (performance.now() - askedAt < shortestPauseMs) await this.#pause(shortestPauseMs * 5);
      } catch (cause) {
        if (this.#stopping.signal.aborted) return;
        if (this.#isReachable) this.#options.log.warn(`control plane away, serving on: ${messageOf(cause)}`);
        this.#isReachable = false;
        await this.#pause(pauseMs * (0.75 + Math.random() / 2));
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      }
    }
  }

  /** @returns undefined when it is not to be trusted, which is told */
  #checked(offered: Offered): ServingConfig | undefined {
    try {
      if (offered === null) throw configUntrusted('The control plane does not sign its configuration.');
      const whose = this.#kept.accept(offered);
      if (whose !== 'known') {
        this.#options.log.warn(
          { key: this.#kept.trusted, whose },
          'this key of the control plane is trusted from now on',
        );
        this.#isKeyNew = true;
      }
      this.#distrust = undefined;
      return servingConfig.parse(JSON.parse(offered.body));
    } catch (cause) {
      this.#doubt(cause);
      return undefined;
    }
  }

  /** By content: another control plane may have reached the same revision by another way. */
  #isNew(config: ServingConfig): boolean {
    return JSON.stringify(config) !== JSON.stringify(this.#config);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  /** @returns undefined when there is nothing new */
  async #poll(after: number): Promise<Offered | undefined> {
    const hasProblems = this.#problems.length > 0;
    const waitMs = after < 0 ? 0 : hasProblems ? retryProblemsMs : longPollMs;
    const response = await this.#fetch(
      `/api/v1/serving/config?after=${Math.max(after, 0)}&waitMs=${waitMs}`,
      waitMs + 10_000,
    );
    const body = await response.text();
    if (response.status === 204 || response.status === 304) {
      if (hasProblems && this.#config !== undefined) await this.#apply(this.#config);
      return undefined;
    }
    if (!response.ok) throw new Error(`it answered ${response.status}: ${body.slice(0, 200)}`);
    const key = response.headers.get(signatureHeaders.key);
    const signature = response.headers.get(signatureHeaders.signature);
    const links = succession.safeParse(JSON.parse(response.headers.get(signatureHeaders.succession) ?? '[]'));
    return key === null || signature === null ? null : { body, key, signature, links: links.data ?? [] };
  }

  #fetch(path: string, timeoutMs: number, init: RequestInit = {}): Promise<Response> {
    const { server, token } = this.#options;
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#stopping.signal]);
    const authorization: Record<string, string> =
      token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
    return fetch(`${server ?? ''}${path}`, {
      ...init,
      signal,
      headers: { ...(init.headers as Record<string, string>), ...authorization },
    });
  }

  /** Loads what is new first, then swaps all routes at once, then lets go of what nobody wants any more. */
  async #apply(config: ServingConfig, offered?: Offered): Promise<void> {
    const problems: string[] = [];
    const endpoints = new Map<string, ActiveEndpoint>();
    let isWhole = true;
    this.#patientUntil = performance.now() + loadPatienceMs;
    await this.#beginSlowLoads(config.versions);
    for (const endpoint of config.endpoints) {
      const active = await this.#activate(endpoint, config.versions, problems);
      isWhole &&= active !== undefined;
      // what can't be loaded must not take away what works
      const shown = active ?? this.#endpoints.get(endpoint.name);
      if (shown !== undefined) endpoints.set(endpoint.name, shown);
    }
    this.#endpoints = endpoints;
    this.#options.onChange(endpoints);
    if (config.revision !== this.#config?.revision) {
      this.#options.log.info(
        { revision: config.revision, endpoints: [...endpoints.keys()] },
        'configuration in use',
      );
    }
    this.#config = config;
    this.#problems = problems;
    // what was kept is loaded piece by piece: no piece may take away the files of the next one
    if (offered === undefined || offered === null) return;
    this.#kept.keep(offered, isWhole);
    this.#isKeyNew = false;
    this.#letGo();
  }

  async #activate(
    endpoint: ServedEndpoint,
    versions: readonly ServedVersion[],
    problems: string[],
  ): Promise<ActiveEndpoint | undefined> {
    const targets: ActiveTarget[] = [];
    for (const target of endpoint.targets) {
      try {
        targets.push(await this.#activateTarget(endpoint, target, versions));
      } catch (cause) {
        const problem = `${endpoint.name}: version ${target.version} (${target.variant}): ${messageOf(cause)}`;
        this.#options.log.error(problem);
        problems.push(problem);
        // the answer does not hang on a shadow
        if (target.variant !== 'shadow') return undefined;
      }
    }
    return { ...endpoint, targets };
  }

  /** Python models start beside each other: each waits for its own processes. */
  async #beginSlowLoads(versions: readonly ServedVersion[]): Promise<void> {
    const slow = new Map(
      versions
        .filter((served) => served.engine === 'python' && !this.#models.has(keyOf(served)))
        .map((served) => [keyOf(served), served]),
    );
    // what is wrong with one is told when it is waited for
    await Promise.allSettled([...slow.values()].map((served) => loadEngine(served, this.#source(0))));
  }

  #source(patienceMs: number): EngineSource {
    return {
      file: (one) => this.#modelFile(one),
      folder: this.#options.folder,
      log: this.#options.log,
      pythonWorkers: this.#options.pythonWorkers,
      pythonMemoryBytes: this.#options.pythonMemoryBytes,
      threads: this.#options.threads,
      watch: this.#options.watch,
      patienceMs,
    };
  }

  async #activateTarget(
    endpoint: ServedEndpoint,
    target: RouteTarget,
    versions: readonly ServedVersion[],
  ): Promise<ActiveTarget> {
    const served = versions.find((one) => one.model === endpoint.model && one.version === target.version);
    if (served === undefined) throw modelUnloadable('the configuration lacks this version');
    const key = keyOf(served);
    let inMemory = this.#models.get(key);
    if (inMemory === undefined) {
      inMemory = await loadEngine(served, this.#source(Math.max(1, this.#patientUntil - performance.now())));
      this.#models.set(key, inMemory);
    }
    const check =
      served.contract === undefined ? undefined : compileRows(served.contract.rules, inMemory.layout.names);
    return { ...target, served, inMemory, check };
  }

  /** The model's file, fetched unless it is here; its content is what its digest says. */
  async #modelFile(served: ServedVersion): Promise<string> {
    if (!/^[0-9a-f]{64}$/.test(served.digest))
      throw modelUnloadable(`${JSON.stringify(served.digest)} is no sha256 digest`);
    const path = join(
      this.#modelFolder,
      `${served.digest}.${served.engine === 'python' ? 'bundle' : 'onnx'}`,
    );
    if (existsSync(path)) {
      if ((await sha256Of(path)) === served.digest) return path;
      this.#options.log.warn({ path }, 'this file of a model was damaged; it is fetched again');
    }
    if (this.#options.server === undefined) throw modelUnloadable('its file is missing or damaged');
    const response = await this.#fetch(`/api/v1/blobs/${served.digest}`, 120_000);
    if (!response.ok) throw modelUnloadable(`the control plane answered ${response.status} for its file`);
    const bytes = Buffer.from(await response.arrayBuffer());
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (digest !== served.digest) throw modelUnloadable(`its file arrived with the digest ${digest}`);
    const partial = `${path}.${process.pid}.partial`;
    await writeFile(partial, bytes, { mode: 0o600, flush: true });
    renameSync(partial, path);
    return path;
  }

  #letGo(): void {
    const wanted = new Set(
      [...this.#endpoints.values()].flatMap((endpoint) => endpoint.targets.map((target) => target.inMemory)),
    );
    for (const [key, model] of this.#models) {
      if (wanted.has(model)) continue;
      this.#models.delete(key);
      model.retire();
    }
    if (this.#options.server === undefined) return;
    const digests = new Set([
      ...(this.#config?.versions.map((version) => version.digest) ?? []),
      ...[...this.#endpoints.values()].flatMap((endpoint) =>
        endpoint.targets.map((target) => target.served.digest),
      ),
    ]);
    for (const name of readdirSync(this.#modelFolder)) {
      if (!digests.has(name.slice(0, 64))) rmSync(join(this.#modelFolder, name), { force: true });
    }
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
