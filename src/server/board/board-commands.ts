import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { call } from '../../platform/client.ts';
import { print, table } from '../../platform/terminal.ts';
import type { Board, BoardProject } from './board-api.ts';

const signs = { todo: '·', active: '…', done: '✓', attention: '!' } as const;

export const addStatusCommands: AddCommands = (program) => {
  withCommonFlags(program.command('status').description('every project through the five practices, and what to do next')).action(async (flags: CommonFlags) => {
    const found = await call<Board>(flags, 'GET', '/api/v1/board');
    print(flags, found, ({ projects, jobs }) =>
      projects.length === 0
        ? 'No project yet. Begin one with: tilth start. Or see a whole one: tilth quickstart'
        : [...projects.flatMap(projectLines), ...jobs.map((job) => `${job.state} ${job.kind}: ${job.progress ?? job.key}`)],
    );
  });
};

const projectLines = ({ name, root, stations }: BoardProject): string[] => [
  `${name}  ${root}`,
  table(
    ['', 'practice', 'stands', 'next'],
    stations.map((station) => [signs[station.state], station.station, station.headline, station.next ?? '']),
  ),
  '',
];
