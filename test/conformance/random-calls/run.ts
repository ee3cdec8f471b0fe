// Sends the same random calls to a real MLflow server and to ours, and tells every difference that is not meant.
//
//   node test/conformance/random-calls/run.ts --mlflow http://127.0.0.1:5000 --seed 1 --calls 2000 [--record FILE]
import { parseArgs } from 'node:util';
import { createLogger } from '../../../src/platform/log.ts';
import { startServer } from '../../../src/server/server.ts';
import { temporaryHome } from '../../../src/server/test-world.ts';
import { callWords } from './call.ts';
import { compare, differences as differencesOf } from './compare.ts';
import { Conversation } from './conversation.ts';
import { randomCalls } from './random-calls.ts';
import { writeRecording, type Recording } from './recording.ts';

const { values } = parseArgs({
  options: { mlflow: { type: 'string' }, seed: { type: 'string', default: '1' }, calls: { type: 'string', default: '1000' }, stop: { type: 'string', default: '20' }, record: { type: 'string' } },
});
if (values.mlflow === undefined) throw new Error('--mlflow names the address of a new MLflow server');

const home = temporaryHome();
const server = await startServer({ home, port: 0, log: createLogger('random calls', 'silent') });
const theirs = new Conversation(values.mlflow);
const ours = new Conversation(server.address);
const recorded: Recording['calls'][number][] = [];
const counts = new Map<string, number>();
/** unexplained differences by route and statuses; the first two of each are told in full */
const kinds = new Map<string, number>();
const statuses = new Map<number, number>();
let done = 0;
let differences = 0;
for (const call of randomCalls(Number(values.seed))) {
  if (done === Number(values.calls) || differences === Number(values.stop)) break;
  done += 1;
  const [mlflow, tilth] = await Promise.all([theirs.ask(call), ours.ask(call)]);
  recorded.push({ call, answer: mlflow });
  if (call.isTidying === true) continue;
  statuses.set(mlflow.status, (statuses.get(mlflow.status) ?? 0) + 1);
  const verdict = compare(call, mlflow, tilth);
  const name = verdict.kind === 'meant' ? `meant: ${verdict.name}` : verdict.kind;
  counts.set(name, (counts.get(name) ?? 0) + 1);
  if (verdict.kind !== 'differs') continue;
  differences += 1;
  const kind = `${call.method} ${call.path.replaceAll(/<\w+>|%\w\w/g, '')}: ${mlflow.status}, ${tilth.status}`;
  kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  if ((kinds.get(kind) ?? 0) > 2) continue;
  const told = differencesOf({ status: verdict.theirs.status, body: verdict.theirs.body }, { status: verdict.ours.status, body: verdict.ours.body });
  console.log(`\n#${done} ${callWords(call)}\n   ${told.map((each) => each.slice(0, 400)).join('\n   ')}`);
  for (const { status, body } of [mlflow, tilth]) if (status >= 400) console.log(`   ${JSON.stringify(body).slice(0, 500)}`);
}
console.log(JSON.stringify({ seed: Number(values.seed), calls: done, statuses: Object.fromEntries(statuses), ...Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))), kinds: Object.fromEntries(kinds) }, null, 2));
if (values.record !== undefined) {
  const version = await (await fetch(`${values.mlflow}/version`)).text();
  writeRecording(values.record, { mlflow: version, seed: Number(values.seed), calls: recorded });
}
theirs.close();
ours.close();
await server.close();
home.remove();
process.exitCode = differences === 0 ? 0 : 1;
