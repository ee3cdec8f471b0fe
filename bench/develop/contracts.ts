import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContractReport } from '../../src/develop/contracts/contract-api.ts';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { installedTilth, pythonOf, runToEnd, temporaryFolder, versionsIn } from '../processes.ts';

const wholeCount = 2_000_000;
const quickCount = 200_000;

const contract = String.raw`apiVersion: v3.1.0
kind: DataContract
id: orders
name: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - { name: customer, logicalType: integer, required: true }
      - { name: id, logicalType: integer, unique: true }
      - { name: amount, logicalType: number, logicalTypeOptions: { minimum: 0, maximum: 5000 } }
      - { name: status, logicalType: string, logicalTypeOptions: { enum: [new, paid, sent, returned] } }
      - { name: code, logicalType: string, logicalTypeOptions: { pattern: '^[A-Z]{2}-\d{7}$' } }
      - name: discount
        logicalType: number
        quality:
          - { id: discount.share, metric: nullValues, unit: percent, mustBeLessOrEqualTo: 5 }
    quality:
      - { id: rows, metric: rowCount, mustBeBetween: [1000, 5000000] }
`;

/** The seven rules by the names that the peers' program gives them, and what we call them. */
const rules: Readonly<Record<string, readonly string[]>> = {
  'customer.required': ['customer.required'],
  'id.unique': ['id.unique'],
  'amount.range': ['amount.minimum', 'amount.maximum'],
  'status.enum': ['status.enum'],
  'code.pattern': ['code.pattern'],
  rows: ['rows'],
  'discount.share': ['discount.share'],
};

const states = [
  { name: 'clean', said: 'nothing wrong', bad: [] },
  {
    name: 'dirty',
    said: '35 bad rows',
    bad: ['customer.required', 'id.unique', 'amount.range', 'status.enum', 'code.pattern'],
  },
] as const;

const peers = [
  { name: 'Great Expectations', tool: 'great-expectations' },
  { name: 'pandera', tool: 'pandera' },
] as const;

interface PeerAnswer {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rules: Readonly<Record<string, { readonly passed: boolean; readonly bad: number | null }>>;
}

