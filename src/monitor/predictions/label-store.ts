import { sql } from 'kysely';
import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader } from '../../platform/database/database.ts';
import { itemsSql, rowsSql } from '../../platform/database/sql-words.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import type { LabelAnswer, NewLabel } from './prediction-api.ts';

interface LabelTable {
  model: string;
  /** `k:KEY` or `r:ROW:REQUEST` */
  subject: string;
  observed_at: number;
  label: string;
  /** number of the batch that it came with */
  batch: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    label: LabelTable;
  }
}

export const labelMigrations: Migrations = {
  'predictions-002-labels': {
    async up(db) {
      await db.schema
        .createTable('label')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('observed_at', 'integer', (column) => column.notNull())
        .addColumn('label', 'text', (column) => column.notNull())
        .addColumn('batch', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('label_key', ['model', 'subject', 'observed_at'])
        .modifyEnd(sql`without rowid`)
        .execute();
      await db.schema.createIndex('label_batch').on('label').columns(['model', 'batch']).execute();
    },
  },
};

export const keySubject = (key: string): string => `k:${key}`;
export const rowSubject = (requestId: string, row: number): string => `r:${row}:${requestId}`;

/**
 * Adds what turned out to be true. Nothing is overwritten: a correction is a later `observedAt`,
 * and the same label sent again changes nothing.
 */
export async function addLabels(world: World, actor: Actor, model: string, labels: readonly NewLabel[]): Promise<LabelAnswer> {
  const lines = JSON.stringify(
    lastOfEach(
      labels.map((each) => [
        'key' in each ? keySubject(each.key) : rowSubject(each.requestId, each.row),
        Math.round(each.observedAt),
        String(each.label),
      ]),
    ),
  );
  const data = { count: labels.length };
  return perform(world, { actor, verb: 'label.add', kind: 'model', thing: model, data }, async (tx) => {
    const { next } = await tx
      .selectFrom('label')
      .select((eb) => eb.fn.coalesce(eb.fn.max('batch'), eb.val(0)).as('next'))
      .where('model', '=', model)
      .executeTakeFirstOrThrow();
    // a correction at the very same instant can't be ordered by time: the one that came last wins
    const { numAffectedRows } = await sql`
      insert into label (model, subject, observed_at, label, batch)
      select ${model}, value ->> 0, cast(value ->> 1 as bigint), value ->> 2, cast(${Number(next) + 1} as bigint) from ${itemsSql(sql`${lines}`, 'line')} where 1 = 1
      on conflict (model, subject, observed_at) do update set label = excluded.label, batch = excluded.batch
        where label.label <> excluded.label`.execute(tx);
    return { received: labels.length, added: Number(numAffectedRows ?? 0) };
  });
}

type Line = readonly [subject: string, observedAt: number, label: string];

/** One line per thing and instant: a statement changes a row once. */
const lastOfEach = (lines: readonly Line[]): Line[] => [
  ...new Map(lines.map((line) => [`${line[1]} ${line[0]}`, line])).values(),
];

/** Things of a model whose truth is known. */
export async function countLabels(read: Reader, model: string): Promise<number> {
  const row = await read
    .selectFrom('label')
    .select((eb) => eb.fn.count<number>('subject').distinct().as('count'))
    .where('model', '=', model)
    .executeTakeFirst();
  return row?.count ?? 0;
}

export interface LabelSubject {
  readonly key: string | null;
  readonly requestId: string;
  readonly row: number;
}

/** Where the labels of a model are looked up: many know keys only, and half of the look-ups can be spared. */
interface LabelKinds {
  readonly byKey: boolean;
  readonly byRow: boolean;
}

async function labelKinds(read: Reader, model: string): Promise<LabelKinds> {
  const some = (from: string, to: string) =>
    read
      .selectFrom('label')
      .select('subject')
      .where('model', '=', model)
      .where('subject', '>=', from)
      .where('subject', '<', to)
      .limit(1)
      .executeTakeFirst();
  return { byKey: (await some('k:', 'k;')) !== undefined, byRow: (await some('r:', 'r;')) !== undefined };
}

/** The label with the latest `observedAt` of each thing, in order; null where none is known. A label by row wins over one by key. */
export async function labelsFor(read: Reader, model: string, subjects: readonly LabelSubject[]): Promise<(string | null)[]> {
  const kinds = await labelKinds(read, model);
  const labels = Array.from<string | null>({ length: subjects.length }).fill(null);
  if (kinds.byKey) {
    const keys = subjects.map((each) => (each.key === null ? null : keySubject(each.key)));
    await lookUp(read, model, keys, labels);
  }
  if (kinds.byRow) {
    await lookUp(
      read,
      model,
      subjects.map((each) => rowSubject(each.requestId, each.row)),
      labels,
    );
  }
  return labels;
}

async function lookUp(read: Reader, model: string, subjects: readonly (string | null)[], labels: (string | null)[]): Promise<void> {
  const asked = [...new Set(subjects.filter((each) => each !== null))];
  const { rows } = await sql<{ subject: string; label: string | null }>`
    select asked.value as subject, (
      select label from label where model = ${model} and subject = asked.value order by observed_at desc limit 1
    ) as label from ${rowsSql(asked, 'asked')}`.execute(read);
  const found = new Map(rows.map((row) => [row.subject, row.label]));
  for (const [index, subject] of subjects.entries()) {
    const label = subject === null ? null : (found.get(subject) ?? null);
    if (label !== null) labels[index] = label;
  }
}

/** Subjects whose labels came after a batch, and the number of the last batch. */
export async function labelsAfter(read: Reader, model: string, batch: number): Promise<{ subjects: string[]; batch: number }> {
  const rows = await read
    .selectFrom('label')
    .select(['subject', 'batch'])
    .where('model', '=', model)
    .where('batch', '>', batch)
    .execute();
  const subjects = [...new Set(rows.map((row) => row.subject))];
  return { subjects, batch: rows.reduce((last, row) => Math.max(last, row.batch), batch) };
}
