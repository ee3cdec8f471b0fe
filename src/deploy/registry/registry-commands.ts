import type { Command } from 'commander';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import type { JobView } from '../../platform/job-api.ts';
import { note, print, table, usage } from '../../platform/terminal.ts';
import { addApprovalCommands, approvalLine } from './approvals/approval-commands.ts';
import { describeGate } from './gate/gate-text.ts';
import type { AliasStay, GateReport, ModelVersion, RegisteredModel } from './registry-api.ts';

interface RegisterFlags extends CommonFlags {
  readonly run?: string;
  readonly uri?: string;
  readonly description?: string;
  readonly wait?: boolean;
}

interface AliasFlags extends CommonFlags {
  readonly reason?: string;
  readonly remove?: boolean;
}

const at = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const pathOf = (model: string, version?: string): string =>
  `/api/v1/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${encodeURIComponent(version)}`}`;

export const addModelCommands: AddCommands = (program) => {
  const model = program
    .command('model')
    .description('registered models: versions, gates, approvals, aliases');
  addRegister(model);
  addReading(model);
  addGate(model);
  addApprovalCommands(model);
  addAliases(model);
};

function addRegister(model: Command): void {
  withCommonFlags(
    model
      .command('register <model>')
      .description('register what a run logged as a new version, and convert it'),
  )
    .option('--run <id>', 'the run that logged it')
    .option('--uri <uri>', 'runs:/RUN_ID/model, models:/MODEL_ID or models:/NAME/VERSION')
    .option('--description <text>')
    .option('--wait', 'until it is converted')
    .action(async (name: string, flags: RegisterFlags) => {
      if (flags.run === undefined && flags.uri === undefined)
        throw usage('Say what to register: --run RUN_ID or --uri URI.', 'See runs: tilth run list');
      const body = { model: name, runId: flags.run, modelUri: flags.uri, description: flags.description };
      let version = await call<ModelVersion>(flags, 'POST', '/api/v1/models', body);
      if (flags.wait === true) version = await waitForConversion(flags, version);
      print(flags, version, describeVersion);
    });

  withCommonFlags(
    model
      .command('convert <model> <version>')
      .description('convert a version again, after its environment was repaired'),
  )
    .option('--wait', 'until it is converted')
    .action(async (name: string, version: string, flags: CommonFlags & { wait?: boolean }) => {
      await call<{ job: string }>(flags, 'POST', `${pathOf(name, version)}/convert`);
      let found = await call<ModelVersion>(flags, 'GET', pathOf(name, version));
      if (flags.wait === true) found = await waitForConversion(flags, found);
      print(flags, found, describeVersion);
    });
}

/** Waits for the job and tells how far it is. */
async function waitForConversion(flags: CommonFlags, version: ModelVersion): Promise<ModelVersion> {
  if (version.conversionJob !== null) {
    const job = await call<JobView>(flags, 'GET', `/api/v1/jobs/${version.conversionJob}?wait=true`);
    if (job.state === 'failed') note(`The conversion failed: ${job.error}`);
  }
  return call<ModelVersion>(flags, 'GET', pathOf(version.model, String(version.version)));
}

function addReading(model: Command): void {
  withCommonFlags(model.command('list').description('all models')).action(async (flags: CommonFlags) => {
    const models = await call<RegisteredModel[]>(flags, 'GET', '/api/v1/models');
    print(flags, models, (rows) =>
      rows.length === 0
        ? 'No model yet. Register one with: tilth model register MODEL --run RUN_ID'
        : table(
            ['model', 'versions', 'aliases', 'declared', 'changed'],
            rows.map((row) => [
              row.name,
              String(row.versionCount),
              Object.entries(row.aliases)
                .map(([alias, version]) => `${alias}=${version}`)
                .join(' '),
              row.isDeclared ? 'yes' : 'no',
              at(row.updatedAt),
            ]),
          ),
    );
  });

  withCommonFlags(
    model.command('show <model> [version]').description('the versions of a model, or all about one of them'),
  )
    .option('--wait', 'until it is converted')
    .action(async (name: string, version: string | undefined, flags: CommonFlags & { wait?: boolean }) => {
      if (version === undefined) {
        const versions = await call<ModelVersion[]>(flags, 'GET', `${pathOf(name)}/versions`);
        print(flags, versions, versionTable);
        return;
      }
      let found = await call<ModelVersion>(flags, 'GET', pathOf(name, version));
      if (flags.wait === true) found = await waitForConversion(flags, found);
      print(flags, found, describeVersion);
    });
}

function addGate(model: Command): void {
  withCommonFlags(
    model
      .command('gate <model> <version>')
      .description('evaluate the gate and show the evidence; exit code 1 when it does not pass'),
  )
    .option('--measure', 'measure latency and held-out rows again, also where that is known')
    .action(async (name: string, version: string, flags: CommonFlags & { measure?: boolean }) => {
      const how = flags.measure === true ? '?measure=again' : '';
      note(`Evaluating the gate of version ${version} of ${name} …`);
      const report = await call<GateReport>(flags, 'POST', `${pathOf(name, version)}/gate${how}`);
      print(flags, report, describeGate);
      if (!report.passed) process.exitCode = 1;
    });
}

function addAliases(model: Command): void {
  withCommonFlags(
    model
      .command('alias <model> <alias> [version]')
      .description('give an alias to a version, or take it away'),
  )
    .option('--remove', 'take it away')
    .option('--reason <text>')
    .action(async (name: string, alias: string, version: string | undefined, flags: AliasFlags) => {
      if ((version === undefined) !== (flags.remove === true)) throw usage('Give a version, or --remove.');
      const body = { alias, version: version === undefined ? null : Number(version), reason: flags.reason };
      const stays = await call<AliasStay[]>(flags, 'PUT', `${pathOf(name)}/alias`, body);
      print(flags, stays, historyTable);
    });

  withCommonFlags(model.command('history <model>').description('which version had which alias when'))
    .option('--alias <name>')
    .option('--at <time>', 'only what held then: 2013-05-01, or with a time')
    .action(async (name: string, flags: CommonFlags & { alias?: string; at?: string }) => {
      const query = new URLSearchParams();
      if (flags.alias !== undefined) query.set('alias', flags.alias);
      if (flags.at !== undefined) query.set('at', String(timeOf(flags.at)));
      const stays = await call<AliasStay[]>(flags, 'GET', `${pathOf(name)}/history?${query.toString()}`);
      print(flags, stays, (found) =>
        found.length === 0 && flags.at !== undefined
          ? `No alias was set at ${flags.at}.`
          : historyTable(found),
      );
    });
}

/** A time without a zone is UTC, as all times of the server are. */
function timeOf(text: string): number {
  const hasZone = !/T\d/.test(text) || /(Z|[+-]\d\d:?\d\d)$/i.test(text);
  const time = Date.parse(hasZone ? text : `${text}Z`);
  if (Number.isNaN(time))
    throw usage(`${JSON.stringify(text)} is no time.`, 'Write 2013-05-01 or 2013-05-01T12:00:00Z');
  return time;
}

const historyTable = (stays: readonly AliasStay[]): string =>
  stays.length === 0
    ? 'No alias was ever set.'
    : table(
        ['alias', 'version', 'from', 'to', 'by', 'approved', 'why'],
        stays.map((stay) => [
          stay.alias,
          String(stay.version),
          at(stay.fromAt),
          stay.toAt === null ? 'now' : at(stay.toAt),
          stay.by,
          stay.approval === null
            ? ''
            : `${stay.approval.by ?? ''}${stay.approval.isSingleEye ? ' (alone)' : `, asked by ${stay.approval.requestedBy}`}`,
          stay.reason ?? '',
        ]),
      );

const versionTable = (versions: readonly ModelVersion[]): string =>
  versions.length === 0
    ? 'No version yet.'
    : table(
        ['version', 'aliases', 'engine', 'labels equal', 'max error', 'gate', 'approval', 'by', 'registered'],
        versions.map((version) => [
          String(version.version),
          version.aliases.join(' '),
          version.engine,
          version.parity?.labelsEqual?.toFixed(5) ?? '',
          version.parity?.maxError.toExponential(1) ?? '',
          version.gate === null ? '' : version.gate.passed ? 'passed' : 'not passed',
          version.approvals[0]?.state ?? '',
          version.createdBy,
          at(version.createdAt),
        ]),
      );

function describeVersion(version: ModelVersion): string[] {
  const lines = [
    `${version.model} version ${version.version}${version.aliases.length > 0 ? ` (${version.aliases.join(', ')})` : ''}`,
  ];
  lines.push(
    `  registered by ${version.createdBy} at ${at(version.createdAt)} from ${version.source}${version.runId === null ? '' : `, run ${version.runId}`}`,
  );
  if (version.engine === 'pending')
    lines.push(`  being converted; wait with: tilth model show ${version.model} ${version.version} --wait`);
  if (version.engine === 'python') lines.push(...describePython(version));
  const { parity } = version;
  if (parity !== null) {
    const labels =
      parity.labelsEqual === null ? '' : `labels equal in ${(parity.labelsEqual * 100).toFixed(3)} %, `;
    lines.push(
      `  ONNX ${version.onnxDigest?.slice(0, 12)}, ${version.onnxByteCount} bytes; parity on ${parity.rowCount} rows with ${parity.runtime}: ${labels}largest difference ${parity.maxError.toExponential(1)}`,
    );
  }
  if (version.gate !== null) lines.push(...describeGate(version.gate).map((line) => `  ${line}`));
  for (const each of version.approvals) lines.push(`  ${approvalLine(each)}`);
  return lines;
}

/** Why there is no graph, and who answers instead. */
function describePython({ reason, python, bundleDigest, bundleByteCount }: ModelVersion): string[] {
  const why = `  not converted: ${reason ?? 'nobody said why'}`;
  if (python === null) return [why];
  const packages = Object.entries(python.packages).map(([name, number]) => `${name} ${number}`);
  return [
    why,
    `  served by its own Python ${python.version} (${packages.join(', ')}), from ${bundleByteCount} bytes, ${bundleDigest?.slice(0, 12)}`,
    ...(python.isRowWise
      ? []
      : ['  its answer to a row depends on the rows beside it, so requests never share a call']),
  ];
}
