import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { exitCodes, print } from '../../platform/terminal.ts';
import type { ContractReport } from './contract-api.ts';
import { contractBroken } from './contract-errors.ts';

export const addContractCommands: AddCommands = (program) => {
  const data = program.commands.find((one) => one.name() === 'data') ?? program.command('data');
  const contract = data.command('contract').description('what must hold of every version (ODCS 3.1)');
  withCommonFlags(
    contract
      .command('check [dataset]')
      .description('hold the working tree, one dataset or a path to its contract'),
  ).action(check);
};

async function check(asked: string | undefined, flags: CommonFlags): Promise<void> {
  const { checkDatasets } = await import('./check-datasets.ts');
  const reports = await checkDatasets(process.cwd(), asked);
  print(flags, reports, (all) =>
    all.length === 0 ? 'No dataset here has a contract.' : all.map(describeReport),
  );
  if (reports.some(({ state }) => state === 'broken')) process.exitCode = exitCodes.no;
}

function describeReport(report: ContractReport): string {
  const warnings = report.warnings.map((one) => `  warning: ${one.description}: ${one.outcome}`);
  const unchecked = report.notChecked.map((one) => `  not checked: ${one}`);
  const first =
    report.state === 'broken'
      ? contractBroken(report).message
      : `${report.dataset} keeps its contract: ${report.rules.length} rules over ${report.rowCount} rows in ${report.fileCount} files`;
  return [first, ...warnings, ...unchecked].join('\n');
}
