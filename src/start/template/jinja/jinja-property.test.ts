import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cases } from '../../../../test/fixtures/jinja/grammar.ts';
import { Jinja2, agree, ourAnswer, type Answer } from '../../../../test/fixtures/jinja/jinja2.ts';

const python = process.env['TILTH_TEST_PYTHON'];
/** How many templates are compared, and which: the same number gives the same ones. */
const count = Number(process.env['TILTH_TEST_JINJA_CASES'] ?? 1000);
const seed = Number(process.env['TILTH_TEST_JINJA_SEED'] ?? 20);
const batch = 250;

test(
  'whatever template and variables: the text, the undefined name or a fault, as in Jinja2, or Jinja2 is asked',
  { skip: python === undefined && process.env['CI'] === undefined ? 'needs TILTH_TEST_PYTHON' : false },
  async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with cookiecutter');
    const jinja2 = new Jinja2(python);
    const wrong: { template: string; variables: unknown; theirs: Answer | undefined; ours: Answer }[] = [];
    let texts = 0;
    let asked = 0;
    try {
      for (let done = 0; done < count; done += batch) {
        const some = fc.sample(cases, {
          numRuns: Math.min(batch, count - done),
          seed: seed * 1_000_003 + done,
        });
        const answers = await jinja2.answers(some);
        for (const [index, each] of some.entries()) {
          const theirs = answers[index] ?? { late: true };
          const ours = ourAnswer(each);
          if ('text' in theirs) texts += 1;
          if ('text' in theirs && 'unsure' in ours) asked += 1;
          if (!agree(theirs, ours))
            wrong.push({ template: each.template, variables: each.variables, theirs, ours });
        }
      }
    } finally {
      jinja2.close();
    }
    wrong.sort((a, b) => a.template.length - b.template.length);
    assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${count} differ`);
    assert.ok(texts > count / 5, `only ${texts} of ${count} render`);
    assert.ok(asked < texts / 5, `Jinja2 is asked for ${asked} of ${texts}`);
  },
);
