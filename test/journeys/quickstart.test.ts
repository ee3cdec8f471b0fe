import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync, type SpawnOptions } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VerdictView } from '../../src/maintain/audit/audit-api.ts';
import { Analytics, dataFile } from '../../src/monitor/windows/analytics.ts';
import { freePorts, isTaken, leftBy, processesNaming, program, start, until as eventually, type Ended, type Started } from './processes.ts';

/** Until here the first retraining is refused by its gate and the second one is promoted. */
const until = '2013-07-08';

/** What the test reads of the facts file. */
interface Facts {
  readonly until: string;
  readonly stations: {
    readonly start: { readonly fileCount: number; readonly commit: string; readonly packageCount: number };
    readonly develop: {
      readonly contract: string;
      readonly dvcStatus: string;
      readonly planted: { readonly code: string; readonly rule: string; readonly file: string; readonly row: number; readonly column: string; readonly value: string };
      readonly runs: readonly { readonly id: string; readonly name: string; readonly auc: number; readonly brier: number }[];
    };
    readonly deploy: {
      readonly version: number;
      readonly engine: string;
      readonly candidate: string;
      readonly parity: { readonly rows: number; readonly labelsEqual: number; readonly maxError: number };
      readonly gate: readonly { readonly id: string; readonly passed: boolean }[];
      readonly ownApproval: string;
      readonly approvedBy: string;
      readonly isApproverSimulated: boolean;
      readonly asked: { readonly rows: number; readonly openInferenceLabelsDiffer: number; readonly openInferenceMaxError: number; readonly invocationsLabelsDiffer: number };
    };
    readonly monitor: {
      readonly replayed: { readonly rows: number; readonly failed: number; readonly labels: number; readonly isDone: boolean };
      readonly checkedByScikitLearn: {
        readonly windows: number;
        readonly rows: number;
        readonly maxCountDifference: number;
        readonly maxAucDifference: number;
        readonly maxBrierDifference: number;
        readonly loggedTwice: number;
      };
      readonly predictions: { readonly labelCount: number };
      readonly weeks: readonly { readonly week: string; readonly version: number; readonly variant: string; readonly rows: number; readonly labelled: number; readonly auc: number | null }[];
      readonly alerts: readonly { readonly rule: string; readonly version: number; readonly high: number; readonly reference: number; readonly at: number }[];
      readonly marks: readonly { readonly kind: string; readonly text: string }[];
      readonly retrainings: readonly { readonly state: string; readonly cause: { readonly kind: string }; readonly candidate: number; readonly champion: number; readonly outcome: string }[];
    };
    readonly maintain: {
      readonly rollback: { readonly from: number; readonly to: number; readonly requests: number; readonly failed: number; readonly answeredBy: Readonly<Record<string, number>> };
      readonly card: { readonly file: string };
      readonly handover: { readonly things: readonly { readonly kind: string; readonly thing: string }[]; readonly revokedTokens: number };
      readonly audit: { readonly isSound: boolean; readonly eventCount: number };
    };
  };
}

