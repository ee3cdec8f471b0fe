import { TilthError } from '../../platform/errors.ts';
import type { ContractReport } from './contract-api.ts';

const shownExamples = 3;

/** The dataset breaks its contract; the message names the first bad values, the details hold the whole report. */
export function contractBroken(report: ContractReport): TilthError {
  const lines = report.violations.flatMap((violation) => [
    `  ${violation.description}: ${violation.outcome}`,
    ...violation.examples
      .slice(0, shownExamples)
      .map(
        ({ file, row, column, value }) =>
          `    ${file}${row === null ? '' : `, row ${row}`}${column === null ? '' : `, column ${column}`}: ${value === null ? 'no value' : JSON.stringify(value)}`,
      ),
  ]);
  return new TilthError(
    'DATA_CONTRACT_BROKEN',
    422,
    `${report.dataset} breaks ${plural(report.violations.length, 'rule')} of its contract ${report.contract}:\n${lines.join('\n')}`,
    `Correct the data or the contract, then see all of it with: tilth data contract check ${report.dataset} --json`,
    { details: report },
  );
}

export const contractInvalid = (file: string, problems: readonly string[]): TilthError =>
  new TilthError(
    'DATA_CONTRACT_INVALID',
    400,
    `${file} is not a contract we can check: ${problems.join('; ')}.`,
    'Its form is ODCS 3.1.',
    {
      details: problems,
    },
  );

export const noContract = (name: string): TilthError =>
  new TilthError(
    'DATA_CONTRACT_MISSING',
    404,
    `The dataset ${name} has no contract.`,
    'Write one (ODCS 3.1) and name it under "contract" in tilth.yaml.',
  );

/** `tilth.yaml` names a file that is not there. */
export const contractMissingAt = (name: string, file: string): TilthError =>
  new TilthError(
    'DATA_CONTRACT_MISSING',
    404,
    `The contract of ${name} should be at ${file}, and is not.`,
    `Write a first one with: tilth data contract infer ${name}`,
  );

export const contractExists = (file: string): TilthError =>
  new TilthError(
    'DATA_CONTRACT_EXISTS',
    409,
    `${file} is there already; a person may have written in it.`,
    'Overwrite it with --force, or move it away first.',
  );

export const notImportable = (file: string, reason: string): TilthError =>
  new TilthError(
    'DATA_CONTRACT_NOT_IMPORTABLE',
    400,
    `${file} can't be read as a schema or suite: ${reason}.`,
    'It takes a suite of Great Expectations (JSON), a schema that pandera wrote with to_yaml, or a Frictionless schema or package.',
  );

export const nothingToInfer = (path: string, reason?: string): TilthError =>
  new TilthError(
    'DATA_CONTRACT_NOTHING_TO_INFER',
    422,
    `${path} has no rows that can be read${reason === undefined ? '' : `: ${reason}`}.`,
    'A contract is inferred from Parquet, CSV, TSV or JSON lines.',
  );

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
