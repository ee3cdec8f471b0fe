import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import type { Ask } from './context.ts';
import { decideHooks, type HookQuestion } from './hook-trust.ts';

let folder = '';
const dataBefore = process.env['XDG_DATA_HOME'];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tilth-trust-'));
  process.env['XDG_DATA_HOME'] = join(folder, 'data');
});
afterEach(() => {
  if (dataBefore === undefined) delete process.env['XDG_DATA_HOME'];
  else process.env['XDG_DATA_HOME'] = dataBefore;
  rmSync(folder, { recursive: true, force: true });
});

function template(files: Readonly<Record<string, string>>): string {
  const root = join(folder, 'template');
  for (const [path, text] of Object.entries({ 'cookiecutter.json': '{"a": "x"}', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** Someone at the terminal who types these words. */
function typing(...words: string[]): Ask {
  const never = (): never => assert.fail('asked something else');
  return {
    text: () => Promise.resolve(words.shift() ?? assert.fail('asked too often')),
    yesNo: never,
    choice: never,
    json: never,
  };
}

const at = (root: string, commit: string | null, more: Partial<HookQuestion> = {}): HookQuestion => ({
  source: { template: 'https://github.com/someone/theirs.git', commit },
  folder: root,
  choice: 'ask',
  ...more,
});
const refused = (thrown: unknown): boolean =>
  thrown instanceof TilthError && thrown.code === 'TEMPLATE_HOOKS_NOT_TRUSTED';

const hook = { 'hooks/post_gen_project.sh': '#!/bin/sh\necho hello\n' };

test('a template without code of its own asks nothing', async () => {
  assert.equal(await decideHooks(at(template({}), 'c1')), false);
});

test('hooks that nobody trusted are refused where nobody can be asked', async () => {
  const root = template(hook);
  await assert.rejects(
    decideHooks(at(root, 'c1')),
    (thrown) => refused(thrown) && /post_gen_project\.sh/.test(String(thrown)),
  );
  assert.equal(await decideHooks(at(root, 'c1', { choice: 'no' })), false);
});

test('a yes is remembered for the repository at that commit, in a file of the user alone', async () => {
  const root = template(hook);
  assert.equal(await decideHooks(at(root, 'c1', { ask: typing('y') })), true);
  assert.equal(await decideHooks(at(root, 'c1')), true);
  await assert.rejects(decideHooks(at(root, 'c2')), refused);
  const file = join(folder, 'data/tilth/trusted-templates.json');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(await decideHooks(at(root, 'c2', { choice: 'yes' })), true);
  assert.equal(await decideHooks(at(root, 'c2')), true);
  assert.equal(await decideHooks(at(root, 'c1')), true);
});

test('code can not hide from its reader, nor behind a link', async () => {
  const root = template({
    'hooks/post_gen_project.sh': '#!/bin/sh\nrm -r ~\r\u001b[1Aecho hello \u202e\n',
    'elsewhere.py': 'print(1)',
  });
  symlinkSync('../elsewhere.py', join(root, 'hooks/pre_gen_project.py'));
  const lines: string[] = [];
  const ask = typing('s', 'y');
  await decideHooks(at(root, null, { ask, onLine: (line) => void lines.push(line) }));
  assert.match(lines.join('\n'), /rm -r ~\\u\{d\}\\u\{1b\}\[1Aecho hello \\u\{202e\}/);
  template({ 'elsewhere.py': 'print(2)' });
  await assert.rejects(decideHooks(at(root, null)), refused);
});

test('a no is asked again', async () => {
  const root = template(hook);
  assert.equal(await decideHooks(at(root, 'c1', { ask: typing('n') })), false);
  await assert.rejects(decideHooks(at(root, 'c1')), refused);
});

test('the user sees the code on request, and at another commit what has changed in it', async () => {
  const root = template(hook);
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  await decideHooks(at(root, 'c1', { ask: typing('what?', 's', 'y'), onLine }));
  assert.ok(lines.some((line) => line.includes('echo hello')));
  lines.length = 0;
  template({ 'hooks/post_gen_project.sh': '#!/bin/sh\ncurl\n', 'hooks/pre_prompt.py': '' });
  await decideHooks(at(root, 'c2', { ask: typing('n'), onLine }));
  assert.match(
    lines.join('\n'),
    /Since then changed: hooks\/post_gen_project\.sh; new: hooks\/pre_prompt\.py\./,
  );
  lines.length = 0;
  template(hook);
  rmSync(join(root, 'hooks/pre_prompt.py'));
  await decideHooks(at(root, 'c3', { ask: typing('n'), onLine }));
  assert.match(lines.join('\n'), /the same, the template's commit is not \(c1, now c3\)/);
});

test('hooks edited in a folder are not the hooks that were trusted', async () => {
  const root = template(hook);
  for (const commit of ['c1', null]) {
    assert.equal(await decideHooks(at(root, commit, { choice: 'yes' })), true);
    template({ 'hooks/post_gen_project.sh': `#!/bin/sh\nrm -r ~ # ${commit ?? ''}\n` });
    await assert.rejects(decideHooks(at(root, commit)), refused);
    assert.equal(await decideHooks(at(root, commit, { choice: 'yes' })), true);
    template({ 'hooks/helper.txt': `used by the hook at ${commit ?? ''}` });
    await assert.rejects(decideHooks(at(root, commit)), refused);
  }
});

test("a template's own Python in _extensions counts like a hook, and can not be left out", async () => {
  const root = template({
    'cookiecutter.json': '{"a": "x", "_extensions": ["local_extensions.Shout", "jinja2.ext.do"]}',
    'local_extensions/__init__.py': 'class Shout: pass',
  });
  await assert.rejects(decideHooks(at(root, 'c1')), refused);
  await assert.rejects(decideHooks(at(root, 'c1', { choice: 'no' })), refused);
  await assert.rejects(
    decideHooks(at(root, 'c1', { ask: typing('n') })),
    (thrown) => refused(thrown) && /declined/.test(String(thrown)),
  );
  assert.equal(await decideHooks(at(root, 'c1', { choice: 'no', ask: typing('y') })), false);
  await assert.rejects(decideHooks(at(root, 'c1')), refused);
  assert.equal(await decideHooks(at(root, 'c1', { choice: 'yes' })), false);
  assert.equal(await decideHooks(at(root, 'c1', { choice: 'no' })), false);
});

test('of a list of templates only what runs before the choice is asked about', async () => {
  const list = '{"templates": {"one": {"path": "./one"}}}';
  const root = template({ ...hook, 'cookiecutter.json': list });
  assert.equal(await decideHooks(at(root, 'c1')), false);
  template({ 'hooks/pre_prompt.py': 'print()' });
  await assert.rejects(decideHooks(at(root, 'c1')), refused);
});

test('what ships with tilth is trusted', async () => {
  const source = { template: 'tilth:ml-project', commit: 'v1' };
  assert.equal(await decideHooks({ source, folder: template(hook), choice: 'ask' }), true);
});

test('a password in an address is not written down', async () => {
  const root = template(hook);
  const source = { template: 'https://ana:s3cret@git.example/t.git', commit: 'c1' };
  assert.equal(await decideHooks({ source, folder: root, choice: 'yes' }), true);
  assert.equal(await decideHooks({ source, folder: root, choice: 'ask' }), true);
  assert.doesNotMatch(readFileSync(join(folder, 'data/tilth/trusted-templates.json'), 'utf8'), /s3cret/);
});

test('a file of trust that is damaged trusts nothing and is written anew', async () => {
  const root = template(hook);
  mkdirSync(join(folder, 'data/tilth'), { recursive: true });
  writeFileSync(join(folder, 'data/tilth/trusted-templates.json'), '{"templates": [1');
  await assert.rejects(decideHooks(at(root, 'c1')), refused);
  await decideHooks(at(root, 'c1', { choice: 'yes' }));
  assert.equal(await decideHooks(at(root, 'c1')), true);
});
