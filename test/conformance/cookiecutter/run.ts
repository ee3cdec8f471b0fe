// Compares tilth with cookiecutter over public templates: TILTH_TEST_PYTHON=… TILTH_TEMPLATES=folder of clones
// (named owner+name) node test/conformance/cookiecutter/run.ts [part of a name]. Writes the table of README.md.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Parity, answerSets, cloneOf, type Compared } from './parity.ts';
import { publicTemplates } from './templates.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const clones = process.env['TILTH_TEMPLATES'];
if (python === undefined || clones === undefined) {
  throw new Error(
    'TILTH_TEST_PYTHON must name a Python with cookiecutter, TILTH_TEMPLATES a folder of clones',
  );
}
const wanted = process.argv[2] ?? '';
const parity = new Parity(python);
const rows: string[] = [];
const reasons = new Map<string, number>();
let renderings = 0;

for (const { repository, directory, folder = '', answers = [{}] } of publicTemplates) {
  const name = [repository, directory ?? folder].filter((part) => part !== '').join(', ');
  const clone = cloneOf(clones, repository);
  if (clone === undefined || !name.includes(wanted)) continue;
  const template = join(clone, folder);
  const sets = answers.flatMap((given) => answerSets(join(template, directory ?? ''), given));
  const outcome = async (hooks: boolean): Promise<{ verdict: string; files: number }> => {
    const compared: Compared[] = [];
    for (const given of sets) {
      const result = await parity.compare({ template, directory, answers: given, hooks });
      compared.push(result);
      renderings += 1;
      if (result.askedPythonFor !== undefined)
        reasons.set(result.askedPythonFor, (reasons.get(result.askedPythonFor) ?? 0) + 1);
      for (const difference of result.differences.slice(0, 6))
        console.error(`${name} hooks ${hooks ? 'on' : 'off'} ${JSON.stringify(given)}\n    ${difference}`);
    }
    const equal = compared.filter((each) => each.differences.length === 0).length;
    const failed = compared.filter((each) => each.fault !== undefined).length;
    const both =
      failed > 0
        ? `, ${failed} of them fail in both (${[...new Set(compared.map((each) => each.fault).filter(Boolean))].join(', ')})`
        : '';
    return {
      verdict: equal === sets.length ? `equal${both}` : `**${sets.length - equal} of ${sets.length} differ**`,
      files: Math.max(...compared.map((each) => each.fileCount)),
    };
  };
  const off = await outcome(false);
  const hasHooks = existsSync(join(template, directory ?? '', 'hooks'));
  const on = hasHooks ? await outcome(true) : { verdict: '–', files: 0 };
  const commit = spawnSync('git', ['-C', template, 'rev-parse', '--short=9', 'HEAD'], {
    encoding: 'utf8',
  }).stdout.trim();
  const row = `| ${name} | ${commit} | ${sets.length} | ${off.files} | ${off.verdict} | ${on.verdict} |`;
  rows.push(row);
  console.error(row);
}
parity.close();
console.log(
  [
    '| template | commit | answer sets | files | hooks off | hooks on |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n'),
);
console.log(
  `\n${renderings} renderings; Python was asked in ${[...reasons.values()].reduce((a, b) => a + b, 0)}:`,
);
for (const [reason, count] of reasons) console.log(`- ${count}: ${reason}`);
