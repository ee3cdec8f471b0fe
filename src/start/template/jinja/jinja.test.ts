import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { render } from './evaluate.ts';
import { EngineCannot, TemplateFault, UndefinedUsed } from './faults.ts';
import { defaultSyntax } from './lexer.ts';
import { formatNow } from './now.ts';
import { OrderedDict, fromJson, type Value } from './values.ts';

const fixtures = join(import.meta.dirname, '../../../../test/fixtures/jinja');
const python = process.env['TILTH_TEST_PYTHON'];

type Answer = { template: string } & ({ text: string } | { undefined: string } | { fails: string });
const { context, files } = JSON.parse(readFileSync(join(fixtures, 'cases.json'), 'utf8')) as {
  context: unknown;
  files: Record<string, string>;
};

function ours(template: string): string {
  const variables = new Map<string, Value>([
    ['cookiecutter', new OrderedDict(fromJson(context) as Map<Value, Value>)],
  ]);
  return render(template, variables, {
    syntax: defaultSyntax,
    load: (name) => files[name],
    now: () => new Date(),
  });
}

/** Equal text, equal words about what is undefined, and a fault where Jinja2 has one; "ask Jinja2" is always right. */
function agrees(expected: Answer): boolean {
  try {
    const text = ours(expected.template);
    assert.ok('text' in expected, `${expected.template} must fail`);
    assert.equal(text, expected.text, expected.template);
  } catch (thrown) {
    if (thrown instanceof EngineCannot) return false;
    if ('undefined' in expected && thrown instanceof UndefinedUsed)
      assert.equal(thrown.message, expected.undefined);
    else if (!('fails' in expected && thrown instanceof TemplateFault)) throw thrown;
  }
  return true;
}

test('a template says here what it says in Jinja2', () => {
  const answers = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as Answer[];
  const unsure = answers.filter((answer) => !agrees(answer)).map((answer) => answer.template);
  assert.ok(unsure.length <= 7, `asks Jinja2 for ${unsure.join(' ')}`);
});

test(
  'and in the Jinja2 that is installed',
  {
    skip: python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON' : false,
  },
  () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with cookiecutter');
    const { status, stdout, stderr } = spawnSync(python, [join(fixtures, 'expect.py'), '-'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    for (const answer of JSON.parse(stdout) as Answer[]) agrees(answer);
  },
);

test('the now tag shifts time and writes it as strftime does', () => {
  const at = new Date('2026-03-01T23:30:05Z');
  assert.equal(
    formatNow(at, 'utc', undefined, '+', '%Y-%m-%d %H:%M:%S %j %a %B %I%p %%'),
    '2026-03-01 23:30:05 060 Sun March 11PM %',
  );
  assert.equal(formatNow(at, 'Europe/Madrid', 'hours=1, days=1', '-', '%F %T'), '2026-02-28 23:30:05');
  assert.throws(() => formatNow(at, 'Nowhere/Land', undefined, '+', '%Y'), TemplateFault);
  assert.throws(() => formatNow(at, 'utc', undefined, '+', '%U'), EngineCannot);
});
