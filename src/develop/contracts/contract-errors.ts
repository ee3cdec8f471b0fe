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

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
