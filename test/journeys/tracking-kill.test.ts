import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedTilth } from '../../bench/processes.ts';
import { Tally, WrittenHome } from './ingestion/homes.ts';
import { seededRandom } from './processes.ts';

/** A failing run says its seed: the same kinds of requests and the same pauses, as far as the machine's own order allows. */
const seed = Number(process.env['TILTH_TEST_SEED'] ?? Date.now() % 1_000_000);

/** How often the server is killed; a longer run asks for more. */
const killCount = Number(process.env['TILTH_TEST_KILLS'] ?? 200);

/** At how many moments more the home is copied as a kill would leave it, and the copy opened. */
const copyCount = Number(process.env['TILTH_TEST_COPIES'] ?? 0);

/** Then a new home begins, so that small databases are met as well as larger ones. */
const momentsPerHome = 40;
/** So often all that was ever written is compared, else what was written to since. */
const momentsPerWholeLook = 20;

describe(`tracking while the server is killed (TILTH_TEST_SEED=${seed})`, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth kill '));
  const random = seededRandom(seed);
  const tally = new Tally();
  let program: string;
  let home: WrittenHome | undefined;

  before(async () => {
    const path = (await installedTilth())('server').at(-2);
    assert.ok(path !== undefined);
    program = path;
  });

  after(async () => {
    await home?.end();
    rmSync(root, { recursive: true, force: true });
  });

  it('every acknowledged value is there after kill -9, nothing is half there, and the database is sound', async (context) => {
    let killsLeft = killCount;
    const momentCount = killCount + copyCount;
    for (let moment = 1; moment <= momentCount; moment += 1) {
      home ??= await begin();
      const isLast = moment % momentsPerHome === 0 || moment === momentCount;
      const isWhole = isLast || moment % momentsPerWholeLook === 0;
      if (random() < killsLeft / (momentCount - moment + 1)) {
        killsLeft -= 1;
        await home.kill(isWhole);
      } else {
        await home.copy(isWhole);
      }
      if (isLast) {
        await home.end();
        home = undefined;
      }
      // a longer run would say nothing for an hour
      if (moment % 250 === 0) process.stderr.write(`${moment} moments: ${JSON.stringify([tally, tally.starts()])}\n`);
    }
    context.diagnostic(JSON.stringify(tally));
    assert.equal(tally.kills, killCount);
    assert.ok(tally.unanswered > momentCount, `only ${tally.unanswered} writes were under way`);
  });

  it('the server answers within a second of its start on what a kill has left', (context) => {
    const { wall, busy } = tally.starts();
    context.diagnostic(`start-up in ms: ${JSON.stringify({ wall, busy })}`);
    assert.ok(wall.median < 1_000, `start-up takes ${wall.median} ms`);
    // how long it waits for a processor is up to whatever else the machine does
    assert.ok(busy.late < 1_000, `start-up takes ${busy.late} ms of a processor`);
  });

  async function begin(): Promise<WrittenHome> {
    const next = new WrittenHome(program, join(root, 'home'), random, tally);
    await next.begin();
    return next;
  }
});