describe('tilth quickstart, by somebody without rights or a git identity, in a path with spaces', () => {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'tilth quick start ')));
  const folder = join(place, 'the whole way');
  const home = join(place, 'home of nobody');
  const factsFile = join(place, 'facts.json');
  const startedAt = Date.now();
  let ports: { port: number; servePort: number };
  let person: Pick<SpawnOptions, 'uid' | 'gid'>;
  let facts: Facts;

  before(async () => {
    mkdirSync(home);
    person = unprivileged();
    if (person.uid !== undefined && person.gid !== undefined) for (const each of [place, home]) chownSync(each, person.uid, person.gid);
    ports = await freePorts();
  });

  after(() => {
    // only what a failed test left
    for (const line of processesNaming(folder)) process.kill(Number(line.split(' ')[0]), 'SIGKILL');
    rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Our own program with nothing of the tester's: no git identity, no caches, no tokens. */
  function begin(...args: string[]): Started {
    const { TILTH_HOME: _home, TILTH_URL: _url, TILTH_TOKEN: _token, ...environment } = process.env;
    const env = { ...environment, HOME: home, USER: 'nobody', XDG_CONFIG_HOME: join(home, '.config'), XDG_CACHE_HOME: join(home, '.cache'), GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
    return start([program, ...args], { cwd: place, env, ...person });
  }

  const tilth = (...args: string[]): Promise<Ended> => begin(...args).ended;

  const quickstart = (...args: string[]): Promise<Ended> => tilth('quickstart', '--folder', folder, '--port', String(ports.port), ...args);

  it('goes the whole way', { timeout: 420_000 }, async (context) => {
    const since = performance.now();
    const { code, stderr } = await quickstart('--exit', '--json', factsFile, '--until', until);
    assert.equal(code, 0, stderr);
    facts = JSON.parse(readFileSync(factsFile, 'utf8')) as Facts;
    context.diagnostic(`${Math.round((performance.now() - since) / 1000)} s as ${person.uid === undefined ? 'the tester' : `user ${person.uid}`}`);
    assert.equal(facts.until, until);
    assert.deepEqual(Object.keys(facts.stations), ['start', 'develop', 'deploy', 'monitor', 'maintain']);
  });

  it('start: the template became a git repository whose commits Ana signed', () => {
    const { fileCount, packageCount, commit } = facts.stations.start;
    assert.ok(fileCount > 20 && packageCount > 40);
    const git = (...args: string[]) => spawnSync('git', args, { cwd: join(folder, 'late-flights'), encoding: 'utf8', ...person }).stdout.trim();
    assert.equal(git('rev-list', '--max-parents=0', 'HEAD'), commit);
    assert.deepEqual(git('log', '--format=%an').split('\n').filter((name) => !/^ana$/i.test(name)), []);
    assert.equal(git('status', '--porcelain'), '');
  });

  it('develop: the planted row is refused at its place, dvc agrees, four runs are logged', () => {
    const { contract, dvcStatus, planted, runs } = facts.stations.develop;
    assert.deepEqual(planted, { code: 'DATA_CONTRACT_BROKEN', rule: 'distance.minimum', file: 'flights-2013-02.parquet', row: 1235, column: 'distance', value: '-5.0' });
    assert.equal(contract, 'passed');
    assert.equal(dvcStatus, 'Data and pipelines are up to date.');
    assert.deepEqual(runs.map((run) => run.name).sort(), ['baseline', 'boosting', 'forest', 'logistic']);
    assert.equal(runs.at(-1)?.name, 'baseline', 'every candidate ranks better than the baseline');
  });

  it('deploy: equal in ONNX, gated, approved by the second person, answered in both dialects', () => {
    const { deploy, develop } = facts.stations;
    assert.deepEqual([deploy.version, deploy.engine, deploy.candidate], [1, 'onnx', develop.runs[0]?.name]);
    assert.ok(deploy.parity.rows > 1000 && deploy.parity.labelsEqual === 1 && deploy.parity.maxError < 1e-5, JSON.stringify(deploy.parity));
    assert.deepEqual(deploy.gate.filter((condition) => !condition.passed), []);
    assert.deepEqual(deploy.gate.map((condition) => condition.id), ['floor', 'baseline', 'parity', 'contract', 'ranks-better', 'calibrated']);
    assert.deepEqual([deploy.ownApproval, deploy.approvedBy, deploy.isApproverSimulated], ['NOT_ALLOWED', 'ben', true]);
    const { rows, openInferenceLabelsDiffer, invocationsLabelsDiffer, openInferenceMaxError } = deploy.asked;
    assert.deepEqual([rows, openInferenceLabelsDiffer, invocationsLabelsDiffer], [500, 0, 0]);
    assert.ok(openInferenceMaxError < 1e-5);
  });

  it('monitor: every flight is answered, every arrival joined, every week equal to scikit-learn’s', async () => {
    const { replayed, checkedByScikitLearn: checked, predictions, weeks } = facts.stations.monitor;
    const [flights, arrivals, byWeek] = await countTraffic(join(folder, 'late-flights', 'data', 'traffic.parquet'));
    assert.deepEqual([replayed.rows, replayed.labels, replayed.failed, replayed.isDone], [flights, arrivals, 0, true]);
    assert.equal(predictions.labelCount, arrivals);
    const answered = Map.groupBy(weeks.filter((week) => week.variant !== 'shadow'), (week) => week.week);
    assert.ok(answered.size >= 17, `${answered.size} weeks`);
    for (const [week, series] of answered) {
      const counted = [series.reduce((sum, each) => sum + each.rows, 0), series.reduce((sum, each) => sum + each.labelled, 0)];
      assert.deepEqual(counted, byWeek.get(week), `flights and arrivals in the week of ${week}`);
    }
    assert.equal(checked.windows, weeks.filter((week) => week.auc !== null).length);
    assert.ok(checked.rows >= arrivals * 0.95 && checked.maxCountDifference === 0 && checked.loggedTwice === 0, JSON.stringify(checked));
    assert.ok(checked.maxAucDifference < 1e-9 && checked.maxBrierDifference < 1e-9, JSON.stringify(checked));
  });

  it('monitor: performance falls, an alert says so, one retraining is refused and one promoted', () => {
    const { alerts, retrainings, marks } = facts.stations.monitor;
    assert.ok(alerts.length > 0);
    for (const { rule, version, high, reference } of alerts) {
      assert.equal(rule, 'auc-fell');
      assert.ok(high < reference, `the interval of version ${version}, up to ${high}, lies as a whole below ${reference}`);
    }
    assert.deepEqual(retrainings.map(({ state, candidate, champion, cause }) => [state, candidate, champion, cause.kind]), [
      ['refused', 2, 1, 'alert'],
      ['promoted', 3, 1, 'alert'],
    ]);
    assert.match(retrainings[0]?.outcome ?? '', /ranks-better/);
    assert.match(retrainings[1]?.outcome ?? '', /ben/);
    for (const kind of ['alert', 'retraining']) assert.ok(marks.some((mark) => mark.kind.includes(kind)), `${kind} is marked in the history`);
  });

  it('maintain: rollback and back fail nobody, the card is written, all of Ana’s is Ben’s', () => {
    const { rollback, card, handover, audit } = facts.stations.maintain;
    assert.deepEqual([rollback.from, rollback.to, rollback.failed], [3, 1, 0]);
    assert.ok((rollback.answeredBy['1'] ?? 0) > 0 && (rollback.answeredBy['3'] ?? 0) > 0, JSON.stringify(rollback.answeredBy));
    assert.match(readFileSync(card.file, 'utf8'), /late-arrival/);
    assert.deepEqual(handover.things.map(({ kind, thing }) => `${kind} ${thing}`).sort(), ['dataset flights', 'model late-arrival', 'project late-flights']);
    assert.ok(handover.revokedTokens > 0);
    assert.equal(audit.isSound, true);
  });

  it('is back in seconds and keeps its facts; no token of Ana’s works, the audit log is whole', { timeout: 90_000 }, async () => {
    const again = join(place, 'again.json');
    const since = performance.now();
    const staying = begin('quickstart', '--folder', folder, '--port', String(ports.port), '--json', again, '--until', until);
    await untilSaid(staying.child.stderr, 'It stays up');
    assert.ok(performance.now() - since < 30_000, 'finished stations were done again');
    assert.deepEqual(JSON.parse(readFileSync(again, 'utf8')), facts);
    const address = `http://127.0.0.1:${ports.port}`;
    const { kept } = JSON.parse(readFileSync(join(folder, 'memory.json'), 'utf8')) as { kept: Record<string, string> };
    const asks = (name: string) => fetch(`${address}/api/v1/me`, { headers: { authorization: `Bearer ${kept[`token ${name}`] ?? ''}` } });
    assert.deepEqual([(await asks('ana')).status, (await asks('ben')).status], [401, 200]);
    const verdict = (await (await fetch(`${address}/api/v1/audit/verify`)).json()) as VerdictView;
    assert.equal(verdict.isSound, true);
    // undone while it stays up
    const { code, stderr } = await quickstart('--undo');
    assert.equal(code, 0, stderr);
    await staying.ended;
  });

  it('--undo leaves no file, no process, no port', async () => {
    assert.equal(existsSync(folder), false);
    assert.deepEqual(processesNaming(folder), []);
    assert.deepEqual([await isTaken(ports.port), await isTaken(ports.servePort)], [false, false]);
    if (person.uid !== undefined) assert.deepEqual(leftBy(person.uid, startedAt, place), []);
    const nothing = await quickstart('--undo');
    assert.equal(nothing.code, 0);
    assert.match(nothing.stderr, /Nothing to undo/);
  });

  for (const signal of [undefined, 'SIGKILL'] as const) {
    it(`${signal === undefined ? 'undone' : `undone after ${signal}`} in the middle of an installation, it leaves nothing`, { timeout: 60_000 }, async () => {
      const cutOff = begin('quickstart', '--folder', folder, '--port', String(ports.port));
      // the environments' own programs are at work
      await eventually(() => processesNaming(folder).some((line) => / -m (pip|poetry) install/.test(line)), 40_000, 'an installation is under way');
      if (signal !== undefined) {
        cutOff.child.kill(signal);
        await cutOff.ended;
      }
      const { code, stderr } = await quickstart('--undo');
      assert.equal(code, 0, stderr);
      await cutOff.ended;
      assert.equal(existsSync(folder), false);
      assert.deepEqual(processesNaming(folder), []);
      assert.deepEqual([await isTaken(ports.port), await isTaken(ports.servePort)], [false, false]);
    });
  }

  it('--undo touches no folder that a quickstart did not make', async () => {
    const own = join(place, 'own');
    mkdirSync(own);
    writeFileSync(join(own, 'thesis.txt'), 'years of work');
    const { stderr } = await tilth('quickstart', '--undo', '--folder', own);
    assert.match(stderr, /Nothing to undo/);
    assert.ok(existsSync(join(own, 'thesis.txt')));
  });
});

/** Whom to be: `nobody` where the tester is root and nobody can read this checkout, else the tester. */
function unprivileged(): Pick<SpawnOptions, 'uid' | 'gid'> {
  const nobody = { uid: 65_534, gid: 65_534 };
  if (process.getuid?.() !== 0) return {};
  const { status } = spawnSync(process.execPath, [program, '--version'], nobody);
  return status === 0 ? nobody : {};
}

/** Flights and arrivals of the slice, as a whole and by ISO week. */
async function countTraffic(file: string): Promise<[number, number, Map<string, [number, number]>]> {
  const analytics = new Analytics();
  const rows = await analytics.rows(`
    SELECT strftime(date_trunc('week', event_at AT TIME ZONE 'UTC'), '%Y-%m-%d') AS week, count(*)::INT, count(late)::INT
    FROM ${dataFile(file)} GROUP BY week`);
  await analytics.close();
  const byWeek = new Map(rows.map(([week, flights, arrivals]): [string, [number, number]] => [String(week), [Number(flights), Number(arrivals)]]));
  const total = (index: 0 | 1): number => [...byWeek.values()].reduce((sum, counts) => sum + counts[index], 0);
  return [total(0), total(1), byWeek];
}

function untilSaid(stream: NodeJS.ReadableStream | null, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    stream?.on('data', (text: string) => {
      said += text;
      if (said.includes(words)) resolve();
    });
    stream?.on('close', () => reject(new Error(`it never said ${JSON.stringify(words)}: ${said}`)));
  });
}
