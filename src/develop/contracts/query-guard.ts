import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../platform/errors.ts';
import { filledQuery } from './contract-sql.ts';
import type { Rule } from './rule.ts';
import { literal } from '../../platform/sql-text.ts';

/** From here on the connection reads these files and nothing else, and writes nothing. */
export async function closeOff(connection: DuckDBConnection, files: readonly string[]): Promise<void> {
  await connection.run(`SET allowed_paths = [${files.map(literal).join(', ')}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

/** What is wrong with the query of a rule: it must be one SELECT that gives one number or truth. */
export async function queryFault(
  connection: DuckDBConnection,
  rule: Rule,
  table: string,
): Promise<string | undefined> {
  if (rule.test.kind !== 'sql') return undefined;
  const query = filledQuery(rule.test.query, table, rule.column);
  try {
    const statements = await connection.extractStatements(query);
    if (statements.count !== 1) return 'its query must be one statement';
    const prepared = await statements.prepare(0);
    const { StatementType } = await import('@duckdb/node-api');
    if (prepared.statementType !== StatementType.SELECT) return 'its query must be a SELECT';
    await connection.run(`EXPLAIN SELECT CAST((\n${query}\n) AS DOUBLE)`);
    return undefined;
  } catch (cause) {
    return `its query can't be run: ${
      messageOf(cause)
        .split('\n')[0]
        ?.replace(/^.*?Error: /, '') ?? ''
    }`;
  }
}
