import { sql, type RawBuilder } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { experimentNumbers } from './experiment-store.ts';
import { attributeSql, tableOf } from './run-filter.ts';
import { runGrammar } from './run-grammar.ts';
import type { SearchProblem } from './search-errors.ts';
import { Parser, parseFilter, writeKey, type Field } from './search-filter.ts';
import { Reader as TextReader, describe, inOrder, tokensOf, type Token, type Wanted } from './search-tokens.ts';
import { runStatuses } from './tracking.ts';
import type { CompletionOption, FilterCompletion } from './tracking-api.ts';

const mostOptions = 50;
/** Runs whose keys and values are looked through; the newest say best what is asked for. */
const lookedThrough = 500;

/** What fits at the cursor of a filter of runs: fields, operators, and values that runs of these experiments have. */
export async function completeFilter(read: Reader, experimentIds: readonly string[], filter: string, cursor: number): Promise<FilterCompletion> {
  const { before, partial, from } = cutAtCursor(filter, cursor);
  const wanted = inOrder(wantedAfter(before));
  const lists = await Promise.all(wanted.map((each) => optionsFor(read, experimentNumbers(experimentIds), each)));
  const typed = plain(partial);
  const options = lists
    .flat()
    .filter(({ text }) => plain(text).includes(typed) && text !== partial)
    .toSorted((a, b) => Number(plain(b.text).startsWith(typed)) - Number(plain(a.text).startsWith(typed)))
    .slice(0, mostOptions);
  return { from, to: cursor, options, expected: wanted.map(describe), problem: problemOf(filter) };
}

/** Without quotes and case, so that `my` finds the field `` metrics.`My key` ``. */
const plain = (text: string): string => text.replaceAll(/["'`]/g, '').toLowerCase();

/** The text before the word that the cursor touches, and that word as far as it goes. */
function cutAtCursor(filter: string, cursor: number): { before: string; partial: string; from: number } {
  const text = filter.slice(0, cursor);
  const tokens = tokensOf(text);
  const touching = (token: Token | undefined, end: number): token is Token =>
    token !== undefined && token.at + token.text.length === end && (token.kind === 'word' || token.kind === 'unclosed' || token.kind === 'stray');
  let from = cursor;
  const last = tokens.at(-1);
  if (touching(last, from)) {
    from = last.at;
    // the quoted key of tags.`my key
    const prefix = tokens.at(-2);
    if (last.kind === 'unclosed' && touching(prefix, from) && prefix.text.endsWith('.')) from = prefix.at;
  }
  return { before: text.slice(0, from), partial: text.slice(from), from };
}

/** What may follow the beginning of a filter. */
function wantedAfter(beginning: string): readonly Wanted[] {
  const reader = new TextReader(beginning);
  try {
    new Parser(reader, runGrammar).readFilter();
  } catch (thrown) {
    if (!(thrown instanceof TilthError)) throw thrown;
    // it went wrong before its end: nothing can follow
    if (reader.peek() !== undefined) return [];
  }
  return reader.peek() === undefined ? reader.wanted : [];
}

function problemOf(filter: string): FilterCompletion['problem'] {
  try {
    parseFilter(filter, runGrammar);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof TilthError)) throw thrown;
    const { at, length, says } = thrown.details as SearchProblem;
    return { message: says, hint: thrown.hint ?? null, at, length };
  }
}

async function optionsFor(read: Reader, experiments: readonly number[], wanted: Wanted): Promise<CompletionOption[]> {
  switch (wanted.kind) {
    case 'word':
      return [{ kind: 'word', text: describe(wanted) }];
    case 'number':
      return [];
    case 'field':
      return fieldOptions(read, experiments);
    case 'text':
      return valueOptions(read, experiments, wanted.field as Field);
  }
}

/** One spelling of each attribute; the others are for old habits. */
const attributes = ['run_name', 'status', 'start_time', 'end_time', 'user_id', 'run_id', 'experiment_id', 'artifact_uri'];

async function fieldOptions(read: Reader, experiments: readonly number[]): Promise<CompletionOption[]> {
  const keysOf = async (family: 'metric' | 'param' | 'tag'): Promise<CompletionOption[]> => {
    const { rows } = await sql<{ key: string; run_count: number }>`
      SELECT key, count(*) AS run_count FROM (${newest(experiments)}) AS newest JOIN ${tableOf(family)} AS logged ON logged.run_id = newest.id
      GROUP BY key ORDER BY run_count DESC, key LIMIT ${mostOptions * 10}`.execute(read);
    return rows.map((row) => ({ kind: 'field', text: `${family}s.${writeKey(row.key)}`, runCount: row.run_count }));
  };
  const [metrics, params, tags] = await Promise.all([keysOf('metric'), keysOf('param'), keysOf('tag')]);
  const isOwn = ({ text }: CompletionOption): boolean => !text.startsWith('tags.mlflow.') && !text.startsWith('tags.`mlflow.');
  const rest = [...attributes, 'dataset.name', 'dataset.digest', 'dataset.context'].map((text) => ({ kind: 'field', text }) as const);
  return [...metrics, ...params, ...tags.filter(isOwn), ...rest, ...tags.filter((tag) => !isOwn(tag))];
}

async function valueOptions(read: Reader, experiments: readonly number[], { family, key }: Field): Promise<CompletionOption[]> {
  if (family === 'attribute' && key === 'status') return runStatuses.map((status) => ({ kind: 'value', text: `'${status}'` }));
  const source =
    family === 'attribute'
      ? sql`SELECT ${attributeSql('run', key)} AS value FROM (${newest(experiments)}) AS newest JOIN run ON run.id = newest.id`
      : family === 'dataset'
        ? sql`SELECT ${sql.ref(key)} AS value FROM (${newest(experiments)}) AS newest JOIN run_dataset ON run_dataset.run_id = newest.id
            JOIN logged_dataset ON logged_dataset.id = run_dataset.dataset_id`
        : sql`SELECT value FROM (${newest(experiments)}) AS newest JOIN ${tableOf(family)} AS logged ON logged.run_id = newest.id AND logged.key = ${key}`;
  const { rows } = await sql<{ value: string; run_count: number }>`
    SELECT value, count(*) AS run_count FROM (${source}) AS valued WHERE value IS NOT NULL AND length(value) <= 100
    GROUP BY value ORDER BY run_count DESC, value LIMIT ${mostOptions * 4}`.execute(read);
  return rows.flatMap(({ value, run_count }) => {
    const quote = value.includes("'") ? '"' : "'";
    // a filter has no way to write a text with both quotes
    return value.includes(quote) ? [] : { kind: 'value' as const, text: `${quote}${value}${quote}`, runCount: run_count };
  });
}

const newest = (experiments: readonly number[]): RawBuilder<unknown> =>
  sql`SELECT id FROM run WHERE experiment_id IN (${sql.join(experiments)}) AND lifecycle_stage = 'active' ORDER BY started_at DESC, id LIMIT ${lookedThrough}`;
