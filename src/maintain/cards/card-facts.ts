import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { listEndpointRows, type EndpointRow } from '../../deploy/endpoints/endpoint-store.ts';
import { dataVersionOf } from '../../deploy/registry/training-data.ts';
import type { AliasStay, ModelVersion } from '../../deploy/registry/registry-api.ts';
import { aliasHistory, getModelRow, getVersion, getVersionRow } from '../../deploy/registry/registry-store.ts';
import { champion } from '../../deploy/registry/registry.ts';
import type { Dataset, DatasetVersion } from '../../develop/data/data-api.ts';
import { getDataset } from '../../develop/data/data-store.ts';
import { getRun } from '../../develop/tracking/run-store.ts';
import type { Run } from '../../develop/tracking/tracking.ts';
import type { Alert } from '../../monitor/alerts/alert-api.ts';
import { listAlerts } from '../../monitor/alerts/alert-store.ts';
import type { WindowDrift } from '../../monitor/drift/drift-api.ts';
import { listDrift } from '../../monitor/drift/drift-store.ts';
import type { WindowPerformance } from '../../monitor/performance/performance-api.ts';
import { listWindows } from '../../monitor/performance/performance-store.ts';
import { monitoringPlan } from '../../monitor/windows/monitoring-plan.ts';
import { declarationOf, type DeclaredModel } from '../../start/project/project-store.ts';
import { listPeople } from '../../team/people-store.ts';
import { readWords, type PersonsWords } from './card-words.ts';

/** All that is on record about a version, as other features keep it. */
export interface CardFacts {
  readonly version: ModelVersion;
  readonly modelDescription: string | null;
  readonly declared: DeclaredModel | undefined;
  readonly run: Run | undefined;
  readonly dataset: CardDataset | undefined;
  /** windows in which the version answered, oldest first */
  readonly windows: readonly WindowPerformance[];
  /** of the newest window that has it */
  readonly drift: WindowDrift | undefined;
  readonly alerts: readonly Alert[];
  /** its times as champion, newest first */
  readonly stays: readonly AliasStay[];
  readonly endpoints: readonly EndpointRow[];
  /** ids of people who are stand-ins of a demonstration */
  readonly simulated: ReadonlySet<string>;
  readonly words: PersonsWords;
}

export interface CardDataset {
  readonly name: string;
  readonly md5: string;
  /** undefined when the server knows no such dataset or version */
  readonly known: Dataset | undefined;
  readonly version: DatasetVersion | undefined;
}

/** @throws MODEL_NOT_FOUND, MODEL_VERSION_NOT_FOUND */
export async function collectCardFacts(world: World, model: string, version: number): Promise<CardFacts> {
  const { read } = world.database;
  const { description } = await getModelRow(read, model);
  const found = await getVersion(read, model, version);
  const declared = await declarationOf(read, model);
  const { granularity } = await monitoringPlan(read, model);
  const windows = (await listWindows(read, model, { granularity })).filter((window) => window.version === version);
  const drift = (await listDrift(read, model, { granularity, version })).at(-1);
  const endpoints = (await listEndpointRows(read, model)).filter((row) => row.targets.some((target) => target.version === version));
  return {
    version: found,
    modelDescription: description,
    declared,
    run: found.runId === null ? undefined : await getRun(read, found.runId).catch(() => undefined),
    dataset: await datasetOf(read, model, version, declared?.model.dataset),
    windows,
    drift,
    alerts: (await listAlerts(read, { model })).filter((alert) => alert.version === version && alert.raisedAt !== null),
    stays: (await aliasHistory(read, { model, alias: champion })).filter((stay) => stay.version === version),
    endpoints,
    simulated: new Set((await listPeople(read)).filter((person) => person.isSimulated).map((person) => person.id)),
    words: declared === undefined ? new Map() : wordsOf(declared, model),
  };
}

async function datasetOf(read: Reader, model: string, version: number, name: string | undefined): Promise<CardDataset | undefined> {
  if (name === undefined) return undefined;
  const md5 = await dataVersionOf(read, await getVersionRow(read, model, version), name);
  if (md5 === null) return undefined;
  const known = await getDataset(read, name).catch(() => undefined);
  return { name, md5, known, version: known?.versions.find((each) => each.md5 === md5) };
}

/** MODEL_CARD.md of the project; in a project of several models it must name the model in its title. */
export function wordsOf({ project }: DeclaredModel, model: string): PersonsWords {
  let text: string;
  try {
    text = readFileSync(join(project.root, 'MODEL_CARD.md'), 'utf8');
  } catch {
    return new Map();
  }
  const title = /^# (.*)$/m.exec(text)?.[1] ?? '';
  const isOnlyModel = Object.keys(project.declaration.models).length === 1;
  return isOnlyModel || title.includes(model) ? readWords(text) : new Map();
}
