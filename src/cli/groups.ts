import type { SettleStage } from '../develop/data/commit-data.ts';
import type { CheckOut } from '../develop/remotes/transfer-commands.ts';
import type { AddCommands } from '../platform/command.ts';

interface Group {
  readonly load: () => Promise<AddCommands>;
}

const up: Group = { load: async () => (await import('./up-commands.ts')).addUpCommands };
const start: Group = { load: async () => (await import('../start/start-commands.ts')).addStartCommands };
const templateWorker: Group = { load: async () => (await import('../start/new-project/worker-commands.ts')).addWorkerCommands };
const modelProver: Group = { load: async () => (await import('../deploy/conversion/prove-commands.ts')).addProverCommands };
const template: Group = { load: async () => (await import('../start/update/update-commands.ts')).addTemplateCommands };
const doctor: Group = {
  load: async () => {
    const { doctorCommands } = await import('../start/doctor/doctor-commands.ts');
    return doctorCommands(async () => (await import('../start/doctor/start-checks.ts')).startChecks);
  },
};
const project: Group = { load: async () => (await import('../start/project/project-commands.ts')).addProjectCommands };
const team: Group = { load: async () => (await import('../team/people-commands.ts')).addTeamCommands };
/** The remotes lie below the data, whose checkout ends a pull. */
const checkOut: CheckOut = async (...args) => (await import('../develop/data/check-out.ts')).checkOut(...args);

/** The pipelines lie beside the data, whose commit records stages too. */
const settleStage: SettleStage = async (workspace, stage) => {
  const { settle } = await import('../develop/pipelines/stage-settling.ts');
  const { paramsReader } = await import('../develop/dvc-files/params-file.ts');
  return settle(workspace, stage, paramsReader(), { isStored: true }).changedFiles;
};

const data: Group = {
  load: async () => {
    const [{ addDataCommands }, { addContractCommands }, { addPolicyCommands }, { addLineageCommands }, { addProfileCommands }, { addDataRemoteCommands }] = await Promise.all([
      import('../develop/data/data-commands.ts'),
      import('../develop/contracts/contract-commands.ts'),
      import('../develop/contracts/policy-commands.ts'),
      import('../develop/lineage/lineage-commands.ts'),
      import('../develop/data/profile-commands.ts'),
      import('../develop/remotes/data-remote-commands.ts'),
    ]);
    return (program) => {
      addDataCommands(program, settleStage);
      addDataRemoteCommands(program, checkOut);
      addContractCommands(program);
      addPolicyCommands(program);
      addLineageCommands(program);
      addProfileCommands(program);
    };
  },
};
const pipeline: Group = { load: async () => (await import('../develop/pipelines/pipeline-commands.ts')).addPipelineCommands };
const dvc: Group = {
  load: async () => {
    const [{ addDvcDataCommands }, { addDvcPipelineCommands }, { addDvcRemoteCommands }] = await Promise.all([
      import('../develop/data/data-commands.ts'),
      import('../develop/pipelines/pipeline-commands.ts'),
      import('../develop/remotes/data-remote-commands.ts'),
    ]);
    return (program) => {
      addDvcDataCommands(program, settleStage);
      addDvcRemoteCommands(program, checkOut);
      addDvcPipelineCommands(program);
    };
  },
};
const status: Group = { load: async () => (await import('../server/board/board-commands.ts')).addStatusCommands };
const explain: Group = { load: async () => (await import('../team/glossary-commands.ts')).addGlossaryCommands };
const model: Group = {
  load: async () => {
    const [{ addModelCommands }, { addCardCommands }] = await Promise.all([
      import('../deploy/registry/registry-commands.ts'),
      import('../maintain/cards/card-commands.ts'),
    ]);
    return (program) => {
      addModelCommands(program);
      addCardCommands(program);
    };
  },
};
const endpoint: Group = { load: async () => (await import('../deploy/endpoints/endpoint-commands.ts')).addEndpointCommands };
const batch: Group = { load: async () => (await import('../deploy/batch/batch-commands.ts')).addBatchCommands };
const serve: Group = { load: async () => (await import('../deploy/serving/serving-commands.ts')).addServingCommands };
const deploy: Group = { load: async () => (await import('../deploy/manifests/manifests-commands.ts')).addDeployCommands };
const monitor: Group = { load: async () => (await import('../monitor/monitor-commands.ts')).addMonitorCommands };
const alert: Group = { load: async () => (await import('../monitor/alerts/alert-commands.ts')).addAlertCommands };
const gc: Group = { load: async () => (await import('../maintain/cleanup/cleanup-commands.ts')).addCleanupCommands };
const audit: Group = { load: async () => (await import('../maintain/audit/audit-commands.ts')).addAuditCommands };
const handover: Group = { load: async () => (await import('../maintain/handover/handover-commands.ts')).addHandoverCommands };
const quickstart: Group = { load: async () => (await import('./quickstart/quickstart-commands.ts')).addQuickstartCommands };
const retraining: Group = { load: async () => (await import('../maintain/retraining/retraining-commands.ts')).addRetrainingCommands };
const importing: Group = { load: async () => (await import('../maintain/exchange/exchange-commands.ts')).addImportCommands };
const exporting: Group = { load: async () => (await import('../maintain/exchange/exchange-commands.ts')).addExportCommands };
const run: Group = { load: async () => (await import('../develop/tracking/run-commands.ts')).addRunCommands };
const trace: Group = { load: async () => (await import('../develop/traces/trace-commands.ts')).addTraceCommands };
const reproduce: Group = { load: async () => (await import('../develop/reproduce/reproduce-commands.ts')).addReproduceCommand };

/** The first word of each command and where it lives; a feature adds itself here. */
export const groups = {
  up,
  server: up,
  quickstart,
  start,
  template,
  doctor,
  project,
  data,
  pipeline,
  dvc,
  model,
  endpoint,
  predict: endpoint,
  batch,
  serve,
  deploy,
  monitor,
  alert,
  team,
  explain,
  status,
  retrain: retraining,
  audit,
  gc,
  offboard: handover,
  run,
  trace,
  reproduce,
  import: importing,
  export: exporting,
  'template-worker': templateWorker,
  'model-prover': modelProver,
} satisfies Record<string, Group>;

export type GroupName = keyof typeof groups;
