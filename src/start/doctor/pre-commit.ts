import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Check, Finding } from './doctor.ts';
import { at, pyprojectOf } from './pyproject.ts';
import { compareVersions } from './python-versions.ts';

const file = '.pre-commit-config.yaml';

/** Repositories that have moved; the old address of the last is gone. */
const moved: Readonly<Record<string, { readonly to: string; readonly isGone?: true }>> = {
  'github.com/charliermarsh/ruff-pre-commit': { to: 'https://github.com/astral-sh/ruff-pre-commit' },
  'github.com/ambv/black': { to: 'https://github.com/psf/black' },
  'github.com/python/black': { to: 'https://github.com/psf/black' },
  'github.com/timothycrosley/isort': { to: 'https://github.com/PyCQA/isort' },
  'github.com/prettier/pre-commit': { to: 'https://github.com/pre-commit/mirrors-prettier' },
  'gitlab.com/pycqa/flake8': { to: 'https://github.com/PyCQA/flake8', isGone: true },
};

/** Versions before which a hook is known to stop or to warn, with what happens. */
const tooOld: readonly {
  /** end of its address */
  readonly repository: string;
  readonly before: string;
  readonly stops: boolean;
  readonly why: string;
  readonly rev?: string;
}[] = [
  {
    repository: '/ruff-pre-commit',
    before: '0.1.0',
    stops: false,
    why: 'It stops at the table [tool.ruff.lint], which every ruff since 0.1 asks for; editor and hook disagree.',
    rev: 'v0.16.4',
  },
  {
    repository: 'pycqa/isort',
    before: '5.11.5',
    stops: true,
    why: 'Its package does not build with poetry-core 1.5 or later ("The Poetry configuration is invalid").',
  },
  {
    repository: 'pre-commit/pre-commit-hooks',
    before: '5.0.0',
    stops: false,
    why: 'It names stages (commit, push) by names that pre-commit 4 warns of and will drop.',
  },
  {
    repository: '/black',
    before: '22.3.0',
    stops: true,
    why: 'It imports _unicodefun of click, which click 8.1 no longer has.',
  },
];

export const preCommit: Check = {
  id: 'pre-commit',
  title: 'hooks before a commit',
  practice: 'start',
  find(files) {
    const text = files.text(file);
    if (text === undefined) return [];
    const counter = new LineCounter();
    const document = parseDocument(text, { lineCounter: counter });
    const repos: unknown = document.get('repos');
    if (document.errors.length > 0 || !isSeq(repos)) return [];
    const findings: Finding[] = [];
    const sorters: string[] = [];
    const lineOf = (offset: number | undefined): number => counter.linePos(offset ?? 0).line;
    for (const entry of repos.items) {
      if (!isMap(entry)) continue;
      const [repo, rev]: unknown[] = [entry.get('repo', true), entry.get('rev', true)];
      if (!isScalar(repo) || typeof repo.value !== 'string') continue;
      const address = repo.value.replace(/^https?:\/\//, '').replace(/\.git$|\/$/g, '');
      const [start, end] = repo.range ?? [0, 0];
      const new_ = Object.entries(moved).find(([old]) => old.toLowerCase() === address.toLowerCase())?.[1];
      if (new_ !== undefined) {
        findings.push({
          id: 'pre-commit/moved',
          severity: new_.isGone === true ? 'error' : 'warning',
          file,
          line: lineOf(start),
          message:
            new_.isGone === true
              ? `every commit stops: ${repo.value} is gone`
              : `${repo.value} has moved to ${new_.to}`,
          why:
            new_.isGone === true
              ? 'The repository was closed; git asks for a password instead.'
              : 'It works as long as the host forwards the old name, and anybody may take that one day.',
          remedy: `Write ${new_.to}`,
          fix: (target) =>
            target.write(
              file,
              text.slice(0, start) +
                text.slice(start, end).replace(repo.value as string, new_.to) +
                text.slice(end),
            ),
        });
      }
      const name = address.split('/').at(-1) ?? '';
      const version = isScalar(rev) ? /^v?(\d+\.\d+(?:\.\d+)?)$/.exec(String(rev.value))?.[1] : undefined;
      const old = tooOld.find(
        ({ repository, before }) =>
          address.toLowerCase().endsWith(repository) &&
          version !== undefined &&
          compareVersions(version, before) < 0,
      );
      if (old !== undefined && isScalar(rev)) {
        const [revStart, revEnd] = rev.range ?? [0, 0];
        const better = old.rev;
        findings.push({
          id: 'pre-commit/old-rev',
          severity: old.stops ? 'error' : 'warning',
          file,
          line: lineOf(revStart),
          message: old.stops
            ? `every commit stops: ${name} ${String(rev.value)} can no longer be installed`
            : `${name} is at ${String(rev.value)}`,
          why: old.why,
          remedy: 'Run `pre-commit autoupdate` and look at what the newer hooks change.',
          fix:
            better === undefined
              ? undefined
              : (target) =>
                  target.write(
                    file,
                    text.slice(0, revStart) +
                      text.slice(revStart, revEnd).replace(String(rev.value), better) +
                      text.slice(revEnd),
                  ),
        });
      }
      const hooks: unknown = entry.get('hooks');
      const ids = isSeq(hooks) ? hooks.items.map((hook) => (isMap(hook) ? String(hook.get('id')) : '')) : [];
      sorters.push(...ids.filter((id) => ['isort', 'black', 'reorder-python-imports'].includes(id)));
      if (ids.some((id) => id === 'ruff-format')) sorters.push('ruff-format');
      if (ids.some((id) => id === 'ruff' || id === 'ruff-check') && sortsImports(pyprojectOf(files)?.data))
        sorters.push('ruff (rule I)');
    }
    const both = [
      ['isort', 'ruff (rule I)'],
      ['black', 'ruff-format'],
    ].filter((pair) => pair.every((name) => sorters.includes(name)));
    for (const pair of both) {
      findings.push({
        id: 'pre-commit/overlap',
        severity: 'info',
        file,
        line: 1,
        message: `${pair.join(' and ')} do the same work on every commit`,
        why: 'Where their settings differ each undoes the other, and the commit never gets through.',
        remedy: 'Keep one; ruff does the work of both.',
      });
    }
    return findings;
  },
};

function sortsImports(data: unknown): boolean {
  const selected = [at(data, 'tool', 'ruff', 'select'), at(data, 'tool', 'ruff', 'lint', 'select')].flat();
  return selected.some((rule) => rule === 'I' || rule === 'ALL' || rule === 'I001');
}
