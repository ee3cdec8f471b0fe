import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type BinaryOperationNode,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type OperationNode,
  type QueryId,
  type QueryResult,
  type RawNode,
  type RootOperationNode,
} from 'kysely';
import type { ClientBase, CustomTypesConfig } from 'pg';
import { bindable } from './bindable.ts';
import { inPostgresWords } from './schema.ts';
import { ArrayValue, postgresWordsOf } from './sql-words.ts';

/** Where a statement gets its connection from, and gives it back to. */
export interface Connections {
  take(): Promise<DatabaseConnection>;
  giveBack(connection: DatabaseConnection): void;
}

export const postgresDialect = (connections: Connections): Dialect => dialectWith(connections, () => new Compiler());

/** For migrations, which are written in SQLite's words. */
export const migrationDialect = (connections: Connections): Dialect => dialectWith(connections, () => new MigrationCompiler());

const dialectWith = (connections: Connections, createQueryCompiler: () => PostgresQueryCompiler): Dialect => ({
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => driverOf(connections),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler,
});

class Compiler extends PostgresQueryCompiler {
  protected override visitRaw(node: RawNode): void {
    super.visitRaw(postgresWordsOf(node));
  }

  /** Nothing is in an empty list; SQLite reads `IN ()` as that. */
  protected override visitBinaryOperation(node: BinaryOperationNode): void {
    const { operator, rightOperand } = node;
    const word = operator.kind === 'OperatorNode' ? (operator as { readonly operator?: string } & OperationNode).operator : undefined;
    const list = rightOperand as OperationNode & { readonly values?: readonly unknown[] };
    if ((word === 'in' || word === 'not in') && list.values?.length === 0) this.append(word === 'in' ? '1 = 0' : '1 = 1');
    else super.visitBinaryOperation(node);
  }
}

class MigrationCompiler extends Compiler {
  override compileQuery(node: RootOperationNode, queryId: QueryId): CompiledQuery {
    const query = super.compileQuery(node, queryId);
    return { ...query, sql: inPostgresWords(query.sql) };
  }

  protected override getAutoIncrement(): string {
    return 'autoincrement';
  }
}

function driverOf(connections: Connections): Driver {
  const run = async (connection: DatabaseConnection, statement: string): Promise<void> => {
    await (connection as PostgresConnection).run(statement);
  };
  return {
    init: () => Promise.resolve(),
    acquireConnection: () => connections.take(),
    beginTransaction: (connection) => run(connection, 'BEGIN'),
    commitTransaction: (connection) => run(connection, 'COMMIT'),
    rollbackTransaction: (connection) => run(connection, 'ROLLBACK'),
    releaseConnection: (connection) => Promise.resolve(connections.giveBack(connection)),
    destroy: () => Promise.resolve(),
  };
}

const preparedLimit = 500;

/** Names of prepared statements by their text, the same on every connection. */
const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= preparedLimit) return known;
  const name = `tilth_${names.size}`;
  names.set(text, name);
  return name;
}

export class PostgresConnection implements DatabaseConnection {
  readonly client: ClientBase;
  readonly #translate: (thrown: unknown) => unknown;
  /** what the last statement that failed threw; after it PostgreSQL takes no other one until the savepoint */
  failure: unknown;

  constructor(client: ClientBase, translate: (thrown: unknown) => unknown) {
    this.client = client;
    this.#translate = translate;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const name = nameOf(query.sql);
    try {
      const { command, rowCount, rows } = await this.client.query({
        text: query.sql,
        values: query.parameters.map(boundValue),
        ...(name === undefined ? {} : { name }),
      });
      return {
        rows: rows as R[],
        ...(command === 'SELECT' ? {} : { numAffectedRows: BigInt(rowCount ?? 0) }),
      };
    } catch (thrown) {
      this.failure = this.#translate(thrown);
      throw this.failure;
    }
  }

  /** Statements without values, several with `;` between them. @returns the last one's word, such as COMMIT */
  async run(statements: string): Promise<string> {
    try {
      const answer: unknown = await this.client.query(statements);
      const last = (Array.isArray(answer) ? answer.at(-1) : answer) as { readonly command: string };
      return last.command;
    } catch (thrown) {
      this.failure = this.#translate(thrown);
      throw this.failure;
    }
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('Answers are whole; page with a keyset instead.');
  }
}

const boundValue = (value: unknown): unknown => (value instanceof ArrayValue ? value.values : bindable(value));

/** Values as SQLite answers them: every number a number, a truth 1 or 0. */
export const asSqliteAnswers = (getTypeParser: CustomTypesConfig['getTypeParser']): CustomTypesConfig => {
  const parsers: Readonly<Record<number, (text: string) => unknown>> = {
    [boolType]: (text) => (text === 't' ? 1 : 0),
    [bigintType]: Number,
    [numericType]: Number,
  };
  return {
    getTypeParser: ((type: number, format?: never) => parsers[type] ?? getTypeParser(type, format)) as CustomTypesConfig['getTypeParser'],
  };
};

/** Numbers of types in PostgreSQL's catalogue `pg_type`. */
const boolType = 16;
const bigintType = 20;
const numericType = 1700;
