import { withCommonFlags, type AddCommands, type CommonFlags } from '../platform/command.ts';
import { call } from '../platform/client.ts';
import { note, print, table } from '../platform/terminal.ts';
import type { IssuedToken, Person, WhoAmI } from './people-api.ts';

interface AddFlags extends CommonFlags {
  readonly name?: string;
  readonly email?: string;
  readonly title: string;
  readonly role: string[];
  readonly simulated?: boolean;
}

export const addTeamCommands: AddCommands = (program) => {
  const team = program.command('team').description('people, roles and tokens');

  withCommonFlags(team.command('list').description('everyone, with title and roles')).action(async (flags: CommonFlags) => {
    const people = await call<Person[]>(flags, 'GET', '/api/v1/people');
    print(flags, people, (rows) =>
      rows.length === 0
        ? 'Nobody yet: you work alone on this machine. Add someone with: tilth team add ID --role contributor'
        : table(
            ['id', 'name', 'title', 'roles', 'tokens', ''],
            rows.map((row) => [
              row.id,
              row.name,
              row.title,
              row.roles.join(', '),
              String(row.tokenCount),
              [row.isActive ? '' : 'left', row.isSimulated ? 'simulated' : ''].filter(Boolean).join(', '),
            ]),
          ),
    );
  });

  withCommonFlags(team.command('add <id>').description('add a person, or change title and roles'))
    .option('--name <name>')
    .option('--email <address>')
    .option('--title <title>', 'a label, for example "data scientist"', 'data scientist')
    .requiredOption('--role <roles...>', 'viewer, contributor, maintainer, operator, admin, reviewer, pii')
    .option('--simulated', 'a stand-in of a demonstration')
    .action(async (id: string, flags: AddFlags) => {
      const body = {
        id,
        name: flags.name ?? id,
        email: flags.email ?? null,
        title: flags.title,
        roles: flags.role,
        isSimulated: flags.simulated === true,
      };
      const added = await call<Person>(flags, 'POST', '/api/v1/people', body);
      print(flags, added, (person) => `${person.name} is in the team as ${person.title}: ${person.roles.join(', ')}`);
    });

  withCommonFlags(team.command('token <id>').description('issue a token; it is shown once'))
    .option('--days <n>', 'how long it lives, at most 90', '30')
    .action(async (id: string, flags: CommonFlags & { days: string }) => {
      const issued = await call<IssuedToken>(flags, 'POST', `/api/v1/people/${encodeURIComponent(id)}/tokens`, {
        days: Number(flags.days),
      });
      print(flags, issued, (token) => token.token);
      if (flags.json !== true) note('Keep it: it is not shown again. Use it as TILTH_TOKEN or MLFLOW_TRACKING_TOKEN.');
    });

  withCommonFlags(team.command('whoami').description('who the current token belongs to')).action(async (flags: CommonFlags) => {
    const me = await call<WhoAmI>(flags, 'GET', '/api/v1/me');
    print(flags, me, (who) => `${who.name} (${who.id}): ${who.roles.join(', ')}`);
  });
};
