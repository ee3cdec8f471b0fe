import { TilthError } from '../../platform/errors.ts';

/** Why a search expression is none. */
export interface SearchProblem extends SearchPlace {
  /** the message without the expression, for whoever shows that beside it */
  readonly says: string;
}

/** Where a search expression stops being one, and what would have fitted there. */
export interface SearchPlace {
  /** characters before the part that does not fit */
  readonly at: number;
  /** 0 at the end of the text */
  readonly length: number;
  /** in words: `a field`, `AND`, `a number` */
  readonly expected: readonly string[];
}

const example = "For example: metrics.auc > 0.7 AND (params.depth = '3' OR tags.stage IS NULL)";

/** A search expression that is none; the position counts characters from 1. */
export function searchInvalid(reason: string, source: string, problem: SearchPlace, hint = example): TilthError {
  const found = source.slice(problem.at, problem.at + problem.length);
  const where = problem.length === 0 ? 'at the end' : `at character ${problem.at + 1}, at ${JSON.stringify(found)}`;
  const wanted = problem.expected.length === 0 ? '' : ` Expected here: ${problem.expected.join(', ')}.`;
  const details: SearchProblem = { ...problem, says: `${reason} ${where}.${wanted}` };
  return new TilthError('INVALID_PARAMETER_VALUE', 400, `${reason} ${where} of ${JSON.stringify(shortened(source))}.${wanted}`, hint, { details });
}

const longest = 300;

const shortened = (source: string): string => (source.length > longest ? `${source.slice(0, longest)}…` : source);
