import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { AskedOfThread, ToldByThread } from './sqlite-thread.ts';

// The other side of `SqliteThread`: one connection that only reads.

const database = new DatabaseSync(workerData as string, { readOnly: true, timeout: 10_000 });
database.exec('PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY;');

const prepared = new Map<string, StatementSync>();
const preparedLimit = 100;

parentPort?.on('message', ({ id, sql, values }: AskedOfThread) => {
  parentPort?.postMessage(answer(id, sql, values));
});

function answer(id: number, sql: string, values: AskedOfThread['values']): ToldByThread {
  try {
    const statement = prepared.get(sql) ?? database.prepare(sql);
    if (prepared.size < preparedLimit) prepared.set(sql, statement);
    return { id, rows: statement.all(...values) };
  } catch (cause) {
    return { id, failure: cause instanceof Error ? cause : new Error(String(cause)) };
  }
}
