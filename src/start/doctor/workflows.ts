import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Check, Finding } from './doctor.ts';
import type { ProjectFiles } from './project-files.ts';

export const workflows: Check = {
  id: 'ci',
  title: 'what runs on every push',
  practice: 'start',
  find(files) {
    const found = files.paths.filter((path) => /^\.github\/workflows\/[^/]+\.ya?ml$/.test(path));
    return [...noTests(files, found), ...found.flatMap((path) => retired(files, path))];
  },
};

const otherCi = [
  '.gitlab-ci.yml',
  '.travis.yml',
  'azure-pipelines.yml',
  'bitbucket-pipelines.yml',
  'Jenkinsfile',
  '.circleci/config.yml',
  '.drone.yml',
  'appveyor.yml',
  '.woodpecker.yml',
];
/** Said anywhere: a workflow may test by any tool, a reusable workflow or a script of its own. */
const runsTests =
  /(?<![a-z])tests?\b|\b(?:pytest|unittest|tox|nox|jlpm|repro|coverage)\b|uses:\s*\S+\.ya?ml@/i;

function noTests(files: ProjectFiles, found: readonly string[]): Finding[] {
  const isPython = files.paths.some((path) => path.endsWith('.py'));
  const texts = found.map((path) => files.text(path) ?? '');
  if (!isPython || otherCi.some((path) => files.has(path)) || texts.some((text) => runsTests.test(text)))
    return [];
  const [first] = found;
  return [
    {
      id: 'ci/no-tests',
      // without any workflow it may be another host that runs them
      severity: first === undefined ? 'info' : 'warning',
      file: first ?? '.github/workflows',
      line: first === undefined ? undefined : 1,
      message:
        first === undefined
          ? 'nothing runs the tests when somebody pushes'
          : `no workflow runs the tests; ${found.length === 1 ? 'the only one is' : 'there are'} ${found.join(', ')}`,
      why: 'A change that breaks the project is merged without anybody seeing it.',
      remedy: 'Add a workflow that installs from the lock and runs the linter and pytest.',
    },
  ];
}

/** Actions and runners that no longer exist on the host, so that the job fails before its first step. */
const retiredActions: readonly { readonly uses: RegExp; readonly since: string; readonly instead: string }[] =
  [
    {
      uses: /^actions\/(?:upload|download)-artifact@v[123](?:\.|$)/,
      since: 'January 2025',
      instead: '@v4 (artifacts of one name are no longer merged)',
    },
    { uses: /^actions\/cache(?:\/\w+)?@v[12](?:\.|$)/, since: 'March 2025', instead: '@v4' },
  ];
const retiredRunners: Readonly<Record<string, string>> = {
  'ubuntu-16.04': '2021',
  'ubuntu-18.04': 'April 2023',
  'ubuntu-20.04': 'April 2025',
  'macos-10.15': '2022',
  'macos-11': 'June 2024',
  'macos-12': 'December 2024',
  'windows-2016': '2022',
  'windows-2019': 'June 2025',
};

function retired(files: ProjectFiles, path: string): Finding[] {
  const text = files.text(path) ?? '';
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const findings: Finding[] = [];
  visit(document, {
    Pair(_, { key, value }) {
      if (!isScalar(key) || !isScalar(value) || typeof value.value !== 'string') return;
      const written = value.value;
      const line = counter.linePos(value.range?.[0] ?? 0).line;
      const action = key.value === 'uses' ? retiredActions.find(({ uses }) => uses.test(written)) : undefined;
      if (action !== undefined) {
        findings.push({
          id: 'ci/retired-action',
          severity: 'error',
          file: path,
          line,
          message: `the job fails before its first step: GitHub turned off ${written} in ${action.since}`,
          why: 'The service behind the action is gone, so the runner refuses it.',
          remedy: `Take ${action.instead}.`,
        });
      }
      const since = key.value === 'runs-on' ? retiredRunners[written] : undefined;
      if (since !== undefined) {
        findings.push({
          id: 'ci/retired-runner',
          severity: 'error',
          file: path,
          line,
          message: `the job waits for a machine that never comes: GitHub has had no ${written} since ${since}`,
          why: 'The image was retired.',
          remedy: 'Name one that is there, such as ubuntu-24.04.',
        });
      }
    },
  });
  return isMap(document.contents) ? findings : [];
}
