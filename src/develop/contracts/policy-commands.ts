import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { exitCodes, note, print } from '../../platform/terminal.ts';
import type { PolicyResult } from './policy-api.ts';

export const addPolicyCommands: AddCommands = (program) => {
  const data = program.commands.find((one) => one.name() === 'data') ?? program.command('data');
  const policy = data
    .command('policy')
    .description('rules of tilth.yaml about data and what may be made of it');
  withCommonFlags(policy.command('check').description('what the policies say of the working tree')).action(
    check,
  );
};

async function check(flags: CommonFlags): Promise<void> {
  const { checkPolicies } = await import('./policy-check.ts');
  const report = await checkPolicies(process.cwd());
  const results = report?.results ?? [];
  if (report !== undefined && results.length > 0) {
    await call(flags, 'POST', '/api/v1/policies/results', report).catch((reason: unknown) => {
      const isAway = reason instanceof TilthError && reason.code === 'SERVER_NOT_REACHABLE';
      note(
        isAway
          ? 'No server answers: this is in no audit log.'
          : `The server did not take this: ${messageOf(reason)}`,
      );
    });
  }
  print(flags, results, (all) =>
    all.length === 0 ? 'No policy is declared: see "policies" in tilth.yaml.' : all.map(describe),
  );
  if (results.some(({ verdict }) => verdict === 'refused')) process.exitCode = exitCodes.no;
}

const describe = ({ policy, verdict, model, inputs, faults }: PolicyResult): string => {
  const about = model ?? inputs.map(({ dataset }) => dataset).join(', ');
  return [
    `${policy} ${verdict === 'holds' ? 'holds' : verdict === 'warned' ? 'warns' : 'refuses'}: ${about}`,
    ...faults.map((fault) => `  ${fault}`),
  ].join('\n');
};
