import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sharedFilesOf } from './folders.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople } from './people.ts';
import { randomPipeline } from './random-pipeline.ts';

/** More by hand: `TILTH_TEST_PIPELINES=200`; another start with `TILTH_TEST_SEED`. */
const count = Number(process.env['TILTH_TEST_PIPELINES'] ?? 4);
const firstSeed = Number(process.env['TILTH_TEST_SEED'] ?? 1);

describe('random pipelines, run by both tools', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth pipelines '));
  const { ours, theirs, leave } = twoPeople(root);
  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  for (let seed = firstSeed; seed < firstSeed + count; seed++)
    it(`come out the same, byte by byte, and each calls the other up to date (seed ${seed})`, async () => {
      const { files, change } = randomPipeline(seed);
      const folders = {
        ours: join(root, `${seed}`, 'ours', 'r'),
        theirs: join(root, `${seed}`, 'theirs', 'r'),
      };
      for (const [person, folder] of [
        [ours, folders.ours],
        [theirs, folders.theirs],
      ] as const) {
        write(folder, files);
        await person.git(folder, 'init', '-q');
        await person.does(folder, 'init', '-q');
        // its comments are each tool's own
        writeFileSync(join(folder, '.dvcignore'), '');
        await person.does(folder, 'repro');
      }
      assert.deepEqual(sharedFilesOf(folders.ours), sharedFilesOf(folders.theirs));

      assert.match(await theirs.does(folders.ours, 'status', '--json'), /^\{[^}]*(?:always changed[^}]*)?\}/);
      assert.deepEqual(
        await ours.asks(folders.ours, 'status', '--json'),
        await theirs.asks(folders.ours, 'status', '--json'),
      );

      for (const [person, folder] of [
        [theirs, folders.ours],
        [ours, folders.theirs],
      ] as const) {
        write(folder, change);
        await person.does(folder, 'repro');
      }
      assert.deepEqual(
        sharedFilesOf(folders.ours),
        sharedFilesOf(folders.theirs),
        'after a change, run by the other tool',
      );
      rmSync(join(root, `${seed}`), { recursive: true, force: true });
    });
});

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
