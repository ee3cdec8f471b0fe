import type { AddCommands } from '../platform/command.ts';

interface Group {
  readonly load: () => Promise<AddCommands>;
}

const up: Group = { load: async () => (await import('./up-commands.ts')).addUpCommands };
const team: Group = { load: async () => (await import('../team/people-commands.ts')).addTeamCommands };

/** The first word of each command and where it lives; a feature adds itself here. */
export const groups = {
  up,
  server: up,
  team,
} satisfies Record<string, Group>;

export type GroupName = keyof typeof groups;
