import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { print, table } from '../../platform/terminal.ts';
import type { Alert } from './alert-api.ts';

export const addAlertCommands: AddCommands = (program) => {
  const group = program.command('alert').description('alerts about models whose performance fell');

  withCommonFlags(group.command('list').description('alerts, newest first'))
    .option('--model <name>')
    .option('--state <state>', 'pending, firing or resolved')
    .action(async (flags: CommonFlags & { model?: string; state?: string }) => {
      const query = new URLSearchParams();
      if (flags.model !== undefined) query.set('model', flags.model);
      if (flags.state !== undefined) query.set('state', flags.state);
      const alerts = await call<Alert[]>(flags, 'GET', `/api/v1/alerts?${query.toString()}`);
      print(flags, alerts, (rows) =>
        rows.length === 0
          ? 'No alerts. Rules are declared in tilth.yaml, under monitoring.alerts.'
          : table(
              ['id', 'state', 'severity', 'looked after by', 'what'],
              rows.map((row) => [row.id, row.state, row.severity, row.acknowledgedBy ?? '', row.summary]),
            ),
      );
    });

  withCommonFlags(group.command('ack <id>').description('say that you look after an alert'))
    .option('--comment <text>')
    .action(async (id: string, flags: CommonFlags & { comment?: string }) => {
      const body = { comment: flags.comment ?? null };
      const alert = await call<Alert>(flags, 'POST', `/api/v1/alerts/${encodeURIComponent(id)}/ack`, body);
      print(flags, alert, (each) => `${each.acknowledgedBy} looks after: ${each.summary}`);
    });
};
