import { TilthError } from '../../platform/errors.ts';
import type { ContractReport } from './data-api.ts';

const shownExamples = 3;

/** The dataset breaks its contract; the message names the first bad values, the details hold the whole report. */
export function contractBroken(report: ContractReport): TilthError {
  const lines = report.violations.flatMap((violation) => [
    `  ${violation.description}: ${violation.outcome}`,
    ...violation.examples.slice(0, shownExamples).map(
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
  new TilthError('DATA_CONTRACT_INVALID', 400, `${file} is not a contract we can check: ${problems.join('; ')}.`, 'Its form is ODCS 3.1.', {
    details: problems,
  });

export const datasetUnknown = (name: string, known: readonly string[]): TilthError =>
  new TilthError(
    'DATASET_NOT_FOUND',
    404,
    `There is no dataset ${JSON.stringify(name)}.`,
    known.length === 0 ? 'Declare one under "datasets" in tilth.yaml.' : `There is: ${known.join(', ')}.`,
  );

export const noContract = (name: string): TilthError =>
  new TilthError(
    'DATA_CONTRACT_MISSING',
    404,
    `The dataset ${name} has no contract.`,
    'Write one (ODCS 3.1) and name it under "contract" in tilth.yaml.',
  );

export const keptByGit = (path: string): TilthError =>
  new TilthError(
    'DATA_TRACKED_BY_GIT',
    409,
    `git keeps ${path} itself; data can't live in both.`,
    `Take it out of git first: git rm -r --cached '${path}'`,
  );

export const changedWhileAdded = (path: string): TilthError =>
  new TilthError('DATA_CHANGED_WHILE_ADDED', 409, `${path} changed while it was being added.`, 'Add it again when nothing writes to it.');

export const madeByStage = (path: string, stage: string): TilthError =>
  new TilthError(
    'DATA_MADE_BY_STAGE',
    409,
    `${path} is an output of the stage ${stage}, which looks after it.`,
    `Make it anew with: tilth pipeline run ${stage}`,
  );

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
