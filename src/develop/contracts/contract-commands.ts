import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { Option } from 'commander';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { exitCodes, note, print, table } from '../../platform/terminal.ts';
import type { ContractReport } from './contract-api.ts';
import { contractBroken } from './contract-errors.ts';
import { exportFormats, type ExportFormat } from './export-formats.ts';

export const addContractCommands: AddCommands = (program) => {
  const data = program.commands.find((one) => one.name() === 'data') ?? program.command('data');
  const contract = data.command('contract').description('what must hold of every version (ODCS 3.1)');
  withCommonFlags(
    contract
      .command('check [dataset]')
      .description('hold the working tree, one dataset or a path to its contract'),
  ).action(check);
  withCommonFlags(
    contract.command('infer <path>').description('write a first contract from what the data is like'),
  )
    .option('-f, --force', 'write over a contract that is there')
    .action(infer);
  withCommonFlags(
    contract.command('export <dataset>').description('the contract in another language, on standard output'),
  )
    .addOption(new Option('--format <format>', 'the language').choices(exportFormats).default('odcs'))
    .option('-o, --output <file>', 'write it to a file')
    .action(exportIt);
  withCommonFlags(
    contract
      .command('import <file> <dataset>')
      .description('a contract from Great Expectations, pandera or Frictionless'),
  )
    .option('-f, --force', 'write over a contract that is there')
    .action(importIt);
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

async function infer(path: string, flags: CommonFlags & { force?: boolean }): Promise<void> {
  const { inferContract } = await import('./infer.ts');
  const inferred = await inferContract(process.cwd(), path, flags.force === true);
  for (const left of inferred.leftOut) note(`Left out: ${left}`);
  print(flags, inferred, ({ file, rowCount, columns }) => {
    const suspected = columns.filter(({ suspicion }) => suspicion !== null);
    return [
      `${relative(process.cwd(), file)}: ${columns.length} columns from ${rowCount} rows. Read it, correct it, then set its status to active.`,
      ...(suspected.length === 0
        ? []
        : [
            'Perhaps personal data, to be confirmed by a person:',
            table(
              ['column', 'why'],
              suspected.map((one) => [one.name, one.suspicion ?? '']),
            ),
          ]),
    ];
  });
}

async function exportIt(
  asked: string,
  flags: CommonFlags & { format: ExportFormat; output?: string },
): Promise<void> {
  const { exportContract } = await import('./export.ts');
  const text = await exportContract(process.cwd(), asked, flags.format);
  if (flags.output === undefined) return print(flags, { format: flags.format, text }, () => text.trimEnd());
  writeFileSync(flags.output, `${text.trimEnd()}\n`);
  print(flags, { format: flags.format, file: flags.output }, ({ file }) => `${file} is written.`);
}

async function importIt(
  file: string,
  asked: string,
  flags: CommonFlags & { force?: boolean },
): Promise<void> {
  const { importContract } = await import('./import.ts');
  const imported = await importContract(process.cwd(), file, asked, flags.force === true);
  print(flags, imported, (one) => [
    `${relative(process.cwd(), one.file)}: ${one.ruleCount} rules from ${one.from}.`,
    ...one.notChecked.map((rule) => `  kept, not checked: ${rule}`),
  ]);
}
