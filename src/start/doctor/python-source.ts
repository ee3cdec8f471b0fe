import { posix } from 'node:path';
import type { Check, Finding } from './doctor.ts';
import type { ProjectFiles } from './project-files.ts';
import { at, dependenciesOf, pyprojectOf } from './pyproject.ts';

export const pythonSource: Check = {
  id: 'source',
  title: 'tests and code',
  practice: 'start',
  find(files) {
    const modules = files.paths
      .filter((path) => path.endsWith('.py'))
      .map((path) => ({ path, text: files.text(path) ?? '' }));
    return [
      ...tests(files, modules),
      ...modules.flatMap((module) => [...longBlanks(module), ...pretence(module)]),
      ...health(modules),
    ];
  },
};

interface Module {
  readonly path: string;
  readonly text: string;
}

const hasTest = (text: string): boolean =>
  /^[ \t]*(?:async[ \t]+)?def[ \t]+test|^class[ \t]+Test|\bTestCase\b|^[ \t]*>>>[ \t]/m.test(text);

function tests(files: ProjectFiles, modules: readonly Module[]): Finding[] {
  const candidates = modules.filter(({ path }) => /^(?:test_.*|.*_test)\.py$/.test(posix.basename(path)));
  const read = pyprojectOf(files);
  const wantsTests =
    candidates.length > 0 ||
    (read !== undefined &&
      (dependenciesOf(read).some(({ name }) => name === 'pytest') ||
        at(read.data, 'tool', 'pytest') !== undefined));
  if (!wantsTests) return [];
  // a star import may bring tests from a module of the project
  const bringsTests = ({ text }: Module): boolean =>
    hasTest(text) ||
    [...text.matchAll(/^from[ \t]+([\w.]+)[ \t]+import[ \t]+\*/gm)].some(([, name = '']) => {
      const end = `${name.replace(/^\.+/, '').replaceAll('.', '/')}`;
      const source = modules.find(
        ({ path }) => path.endsWith(`${end}.py`) || path.endsWith(`${end}/__init__.py`),
      );
      return source === undefined || hasTest(source.text);
    });
  const empty = candidates.filter((module) => !bringsTests(module));
  const hasAny =
    candidates.length > empty.length ||
    modules.some(({ path, text }) => /(?:^|\/)tests?\//.test(path) && hasTest(text));
  if (hasAny) {
    return empty
      .filter(({ text }) => text.trim() !== '')
      .map(({ path }) => ({
        id: 'tests/empty-file',
        severity: 'warning',
        file: path,
        line: 1,
        message: `${path} is collected and holds no test`,
        why: 'It looks tested from outside, and nothing is.',
        remedy: 'Write a test that fails when the code is wrong, or remove the file.',
      }));
  }
  const [first] = empty;
  return [
    {
      id: 'tests/none',
      severity: 'error',
      file: first?.path ?? 'pyproject.toml',
      line: 1,
      message: `\`pytest\` ends with exit code 5: no tests ran${empty.length === 0 ? '' : `, though there ${empty.length === 1 ? 'is' : 'are'} ${empty.map(({ path }) => path).join(', ')}`}`,
      why:
        empty.length === 0
          ? 'pytest is asked for and no file is named test_*.py.'
          : 'The files import the code and assert nothing about it; CI takes exit code 5 for a failure.',
      remedy:
        'Write a test per function that fails when it is wrong. No tool can write one that means anything.',
    },
  ];
}

/** A docstring with a hole: a template put one text over another. */
function longBlanks({ path, text }: Module): Finding[] {
  const lines = text.split('\n');
  const index = lines.findIndex((line) => /\S[ \t]{40,}(?:[^\s#]|$)/.test(line));
  if (index === -1 || !isInDocstring(text, lines, index)) return [];
  const line = lines[index] ?? '';
  const [, kept = '', blanks = '', rest = ''] = /^(.*?\S)([ \t]{40,})(.*)$/.exec(line) ?? [];
  const isTrailing = /^(?:"""|''')?$/.test(rest.trim());
  return [
    {
      id: 'source/broken-docstring',
      severity: 'info',
      file: path,
      line: index + 1,
      message: isTrailing
        ? `the docstring ends in ${blanks.length} blanks`
        : `the docstring has ${blanks.length} blanks and then ${JSON.stringify(rest)}`,
      why: 'It is shown in every help text and every diff, and linters stop at it.',
      remedy: isTrailing ? 'Remove them.' : 'Remove them and what is left of the other sentence.',
      fix: isTrailing
        ? (files) => files.write(path, lines.with(index, kept + rest.trimEnd()).join('\n'))
        : undefined,
    },
  ];
}

function isInDocstring(text: string, lines: readonly string[], index: number): boolean {
  const docstring = /^(?:#[^\n]*\n|[ \t]*\n)*[rRuU]?("""|''')[\s\S]*?\1/.exec(text)?.[0];
  return docstring !== undefined && lines.slice(0, index + 1).join('\n').length <= docstring.length;
}

/** A function named for work that only prints. */
function pretence({ path, text }: Module): Finding[] {
  if (/(?:^|\/)tests?\//.test(path)) return [];
  return [
    ...text.matchAll(
      /^def[ \t]+((?:train|process|prepare|evaluate|predict|fit)\w*)\(.*\n((?:(?:[ \t]+.*)?\n)+)/gm,
    ),
  ].flatMap((match): Finding[] => {
    const [, name = '', block = ''] = match;
    const body = block
      .replaceAll(/("""|''')[\s\S]*?\1/g, '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
    if (body.length === 0 || !body.every((line) => /^print\(.*\)$/.test(line))) return [];
    return [
      {
        id: 'source/only-prints',
        severity: 'info',
        file: path,
        line: text.slice(0, match.index).split('\n').length,
        message: `${name} ends with exit code 0 and does nothing but print`,
        why: 'Nothing is read, trained or written, so what comes after it works on nothing.',
        remedy: 'Fill it in, and let it fail until then: raise NotImplementedError.',
      },
    ];
  });
}

function health(modules: readonly Module[]): Finding[] {
  const apps = modules.filter(
    ({ path, text }) =>
      !/(?:^|\/)tests?\//.test(path) && /^\w+(?::[^=]+)?\s*=\s*(?:fastapi\.)?FastAPI\(/m.test(text),
  );
  const [app] = apps;
  const answers = modules.some(({ text }) =>
    /["']\/[\w/{}-]*(?:health|ready|live|ping|status)\w*["']/.test(text),
  );
  if (app === undefined || answers) return [];
  return [
    {
      id: 'source/no-health',
      severity: 'info',
      file: app.path,
      line: app.text.slice(0, app.text.search(/FastAPI\(/)).split('\n').length,
      message: 'the application has no address that tells whether it is well',
      why: 'Docker, Kubernetes and load balancers ask one before they send users.',
      remedy: 'Add GET /health that answers 200 once the model is loaded.',
    },
  ];
}