/** A table held against seven rules: `tilth data contract check`, Great Expectations and pandera. */
export async function measureContracts({ slowRounds, isQuick }: Effort): Promise<Practice> {
  const rowCount = isQuick ? quickCount : wholeCount;
  const tilth = await installedTilth();
  const folder = temporaryFolder('contracts');
  await runToEnd([
    pythonOf('contracts'),
    join(import.meta.dirname, 'make_contracts.py'),
    folder,
    String(rowCount),
  ]);
  await runToEnd(['git', 'init', '--quiet'], { cwd: folder });
  await runToEnd(tilth('dvc', 'init', '--quiet'), { cwd: folder });

  const askPeer = async (tool: string, state: string): Promise<{ answer: PeerAnswer; whole: Round }> => {
    const { stdout, seconds, cpuMs } = await runToEnd([
      pythonOf('contracts'),
      join(import.meta.dirname, 'peer_contracts.py'),
      tool,
      join(folder, `${state}.parquet`),
    ]);
    return {
      answer: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as PeerAnswer,
      whole: { value: seconds, cpuMs },
    };
  };
  const askOurs = async (state: string): Promise<{ report: ContractReport; whole: Round }> => {
    rmSync(join(folder, '.dvc', 'tmp', 'tilth', 'checks'), { recursive: true, force: true });
    // a broken contract is said by the exit code too
    const command = tilth('data', 'contract', 'check', `${state}.parquet`, '--json');
    const { stdout, seconds, cpuMs } = await runToEnd(['sh', '-c', '"$@"; [ $? -le 1 ]', 'sh', ...command], {
      cwd: folder,
    });
    const [report] = JSON.parse(stdout) as ContractReport[];
    assert.ok(report !== undefined);
    return { report, whole: { value: seconds, cpuMs } };
  };
  const checkAlone = async (state: string): Promise<Round> => {
    const file = join(folder, `${state}.parquet`);
    const program = join(import.meta.dirname, 'check-contract.ts');
    const { stdout } = await runToEnd([process.execPath, program, file, `${file}.odcs.yaml`]);
    const { seconds, cpuSeconds } = JSON.parse(stdout) as { seconds: number; cpuSeconds: number };
    return { value: seconds, cpuMs: cpuSeconds * 1000 };
  };

  const checked: string[] = [];
  const figures: Figure[] = [];
  for (const { name, said, bad } of states) {
    await runToEnd(tilth('dvc', 'add', '--quiet', `${name}.parquet`), { cwd: folder });
    writeFileSync(join(folder, `${name}.parquet.odcs.yaml`), contract);
    const { report } = await askOurs(name);
    for (const { tool } of peers) assertSameVerdicts(report, (await askPeer(tool, name)).answer, bad);
    checked.push(
      `${said}: all three give the same verdict on each of the seven rules, and count the same bad rows (those that repeat a key are counted in two ways)`,
    );
    for (const peer of peers) {
      const alone = { ours: [] as Round[], peer: [] as Round[] };
      const whole = await inTurns(
        slowRounds,
        async () => {
          alone.ours.push(await checkAlone(name));
          return (await askOurs(name)).whole;
        },
        async () => {
          const { answer, whole: all } = await askPeer(peer.tool, name);
          alone.peer.push({ value: answer.seconds, cpuMs: answer.cpuSeconds * 1000 });
          return all;
        },
      );
      const figure = (what: string, found: { ours: Round[]; peer: Round[] }): Figure => ({
        what: `${rowCount.toLocaleString('en')} rows, 7 rules, ${said}; ${peer.name}, ${what}`,
        unit: 's',
        better: 'less',
        ours: { name: 'tilth data contract check', rounds: found.ours },
        peer: { name: peer.name, rounds: found.peer },
      });
      figures.push(figure('whole processes', whole), figure('reading and checking alone', alone));
      console.error(`  ${name}, ${peer.name}`);
    }
  }
  return {
    name: 'contracts',
    peer: 'Great Expectations and pandera',
    versions: await versionsIn('contracts', ['great-expectations', 'pandera', 'pandas', 'numpy', 'pyarrow']),
    checked,
    notEqual: [
      'Ours also checks the type of each column, and names the file and row of up to 20 bad values of each rule.',
      'Ours uses all cores, the peers one: processor time is the fairer comparison, the wall clock what a person waits.',
      'Both peers run on pandas, which is what they are used with most; they can also run on other engines.',
      'The file is one that dvc tracks, so that ours knows its hash; the report of an unchanged file that was checked before is thrown away before each round.',
      'Ours believes what the statistics of a Parquet file say of its least and largest values, as engines for queries do.',
      'Ours is the built program, as a package has it, on the Node that comes with it.',
    ],
    figures,
  };
}

function assertSameVerdicts(report: ContractReport, answer: PeerAnswer, bad: readonly string[]): void {
  assert.deepEqual(Object.keys(answer.rules).sort(), Object.keys(rules).sort());
  for (const [name, { passed, bad: badRows }] of Object.entries(answer.rules)) {
    const own = report.rules.filter(({ rule }) => rules[name]?.includes(rule) === true);
    assert.equal(own.length, rules[name]?.length, `${name} was checked`);
    assert.equal(
      own.every((one) => one.passed),
      passed,
      `${name}: ${JSON.stringify(own)}`,
    );
    assert.equal(passed, !bad.includes(name), name);
    if (passed || name === 'id.unique') continue;
    const counted = own.reduce((sum, { outcome }) => sum + Number(/^\d+/.exec(outcome)?.[0]), 0);
    assert.equal(counted, badRows, `${name}: rows`);
  }
}
