import { after, it } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedFilesOf } from './folders.ts';
import { needsDvc } from '../../../src/develop/dvc-files/test-python.ts';
import { twoPeople, type Person } from './people.ts';

const root = mkdtempSync(join(tmpdir(), 'tilth executable '));
const { ours, theirs, leave } = twoPeople(root);

after(() => {
  leave();
  rmSync(root, { recursive: true, force: true });
});

it(
  'a file that may be run is recorded as dvc records it, and may be run when it is brought back',
  needsDvc,
  async () => {
    const here = await made(ours);
    const there = await made(theirs);
    assert.deepEqual(sharedFilesOf(here), sharedFilesOf(there));
    for (const [person, folder] of [
      [ours, there],
      [theirs, here],
    ] as const) {
      // prettier-ignore
      assert.deepEqual(await person.asks(folder, 'status', '--json'), {});
      for (const name of ['run.sh', 'out.sh']) rmSync(join(folder, name));
      await person.does(folder, 'checkout');
      for (const name of ['run.sh', 'out.sh'])
        assert.equal(statSync(join(folder, name)).mode & 0o100, 0o100, `${name} by ${person.name}`);
    }
  },
);

async function made(person: Person): Promise<string> {
  const folder = join(root, person.name, 'repository');
  mkdirSync(folder, { recursive: true });
  await person.git(folder, 'init', '-q');
  await person.does(folder, 'init', '-q');
  writeFileSync(join(folder, '.dvcignore'), '# nothing\n');
  writeFileSync(join(folder, 'run.sh'), 'echo hi\n');
  chmodSync(join(folder, 'run.sh'), 0o755);
  await person.does(folder, 'add', 'run.sh');
  writeFileSync(
    join(folder, 'dvc.yaml'),
    'stages:\n  copy:\n    cmd: cp run.sh out.sh\n    deps:\n    - run.sh\n    outs:\n    - out.sh\n',
  );
  await person.does(folder, 'repro');
  return folder;
}
