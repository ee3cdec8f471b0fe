import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { corpus, type Example } from './corpus.ts';
import { parse } from 'yaml';
import { inAnyOrder } from './answers.ts';
import { sharedFilesOf } from './folders.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople, type Person } from './people.ts';

/** Read by both tools after every run: the answers must be the same JSON. */
const questions = [
  ['status', '--json'],
  ['data', 'status', '--json', '--granular'],
  ['metrics', 'show', '--json'],
  ['params', 'diff', '--json'],
  ['diff', '--json'],
  ['ls', '.', '-R', '--json'],
] as const;

/** Printed alike, line by line. */
const listings = [
  ['stage', 'list', '--name-only'],
  ['dag', '--dot'],
  ['dag', '--mermaid'],
] as const;

describe('pipelines written by both tools', needsDvc, () => {
  const root = mkdtempSync(join(tmpdir(), 'tilth bytes '));
  const { ours, theirs, leave } = twoPeople(root);

  after(() => {
    leave();
    rmSync(root, { recursive: true, force: true });
  });

  for (const example of corpus)
    describe(example.name, () => {
      const folders = { ours: '', theirs: '' };

      it('run to the same dvc.lock, cache and run cache', async () => {
        folders.ours = await begin(ours, example, 'ours');
        folders.theirs = await begin(theirs, example, 'theirs');
        await theirs.does(folders.theirs, 'repro', '--all-pipelines');
        await ours.does(folders.ours, 'repro', '--all-pipelines');
        same();
      });

      it('run again to the same, after changes', async (context) => {
        if (folders.ours === '') return context.skip('it did not begin');
        for (const [person, folder] of [
          [theirs, folders.theirs],
          [ours, folders.ours],
        ] as const) {
          await person.git(folder, 'add', '-A');
          await person.git(folder, 'commit', '-qm', 'ran');
          write(folder, example.second?.files ?? {});
          for (const stage of example.second?.freeze ?? []) await person.does(folder, 'freeze', stage);
          await person.does(folder, 'repro', '--all-pipelines');
        }
        same();
      });

      it('are told in the same words', async () => {
        for (const question of questions)
          assert.deepEqual(
            inAnyOrder(await ours.asks(folders.ours, ...question)),
            inAnyOrder(await theirs.asks(folders.theirs, ...question)),
            question.join(' '),
          );
        for (const listing of listings)
          assert.equal(
            await ours.does(folders.ours, ...listing),
            await theirs.does(folders.theirs, ...listing),
            listing.join(' '),
          );
      });

      function same(): void {
        for (const path of ['dvc.lock', 'sub/dvc.lock', '.gitignore'])
          assert.equal(read(folders.ours, path), read(folders.theirs, path), path);
        // dvc writes a person's file anew where it freezes a stage: it means the same, and the next lines compare all bytes
        assert.deepEqual(parse(read(folders.ours, 'dvc.yaml')), parse(read(folders.theirs, 'dvc.yaml')));
        writeFileSync(join(folders.ours, 'dvc.yaml'), read(folders.theirs, 'dvc.yaml'));
        assert.deepEqual(sharedFilesOf(folders.ours), sharedFilesOf(folders.theirs));
      }
    });

  async function begin(person: Person, example: Example, name: string): Promise<string> {
    const folder = join(root, `${corpus.indexOf(example)}`, name, 'repository');
    mkdirSync(folder, { recursive: true });
    write(folder, example.files);
    await person.git(folder, 'init', '-q');
    await person.does(folder, 'init', '-q');
    // its sentences are each tool's own
    writeFileSync(join(folder, '.dvcignore'), '# nothing\n');
    await person.git(folder, 'add', '-A');
    await person.git(folder, 'commit', '-qm', 'begin');
    return folder;
  }
});

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function read(folder: string, path: string): string {
  try {
    return readFileSync(join(folder, path), 'utf8');
  } catch {
    return '(not there)';
  }
}
