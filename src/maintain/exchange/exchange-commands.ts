import { isAbsolute, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import type { TilthError } from '../../platform/errors.ts';
import type { JobView } from '../../platform/job-api.ts';
import { note, print, table } from '../../platform/terminal.ts';
import type { ExportReport, ExportRequest, ImportReport, ImportRequest } from './exchange-api.ts';
import { exchangeKinds } from './exchange-kinds.ts';
import { exportStopped, importStopped } from './exchange-errors.ts';

interface ImportFlags extends CommonFlags {
  readonly artifacts?: string;
  readonly dryRun?: boolean;
  readonly rename?: boolean;
}

interface ExportFlags extends CommonFlags {
  readonly experiment?: readonly string[];
}

export const addImportCommands: AddCommands = (program) => {
  const group: Command = program.command('import').description('take over what another tool keeps');
  withCommonFlags(group.command('mlflow <source>'))
    .description(
      'experiments, runs, models and files of an MLflow database (SQLite, postgresql://…) or an mlruns folder, with their ids',
    )
    .option('--artifacts <folder>', 'where the artifacts lie now, when that is not beside the source')
    .option('--dry-run', 'only say what would be taken, and what not')
    .option('--rename', 'what has the id or name of something else here comes in under another')
    .action(importMlflow);
};

export const addExportCommands: AddCommands = (program) => {
  const group: Command = program.command('export').description('write what is here for another tool');
  withCommonFlags(group.command('mlflow <target>'))
    .description('an mlruns folder, or a SQLite database when TARGET ends in .db; MLflow reads either')
    .option('--experiment <id...>', 'only these experiments, without the model registry')
    .action(exportMlflow);
};

async function importMlflow(source: string, flags: ImportFlags): Promise<void> {
  const { copyMlflowDatabase, isPostgresSource } = await import('./mlflow-postgres.ts');
  if (!isPostgresSource(source)) return importFrom(absolute(source), flags);
  const copy = await copyMlflowDatabase(source);
  note(`copied ${copy.rowCount} rows of the database`);
  try {
    await importFrom(copy.file, flags);
  } finally {
    await copy.remove();
  }
}

async function importFrom(source: string, flags: ImportFlags): Promise<void> {
  const request: ImportRequest = {
    source,
    ...(flags.artifacts === undefined ? {} : { artifacts: resolve(flags.artifacts) }),
    isDryRun: flags.dryRun === true,
    renames: flags.rename === true,
  };
  const report = await follow<ImportReport>(flags, '/api/v1/imports/mlflow', request, importStopped);
  print(flags, report, describeImport);
}

async function exportMlflow(target: string, flags: ExportFlags): Promise<void> {
  const request: ExportRequest = {
    target: absolute(target),
    ...(flags.experiment === undefined ? {} : { experiments: [...flags.experiment] }),
  };
  const report = await follow<ExportReport>(flags, '/api/v1/exports/mlflow', request, exportStopped);
  print(flags, report, describeExport);
}

/** `sqlite:///file.db` is relative, `sqlite:////file.db` is not, as SQLAlchemy has it. */
function absolute(place: string): string {
  const sqlite = /^sqlite:\/\/\/(.*)$/s.exec(place)?.[1];
  if (sqlite !== undefined) return `sqlite:///${resolve(sqlite)}`;
  return isAbsolute(place) || /^[a-z][a-z0-9+]+:\/\//i.test(place) ? place : resolve(place);
}

const pollMs = 300;

/** Starts a job and shows on standard error how far it is until it ends. */
async function follow<T>(
  flags: CommonFlags,
  path: string,
  request: unknown,
  stopped: (reason: string) => TilthError,
): Promise<T> {
  const { job } = await call<{ job: string }>(flags, 'POST', path, request);
  for (let told: string | null = null; ;) {
    const now = await call<JobView>(flags, 'GET', `/api/v1/jobs/${job}`);
    if (now.state === 'succeeded') return now.output as T;
    if (now.state !== 'queued' && now.state !== 'running') throw stopped(now.error ?? now.state);
    if (now.progress !== null && now.progress !== told) note(now.progress);
    told = now.progress;
    await setTimeout(pollMs);
  }
}

function describeImport(report: ImportReport): string[] {
  const rows = exchangeKinds.flatMap((kind) => {
    const counts = report.taken[kind];
    if (counts === undefined || counts.new + counts.changed + counts.same === 0) return [];
    return [
      [
        `${kind}s`.replace('aliass', 'aliases'),
        String(counts.new),
        String(counts.changed),
        String(counts.same),
      ],
    ];
  });
  const lines = [
    rows.length === 0
      ? 'There is nothing in it.'
      : table([report.isDryRun ? 'would come' : 'came in', 'new', 'changed', 'as here'], rows),
    `${report.pointCount} points of metrics, ${report.files.count} files of ${report.files.byteCount} bytes${report.isDryRun ? ' (nothing was written)' : ''}`,
  ];
  for (const { kind, from, to } of report.renamed) lines.push(`${kind} ${from} is ${to} here`);
  for (const clash of report.clashes)
    lines.push(`in the way: ${clash} (--rename lets it come in under another)`);
  return [...lines, ...leftLines(report.left)];
}

function describeExport(report: ExportReport): string[] {
  const counts = exchangeKinds.flatMap((kind) => {
    const count = report.written[kind] ?? 0;
    return count === 0 ? [] : [`${count} ${count === 1 ? kind : kind === 'alias' ? 'aliases' : `${kind}s`}`];
  });
  return [
    `Wrote ${counts.join(', ')} with ${report.pointCount} points of metrics and ${report.files.count} files to ${report.target}`,
    report.format === 'sqlite'
      ? `Open it with: mlflow server --backend-store-uri sqlite:///${report.target}`
      : `Open it with: mlflow server --backend-store-uri ${report.target}`,
    ...leftLines(report.left),
  ];
}

const leftLines = (left: ImportReport['left']): string[] =>
  left.map(
    ({ kind, id, count, reason }) =>
      `left: ${id === undefined ? `${count} × ${kind}` : `${kind} ${id}`}, since ${reason}`,
  );
