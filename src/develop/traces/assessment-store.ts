import { randomUUID } from 'node:crypto';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import type { World } from '../../platform/world.ts';
import { assessmentNotFound, traceNotFound } from './traces-errors.ts';
import type { Assessment, AssessmentError } from './traces.ts';

export interface AssessmentTable {
  id: string;
  trace_id: string;
  name: string;
  kind: 'feedback' | 'expectation' | 'issue';
  span_id: string | null;
  source_type: string;
  source_id: string;
  /** JSON */
  value: string;
  /** the value as text, for searches: itself when it is one, else JSON */
  value_text: string;
  value_number: number | null;
  /** JSON */
  error: string | null;
  rationale: string | null;
  /** JSON */
  metadata: string;
  overrides: string | null;
  is_valid: number;
  created_at: number;
  updated_at: number;
}

export const assessmentOf = (row: AssessmentTable): Assessment => ({
  id: row.id,
  traceId: row.trace_id,
  name: row.name,
  spanId: row.span_id,
  sourceType: row.source_type,
  sourceId: row.source_id,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  rationale: row.rationale,
  metadata: JSON.parse(row.metadata) as Record<string, string>,
  overrides: row.overrides,
  isValid: row.is_valid === 1,
  says: saidIn(row),
});

function saidIn(row: AssessmentTable): Assessment['says'] {
  const value = JSON.parse(row.value) as unknown;
  if (row.kind === 'issue') return { kind: 'issue', value: String(value) };
  if (row.kind === 'expectation') return { kind: 'expectation', value };
  return { kind: 'feedback', value, error: row.error === null ? null : (JSON.parse(row.error) as AssessmentError) };
}

const rowOf = (assessment: Assessment): AssessmentTable => {
  const { says } = assessment;
  return {
    id: assessment.id,
    trace_id: assessment.traceId,
    name: assessment.name,
    kind: says.kind,
    span_id: assessment.spanId,
    source_type: assessment.sourceType,
    source_id: assessment.sourceId,
    value: JSON.stringify(says.value),
    value_text: typeof says.value === 'string' ? says.value : JSON.stringify(says.value),
    value_number: typeof says.value === 'number' ? says.value : null,
    error: says.kind === 'feedback' && says.error !== null ? JSON.stringify(says.error) : null,
    rationale: assessment.rationale,
    metadata: JSON.stringify(assessment.metadata),
    overrides: assessment.overrides,
    is_valid: assessment.isValid ? 1 : 0,
    created_at: assessment.createdAt,
    updated_at: assessment.updatedAt,
  };
};

export const newAssessmentId = (): string => `a-${randomUUID().replaceAll('-', '')}`;

/** One with the same id is replaced. */
export async function insertAssessment(tx: Transaction, assessment: Assessment): Promise<void> {
  const row = rowOf(assessment);
  const { id: _id, ...rest } = row;
  await tx
    .insertInto('trace_assessment')
    .values(row)
    // an id that another trace has is not taken away from it
    .onConflict((conflict) => conflict.column('id').doUpdateSet(rest).where('trace_assessment.trace_id', '=', row.trace_id))
    .execute();
}

/** Adds a judgement; the one that it overrides is no longer valid. @throws TRACE_NOT_FOUND, ASSESSMENT_NOT_FOUND */
export async function createAssessment(world: World, assessment: Assessment): Promise<Assessment> {
  return world.database.write(async (tx) => {
    const trace = await tx.selectFrom('trace').select('id').where('id', '=', assessment.traceId).executeTakeFirst();
    if (trace === undefined) throw traceNotFound(assessment.traceId);
    if (assessment.overrides !== null) {
      const changed = await tx
        .updateTable('trace_assessment')
        .set({ is_valid: 0 })
        .where('trace_id', '=', assessment.traceId)
        .where('id', '=', assessment.overrides)
        .executeTakeFirst();
      if (changed.numUpdatedRows === 0n) throw assessmentNotFound(assessment.overrides, assessment.traceId);
    }
    await tx.insertInto('trace_assessment').values(rowOf(assessment)).execute();
    return assessment;
  });
}

/** @throws TRACE_NOT_FOUND, ASSESSMENT_NOT_FOUND */
export async function getAssessment(read: Reader, traceId: string, id: string): Promise<Assessment> {
  const row = await read.selectFrom('trace_assessment').selectAll().where('trace_id', '=', traceId).where('id', '=', id).executeTakeFirst();
  if (row !== undefined) return assessmentOf(row);
  const trace = await read.selectFrom('trace').select('id').where('id', '=', traceId).executeTakeFirst();
  throw trace === undefined ? traceNotFound(traceId) : assessmentNotFound(id, traceId);
}

export interface AssessmentChange {
  readonly name?: string;
  readonly says?: Assessment['says'];
  readonly rationale?: string;
  /** joins what is there */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** @throws TRACE_NOT_FOUND, ASSESSMENT_NOT_FOUND, BAD_REQUEST when feedback would become an expectation or the reverse */
export async function updateAssessment(world: World, traceId: string, id: string, change: AssessmentChange): Promise<Assessment> {
  return world.database.write(async (tx) => {
    const before = await getAssessment(tx, traceId, id);
    if (change.says !== undefined && change.says.kind !== before.says.kind) {
      throw badRequest(`Cannot update ${change.says.kind} value on the assessment ${id}: it is of the kind ${before.says.kind}.`);
    }
    const after: Assessment = {
      ...before,
      name: change.name ?? before.name,
      says: change.says ?? before.says,
      rationale: change.rationale ?? before.rationale,
      metadata: { ...before.metadata, ...change.metadata },
      updatedAt: world.clock.now(),
    };
    const { id: _id, ...row } = rowOf(after);
    await tx.updateTable('trace_assessment').set(row).where('trace_id', '=', traceId).where('id', '=', id).execute();
    return after;
  });
}

/** Deleting one that is gone is no mistake; the one that it overrode is valid again. @throws TRACE_NOT_FOUND */
export async function deleteAssessment(world: World, traceId: string, id: string): Promise<void> {
  await world.database.write(async (tx) => {
    const trace = await tx.selectFrom('trace').select('id').where('id', '=', traceId).executeTakeFirst();
    if (trace === undefined) throw traceNotFound(traceId);
    const gone = await tx.deleteFrom('trace_assessment').where('trace_id', '=', traceId).where('id', '=', id).returning('overrides').executeTakeFirst();
    const overridden = gone?.overrides ?? null;
    if (overridden === null) return;
    await tx.updateTable('trace_assessment').set({ is_valid: 1 }).where('trace_id', '=', traceId).where('id', '=', overridden).execute();
  });
}
