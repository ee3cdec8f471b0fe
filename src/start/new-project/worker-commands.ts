import { text } from 'node:stream/consumers';
import type { AddCommands } from '../../platform/command.ts';
import { TilthError, errorBody, messageOf } from '../../platform/errors.ts';
import { note } from '../../platform/terminal.ts';
import type { WorkerAnswers, WorkerRequests } from './worker-requests.ts';

type Asked = {
  readonly [A in keyof WorkerRequests]: { readonly action: A; readonly request: WorkerRequests[A] };
}[keyof WorkerRequests];

/** The process in which the server works with a stranger's template: asked on standard input, answers on standard output. */
export const addWorkerCommands: AddCommands = (program) => {
  program
    .command('template-worker', { hidden: true })
    .description('works with a template for the server; started by it')
    .action(async () => {
      // the server that asked is gone: nobody waits for the answer
      process.once('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
      let said: { result: unknown } | (ReturnType<typeof errorBody> & { status: number });
      try {
        const asked = JSON.parse(await text(process.stdin)) as Asked;
        said = { result: await answer(asked) };
      } catch (thrown) {
        const error = thrown instanceof TilthError ? thrown : new TilthError('BUG', 500, messageOf(thrown));
        if (!(thrown instanceof TilthError) && thrown instanceof Error) note(thrown.stack ?? thrown.message);
        said = { ...errorBody(error), status: error.status };
      }
      await new Promise<void>((resolve) => process.stdout.write(JSON.stringify(said), () => resolve()));
      // a template's own threads and timers must not keep it
      process.exit('result' in said ? 0 : 1);
    });
};

async function answer(asked: Asked): Promise<WorkerAnswers[keyof WorkerAnswers]> {
  const work = await import('./worker.ts');
  switch (asked.action) {
    case 'open':
      return work.open(asked.request);
    case 'describe':
      return work.describe(asked.request);
    case 'start':
      return work.start(asked.request);
    case 'install':
      return work.install(asked.request);
    case 'plan':
      return work.plan(asked.request);
    case 'update':
      return work.update(asked.request);
  }
}
