import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { call } from '../../platform/client.ts';
import type { JobView } from '../../platform/job-api.ts';
import { exitCodes, note, print, table, usage } from '../../platform/terminal.ts';
import type { RetrainingView } from './retraining-api.ts';

interface RetrainFlags extends CommonFlags {
  readonly asOf?: string;
  readonly wait?: boolean;
}

export const addRetrainingCommands: AddCommands = (program) => {
  withCommonFlags(program.command('retrain [model]').description('train a candidate on newer data and watch it in the shadow; lists retrainings without a model'))
    .option('--as-of <date>', 'event time up to which data is known, ISO date; now unless given')
    .option('--wait', 'until the candidate answers in the shadow')
    .action(async (model: string | undefined, flags: RetrainFlags) => {
      if (model === undefined) return list(flags);
      const asked = flags.asOf === undefined ? {} : { asOf: parseDate(flags.asOf) };
      const started = await call<RetrainingView>(flags, 'POST', `/api/v1/models/${encodeURIComponent(model)}/retrain`, asked);
      if (flags.wait === true && started.jobId !== null) {
        note(`Training on ${started.trainedFrom} to ${started.trainedTo}; its log: GET /api/v1/jobs/${started.jobId}/log`);
        const job = await call<JobView>(flags, 'GET', `/api/v1/jobs/${started.jobId}?wait=true`);
        if (job.state !== 'succeeded') process.exitCode = exitCodes.no;
      }
      const now = await call<RetrainingView>(flags, 'GET', `/api/v1/retrainings/${started.id}`);
      print(flags, now, (retraining) => retraining.steps.map((step) => `${step.state.padEnd(18)}${step.note}`));
    });
};

async function list(flags: CommonFlags): Promise<void> {
  const all = await call<RetrainingView[]>(flags, 'GET', '/api/v1/retrainings');
  print(flags, all, (retrainings) =>
    retrainings.length === 0
      ? 'Nothing was retrained yet. Begin with: tilth retrain MODEL'
      : table(
          ['model', 'cause', 'trained on', 'candidate', 'state', ''],
          retrainings.map((each) => [
            each.model,
            `${each.cause.kind} ${each.cause.id}`,
            `${each.trainedFrom} to ${each.trainedTo}`,
            each.candidate === null ? '' : `${each.model} ${each.candidate}`,
            each.state,
            each.steps.at(-1)?.note ?? '',
          ]),
        ),
  );
}

function parseDate(text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw usage(`${JSON.stringify(text)} is not a date.`, 'Write it as 2013-07-01.');
  return at;
}
