import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../../platform/client.ts';
import { TilthError } from '../../platform/errors.ts';
import type { Endpoint } from '../../deploy/endpoints/endpoint-api.ts';
import type { Approval, GateReport, ModelVersion } from '../../deploy/registry/registry-api.ts';
import { rankedRuns } from './develop-station.ts';
import { clientsOf, model, pythonOf, scriptOf, terminalOf, type Journey, type Station } from './journey.ts';
import { run, tilth, tryTilth } from './tools.ts';

/** What the two dialects answered, beside the model in Python. */
export interface Asked {
  readonly rows: number;
  readonly openInferenceLabelsDiffer: number;
  readonly openInferenceMaxError: number;
  readonly invocationsLabelsDiffer: number;
}

export const deployStation: Station = {
  name: 'deploy',
  what: 'registered, proven equal in ONNX, gated, approved by a second person, served',
  run: async (journey) => {
    const { progress } = journey;
    const ana = { cwd: journey.project, env: terminalOf(journey, 'ana') };
    const ben = { cwd: journey.project, env: terminalOf(journey, 'ben') };
    const [best] = await rankedRuns(journey);
    if (best === undefined) throw new TilthError('QUICKSTART_STEP_FAILED', 500, 'There is no run to register.');
    const registered = await progress.step(
      `tilth model register: the best run, ${best.name}, becomes a version and is converted to ONNX`,
      () => tilth<ModelVersion>(['model', 'register', model, '--run', best.id, '--wait'], ana),
      (version) => `version ${version.version}, engine ${version.engine}, parity over ${version.parity?.rowCount} rows: largest difference ${version.parity?.maxError.toExponential(1)}`,
    );
    const version = String(registered.version);
    const gate = await progress.step(
      'tilth model gate: every condition with its evidence',
      () => tilth<GateReport>(['model', 'gate', model, version], ana),
      (report) => `${report.results.filter((each) => each.passed).length} of ${report.results.length} conditions hold`,
    );
    await progress.step('ana asks for production', () => tilth<Approval>(['model', 'request', model, version], ana));
    const own = await progress.step(
      'ana tries to approve her own request',
      () => tryTilth(['model', 'approve', model, version], ana),
      ({ answer }) => `refused, ${(answer as { error: { code: string } }).error.code}`,
    );
    if (own.code === 0) throw new TilthError('QUICKSTART_STEP_FAILED', 500, 'Ana could approve her own request.');
    const approval = await progress.step('ben, simulated, approves', () =>
      tilth<Approval>(['model', 'approve', model, version, '--reason', 'better than the baseline, parity proven'], ben),
    );
    await progress.step('tilth endpoint create', () => tilth(['endpoint', 'create', model, '--model', model], ben));
    await progress.step('the data plane takes it up', () => untilServed(journey, registered.version));
    const asked = await progress.step(
      'tritonclient and /invocations ask the endpoint; the model in Python says what is right',
      () => askAll(journey),
      (found) => `${found.rows} rows, ${found.openInferenceLabelsDiffer + found.invocationsLabelsDiffer} labels differ, largest difference ${found.openInferenceMaxError.toExponential(1)}`,
    );
    return {
      run: best.id,
      candidate: best.name,
      version: registered.version,
      engine: registered.engine,
      onnxDigest: registered.onnxDigest,
      parity: registered.parity === null ? null : { rows: registered.parity.rowCount, labelsEqual: registered.parity.labelsEqual, maxError: registered.parity.maxError, runtime: registered.parity.runtime },
      gate: gate.results.map(({ id, passed, measured }) => ({ id, passed, measured })),
      ownApproval: (own.answer as { error: { code: string } }).error.code,
      approvedBy: approval.by,
      isApproverSimulated: true,
      endpoint: `${journey.planeAddress}/endpoints/${model}/invocations`,
      asked,
    };
  },
};

const patienceMs = 30_000;

/** Waits until a data plane answers with this version as champion. */
export async function untilServed(journey: Journey, version: number): Promise<void> {
  for (const startedAt = Date.now(); Date.now() - startedAt < patienceMs; await sleep(100)) {
    const { revision } = await call<{ revision: number }>({ server: journey.address }, 'GET', '/api/v1/serving/config');
    const endpoint = await call<Endpoint>({ server: journey.address }, 'GET', `/api/v1/endpoints/${model}`);
    const isChampion = endpoint.targets.some((target) => target.variant === 'champion' && target.version === version);
    if (isChampion && endpoint.live.some((each) => each.revision >= revision)) return;
  }
  throw new TilthError('QUICKSTART_STEP_FAILED', 500, `No data plane serves version ${version} after ${patienceMs / 1000} s.`, `Its log: ${join(journey.home, 'logs', 'serve.log')}`);
}

const askedRows = 500;

async function askAll(journey: Journey): Promise<Asked> {
  const rows = join(journey.project, 'data', 'prepared', 'holdout.parquet');
  const answers = join(journey.folder, 'answers.json');
  const ana = { cwd: journey.project, env: terminalOf(journey, 'ana') };
  await run(pythonOf(journey), [scriptOf('answers_in_python.py'), `models:/${model}@champion`, rows, String(askedRows), answers], ana);
  const said = await run(clientsOf(journey), [scriptOf('ask_endpoint.py'), journey.planeAddress, model, answers]);
  const asked = JSON.parse(said) as Asked;
  if (asked.openInferenceLabelsDiffer + asked.invocationsLabelsDiffer > 0 || asked.openInferenceMaxError > 1e-5) {
    throw new TilthError('QUICKSTART_STEP_FAILED', 500, `The endpoint does not answer as the model in Python does: ${said}`);
  }
  return asked;
}
