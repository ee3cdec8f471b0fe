import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Actor } from '../src/platform/actor.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { World } from '../src/platform/world.ts';
import { createTestWorld } from '../src/server/test-world.ts';
import { registerProject } from '../src/start/project/project-store.ts';
import { localActor } from '../src/team/can.ts';
import { addPerson } from '../src/team/people-store.ts';
import { followAliases, offerSlowWay } from '../src/deploy/registry/aliases.ts';
import { rollOutInstead } from '../src/deploy/endpoints/rollouts.ts';
import { holdVersions } from '../src/deploy/registry/version-deletion.ts';
import { routedVersions } from '../src/deploy/endpoints/version-holds.ts';
import { followChampion } from '../src/deploy/endpoints/endpoints.ts';
import { registerVersion } from '../src/deploy/registry/versions.ts';
import { updateVersionRow } from '../src/deploy/registry/registry-store.ts';

/** A world with a project that declares the model `late`, and a team of two, for tests of rules that need no model bytes. */
export interface TestRegistry {
  readonly world: World;
  readonly ana: Actor;
  readonly ben: Actor;
  /** registers a version of `late` whose conversion is said to have worked */
  readonly addVersion: (by?: Actor, runId?: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

const declaration = (
  gate: string,
  policies: string,
  audience: string,
  approval: string,
  rollout: string,
  deadlineMs: number | undefined,
): string => `
project: flights
datasets:
  flights: { path: data/raw, owner: ana }
models:
  late: { dataset: flights, task: binary-classification, target: late, owner: ana, experiment: late, endpoint: late, audience: ${audience}, gate: ${gate}, approval: ${approval}${rollout === '' ? '' : `, rollout: ${rollout}`}${deadlineMs === undefined ? '' : `, deadlineMs: ${deadlineMs}`} }
policies: ${policies}
`;

export async function createTestRegistry(
  options: {
    gate?: string;
    approval?: string;
    rollout?: string;
    deadlineMs?: number;
    policies?: string;
    audience?: string;
    hasTeam?: boolean;
    clock?: Clock;
  } = {},
): Promise<TestRegistry> {
  const world = await createTestWorld(options.clock === undefined ? {} : { clock: options.clock });
  const project = mkdtempSync(join(tmpdir(), 'tilth project '));
  writeFileSync(
    join(project, 'tilth.yaml'),
    declaration(
      options.gate ?? '[]',
      options.policies ?? '[]',
      options.audience ?? 'internal',
      options.approval ?? '{}',
      options.rollout ?? '',
      options.deadlineMs,
    ),
  );
  const ends = [followAliases(followChampion), holdVersions(routedVersions), offerSlowWay(rollOutInstead)];
  const ana: Actor = { id: 'ana', kind: 'person', name: 'Ana', roles: ['contributor', 'maintainer'] };
  const ben: Actor = { id: 'ben', kind: 'person', name: 'Ben', roles: ['reviewer', 'operator'] };
  if (options.hasTeam !== false) {
    for (const { id, name } of [ana, ben]) {
      const roles =
        id === 'ana' ? (['contributor', 'maintainer'] as const) : (['reviewer', 'operator'] as const);
      await addPerson(world, localActor, {
        id,
        name,
        email: null,
        title: 'data scientist',
        roles: [...roles],
        isSimulated: false,
      });
    }
  }
  await registerProject(world, localActor, project);
  return {
    world,
    ana,
    ben,
    addVersion: async (by = ana, runId) => {
      // kept elsewhere, so that nothing is converted; the outcome of a conversion is written below
      const { version } = await registerVersion(world, by, {
        model: 'late',
        source: 's3://bucket/model',
        createsModel: true,
        ...(runId === undefined ? {} : { runId }),
      });
      const digest = String(version).padStart(64, '0');
      await world.database.write((tx) =>
        updateVersionRow(tx, 'late', version, {
          engine: 'onnx',
          reason: null,
          artifact_digest: digest,
          onnx_digest: digest,
          onnx_byte_count: 1,
          schema: JSON.stringify({ inputs: [], outputs: [], classes: [] }),
          schema_hash: 'hash',
        }),
      );
      return version;
    },
    close: async () => {
      for (const end of ends) end();
      await world.close();
      rmSync(project, { recursive: true, force: true });
    },
  };
}

/** A registry for the length of one test. */
export async function inRegistry(
  work: (registry: TestRegistry) => Promise<void>,
  options: Parameters<typeof createTestRegistry>[0] = {},
): Promise<void> {
  const registry = await createTestRegistry(options);
  try {
    await work(registry);
  } finally {
    await registry.close();
  }
}
