import { matchesGlob, posix } from 'node:path';
import { composeBuilds, type ComposeBuild } from './compose-file.ts';
import type { Check, Finding } from './doctor.ts';
import {
  lineage,
  readDockerfiles,
  variablesIn,
  type Dockerfile,
  type Stage,
  type Step,
} from './dockerfile.ts';
import type { ProjectFiles } from './project-files.ts';
import { at, isTable, isText, pyprojectOf, pythonRange, usesPoetry } from './pyproject.ts';
import { compareVersions, isWithin } from './python-versions.ts';
import { loopbackServer, withOpenHost } from './loopback-servers.ts';

export const dockerFiles: Check = {
  id: 'docker',
  title: 'Dockerfiles',
  practice: 'start',
  find(files) {
    const builds = composeBuilds(files);
    return readDockerfiles(files).flatMap((dockerfile) => {
      const contexts = contextsOf(dockerfile, builds);
      const used = usedStages(dockerfile, builds);
      return [
        ...copies(files, dockerfile, contexts, used),
        ...copiesOfItself(dockerfile),
        ...lateVariables(dockerfile),
        ...poetrySteps(files, dockerfile, used),
        ...pythonOfImage(files, dockerfile),
        ...commands(files, dockerfile, contexts, used),
        ...runtime(dockerfile, used),
        ...everythingCopied(files, dockerfile, contexts),
      ];
    });
  },
};

const newestPoetry = '2.5.1';
/** Of Python: Poetry 2.5 asks for it. */
const pythonOfPoetry = '3.10';

/** Folders that the file may be built from: those compose names, else its own and the project's. */
function contextsOf({ path }: Dockerfile, builds: readonly ComposeBuild[]): string[] {
  const named = builds.filter(({ dockerfile }) => dockerfile === path).map(({ context }) => context);
  return [...new Set(named.length > 0 ? named : ['.', posix.dirname(path)])];
}

/** Stages that somebody builds: the last, and the targets of compose. */
function usedStages({ path, stages }: Dockerfile, builds: readonly ComposeBuild[]): Set<Stage> {
  const targets = builds
    .filter(({ dockerfile }) => dockerfile === path)
    .map(({ target }) => target?.toLowerCase());
  const parents = new Set(stages.map(({ parent }) => parent));
  const sources = new Set(
    stages.flatMap(({ steps }) => steps.map(({ flags }) => flags['from']?.toLowerCase())),
  );
  return new Set(
    stages.filter(
      (stage, index) =>
        index === stages.length - 1 ||
        (stage.name !== undefined && targets.includes(stage.name)) ||
        (!parents.has(stage) && !sources.has(stage.name)),
    ),
  );
}

const isCopy = ({ keyword }: Step): boolean => keyword === 'COPY' || keyword === 'ADD';
const isFromContext = (step: Step): boolean =>
  isCopy(step) && step.flags['from'] === undefined && !step.raw.includes('<<');
const sourcesOf = (step: Step): readonly string[] => step.words.slice(0, -1);

function copies(
  files: ProjectFiles,
  dockerfile: Dockerfile,
  contexts: readonly string[],
  used: ReadonlySet<Stage>,
): Finding[] {
  const needed = new Set([...used].flatMap(lineage));
  return dockerfile.stages.flatMap((stage) =>
    stage.steps.filter(isCopy).flatMap((step): Finding[] => {
      const findings: Finding[] = [];
      const target = step.words.at(-1) ?? '';
      const written = step.raw.trim();
      if (
        sourcesOf(step).length > 1 &&
        !target.endsWith('/') &&
        target !== '.' &&
        !written.startsWith('[') &&
        !written.includes('<<')
      ) {
        findings.push({
          id: 'docker/copy-without-slash',
          severity: 'warning',
          file: dockerfile.path,
          line: step.line,
          message: `builders other than BuildKit stop: "When using ${step.keyword} with more than one source file, the destination must be a directory and end with a /"`,
          why: `${sourcesOf(step).join(' and ')} go to ${lastWord(written)}, which reads as the name of a file.`,
          remedy: `Write ${lastWord(written)}/`,
          fix: (target) =>
            target.write(
              dockerfile.path,
              editLines(dockerfile, step.line, step.lastLine, (text) => text.replace(/(\S)(\s*)$/, '$1/$2')),
            ),
        });
      }
      if (!isFromContext(step) || !needed.has(stage)) return findings;
      const absent = sourcesOf(step).filter((source) =>
        contexts.every((context) => !isInContext(files, context, source)),
      );
      if (absent.length > 0) {
        const lock = absent.find((source) => /(?:^|\/)(?:poetry|uv|pdm)\.lock$/.test(source));
        const isMade =
          lock === undefined &&
          absent.every((source) => contexts.some((context) => files.isIgnored(posix.join(context, source))));
        const tool = /(\w+)\.lock$/.exec(lock ?? '')?.[1] ?? '';
        findings.push({
          id: 'docker/copy-source-missing',
          severity: isMade ? 'info' : 'error',
          file: dockerfile.path,
          line: step.line,
          message: `\`docker build\` stops${isMade ? ' where it is not made first' : ''}: "${absent.map((source) => `/${source.replace(/^\.?\//, '')}`).join('", "')}": not found`,
          why: `${absent.join(' and ')} ${absent.length === 1 ? 'is' : 'are'} copied into the image and not in the project${isMade ? ', since git ignores it' : ''}.`,
          remedy: isMade
            ? 'Make it before the image, also in CI.'
            : lock !== undefined
              ? `Run \`${tool} lock\` and commit ${lock}.`
              : 'Make the file, or take it out of the instruction.',
        });
      }
      return findings;
    }),
  );
}

const lastWord = (text: string): string => text.split(/\s+/).at(-1) ?? '';

function isInContext(files: ProjectFiles, context: string, source: string): boolean {
  if (/\$|^https?:|^git@/.test(source)) return true;
  const path = posix.join(context, source.replace(/^\/+/, ''));
  if (path.startsWith('..')) return true;
  return /[*?[]/.test(source)
    ? files.paths.some((file) => matchesGlob(file, path) || matchesGlob(file, `${path}/**`))
    : files.has(path);
}

/** `COPY --from=build /x /x` in a stage that continues build: it is there already. */
function copiesOfItself(dockerfile: Dockerfile): Finding[] {
  const repeated = dockerfile.stages.flatMap((stage) =>
    stage.steps.filter((step) => {
      const from = step.flags['from']?.toLowerCase();
      const [source, target] = step.words;
      const isAncestor = lineage(stage)
        .slice(0, -1)
        .some(({ name }) => name !== undefined && name === from);
      return (
        step.keyword === 'COPY' &&
        isAncestor &&
        step.words.length === 2 &&
        source === target &&
        Object.keys(step.flags).length === 1
      );
    }),
  );
  const [first] = repeated;
  if (first === undefined) return [];
  const places = repeated.map(({ line }) => line);
  return [
    {
      id: 'docker/copy-of-itself',
      severity: 'info',
      file: dockerfile.path,
      line: first.line,
      message: `${repeated.length === 1 ? 'one COPY doubles' : `${repeated.length} COPY double`} what the stage has already (${places.length === 1 ? 'line' : 'lines'} ${places.join(', ')})`,
      why: 'FROM an earlier stage brings all its files; the same path copied from it makes the image larger and changes nothing.',
      remedy: 'Remove the lines.',
      fix: (files) => {
        const gone = new Set(
          repeated.flatMap(({ line, lastLine }) =>
            Array.from({ length: lastLine - line + 1 }, (_, index) => line + index),
          ),
        );
        const kept: string[] = [];
        for (const [index, line] of dockerfile.text.split('\n').entries()) {
          const closesGap = gone.has(index) && line.trim() === '' && kept.at(-1)?.trim() === '';
          if (!gone.has(index + 1) && !closesGap) kept.push(line);
        }
        files.write(dockerfile.path, kept.join('\n'));
      },
    },
  ];
}

/** Variables that every image has. */
const everywhere = new Set(['PATH', 'HOME', 'HOSTNAME', 'PWD']);

/** A variable that is only set further down is empty here. */
function lateVariables(dockerfile: Dockerfile): Finding[] {
  return dockerfile.stages.flatMap((stage) =>
    stage.steps
      .filter(({ keyword }) => ['ENV', 'WORKDIR', 'COPY', 'ADD', 'USER', 'EXPOSE'].includes(keyword))
      .flatMap((step) =>
        [...new Set(variablesIn(step.raw))].flatMap((name): Finding[] => {
          if (step.variables.has(name) || everywhere.has(name)) return [];
          const later = stage.steps.find(
            (other) =>
              other.line > step.line &&
              other.keyword === 'ENV' &&
              new RegExp(`(?:^|\\s)${name}=`).test(other.raw),
          );
          if (later === undefined) return [];
          return [
            {
              id: 'docker/variable-too-early',
              severity: 'warning',
              file: dockerfile.path,
              line: step.line,
              message: `${name} is empty here: it is set in line ${later.line}`,
              why: 'Docker puts a value in at the line where it is used; what comes later does not count.',
              remedy: `Move the ENV of ${name} above, or drop this line if what is below it does the same. Which one decides what is found first.`,
            },
          ];
        }),
      ),
  );
}

const pinnedPoetry = (step: Step): string | undefined =>
  step.keyword === 'ENV' || step.keyword === 'ARG'
    ? /\bPOETRY_VERSION[= ]["']?(\d+\.\d+(?:\.\d+)?)/.exec(step.raw)?.[1]
    : step.keyword === 'RUN'
      ? /\bpoetry==(\d+\.\d+(?:\.\d+)?)/.exec(step.raw)?.[1]
      : undefined;

const removedFromPoetry2 =
  /\bpoetry\b[^\n&|;]*(?:--no-dev\b|--remove-untracked\b|--default\b)|\bpoetry\s+(?:export|shell|self:update)\b/;

function poetrySteps(files: ProjectFiles, dockerfile: Dockerfile, used: ReadonlySet<Stage>): Finding[] {
  const read = pyprojectOf(files);
  if (read === undefined || !usesPoetry(read)) return [];
  const findings: Finding[] = [];
  const { path } = dockerfile;
  const isStandard = isTable(read.data['project']) && !isTable(at(read.data, 'tool', 'poetry', 'name'));
  const lockedBy2 = /@generated by Poetry 2/.test(files.text('poetry.lock')?.slice(0, 400) ?? '');
  const usesRemoved = removedFromPoetry2.test(dockerfile.text);
  for (const step of dockerfile.stages.flatMap(({ steps }) => steps)) {
    const version = pinnedPoetry(step);
    if (version === undefined || compareVersions(version, '2') >= 0) continue;
    const image = dockerfile.stages
      .map((stage) => pythonTag(lineage(stage)[0]?.image ?? ''))
      .find((tag) => tag !== undefined);
    const canMove = !usesRemoved && image !== undefined && compareVersions(image, pythonOfPoetry) >= 0;
    findings.push({
      id: 'docker/old-poetry',
      severity: isStandard && at(read.data, 'tool', 'poetry', 'version') === undefined ? 'error' : 'warning',
      file: path,
      line: lineWith(dockerfile, step, version),
      message: isStandard
        ? `Poetry ${version} stops in the image: it does not read [project]`
        : `the image takes Poetry ${version}; ${lockedBy2 ? 'the lock was written by Poetry 2' : 'whoever locks today writes the lock with Poetry 2'}`,
      why: 'The lock of Poetry 2 has a newer format (2.1) than Poetry 1 knows, so image and desk resolve differently.',
      remedy: `Pin ${newestPoetry}, or the one that the team uses.${usesRemoved ? ' Commands of the file that Poetry 2 no longer has must change with it.' : ''}`,
      fix: canMove
        ? (target) =>
            target.write(
              path,
              editLines(dockerfile, step.line, step.lastLine, (text) =>
                text.replace(
                  new RegExp(`((?:POETRY_VERSION[= ]["']?|poetry==))${version.replaceAll('.', '\\.')}`),
                  `$1${newestPoetry}`,
                ),
              ),
            )
        : undefined,
    });
  }
  const needed = new Set([...used].flatMap(lineage));
  for (const stage of dockerfile.stages.filter((candidate) => needed.has(candidate)))
    findings.push(...poetryRuns(files, dockerfile, stage));
  return findings;
}

/** `poetry check` and `poetry install` want the README and the package that pyproject.toml names. */
function poetryRuns(files: ProjectFiles, dockerfile: Dockerfile, stage: Stage): Finding[] {
  const { path } = dockerfile;
  const read = pyprojectOf(files);
  const readme = at(read?.data, 'project', 'readme') ?? at(read?.data, 'tool', 'poetry', 'readme');
  const isApplication = at(read?.data, 'tool', 'poetry', 'package-mode') === false;
  const findings: Finding[] = [];
  const earlier = lineage(stage)
    .slice(0, -1)
    .flatMap(({ steps }) => steps);
  const copied = [...earlier];
  for (const step of stage.steps) {
    copied.push(step);
    if (step.keyword !== 'RUN') continue;
    // what comes from a stage of its own is not followed
    const isUnknown = copied.some(
      ({ flags }) =>
        flags['from'] !== undefined &&
        !lineage(stage).some(({ name }) => name === flags['from']?.toLowerCase()),
    );
    const brings = (file: string): boolean =>
      isUnknown || copied.some((other) => isCopy(other) && bringsFile(other, file));
    if (
      isText(readme) &&
      /\bpoetry\s+check\b/.test(step.raw) &&
      brings('pyproject.toml') &&
      !brings(readme)
    ) {
      const place = copied.findLast(
        (other) =>
          isFromContext(other) &&
          sourcesOf(other).some((source) => posix.basename(source) === 'pyproject.toml'),
      );
      findings.push({
        id: 'docker/readme-not-copied',
        severity: 'error',
        file: path,
        line: step.line,
        message: `\`poetry check\` stops the build: "Declared README file does not exist: ${readme}"`,
        why: `pyproject.toml names ${readme}, and it is not copied into the image before this line.`,
        remedy: `Copy ${readme} together with pyproject.toml, or leave the check to CI.`,
        fix:
          place === undefined || place.raw.trim().startsWith('[')
            ? undefined
            : (target) =>
                target.write(
                  path,
                  editLines(dockerfile, place.line, place.lastLine, (text) =>
                    text.replace(/(\bpyproject\.toml)\b/, `$1 ${readme}`),
                  ),
                ),
      });
    }
    const install = /\bpoetry\s+install\b[^&|;\n]*/.exec(step.raw)?.[0];
    if (install === undefined || isApplication || /--no-root|--only-root/.test(install)) continue;
    const code = files.paths.filter(
      (file) =>
        file.endsWith('.py') &&
        (file.startsWith('src/') || file.endsWith('/__init__.py')) &&
        !/^tests?\//.test(file),
    );
    if (code.length === 0 || code.some(brings) || !brings('pyproject.toml')) continue;
    findings.push({
      id: 'docker/root-without-source',
      severity: 'error',
      file: path,
      line: step.line,
      message: `\`poetry install\` ends with an error in ${stage.name === undefined ? 'the image' : `the stage ${stage.name}`}: the package of the project is not there yet`,
      why: 'Without --no-root Poetry 2 installs the project too and fails when its code is not copied.',
      remedy:
        'Add --no-root here; install the project itself after its code is copied, where it is imported by name.',
      fix: (target) =>
        target.write(
          path,
          editLines(dockerfile, step.line, step.lastLine, (text) =>
            text.replace(/\bpoetry(\s+)install\b/, 'poetry$1install --no-root'),
          ),
        ),
    });
  }
  return findings;
}

/** Whether a COPY from the project brings a file into the image. */
function bringsFile(step: Step, file: string): boolean {
  if (step.flags['from'] !== undefined) return false;
  return sourcesOf(step).some((source) => {
    const path = posix.normalize(source.replace(/^\/+/, '')).replace(/\/$/, '');
    return (
      path === '.' ||
      path === '' ||
      path.includes('$') ||
      file === path ||
      file.startsWith(`${path}/`) ||
      (/[*?[]/.test(path) && (matchesGlob(file, path) || matchesGlob(file, `${path}/**`)))
    );
  });
}

/** The Python of an image `python:3.11-slim`, as 3.11. */
const pythonTag = (image: string): string | undefined =>
  /(?:^|\/)python:(\d+\.\d+(?:\.\d+)?)/.exec(image)?.[1];

function pythonOfImage(files: ProjectFiles, dockerfile: Dockerfile): Finding[] {
  const read = pyprojectOf(files);
  const range = read === undefined ? undefined : pythonRange(read);
  if (range === undefined) return [];
  return dockerfile.stages.flatMap((stage): Finding[] => {
    const tag = pythonTag(stage.image);
    // of `python:3.11` the newest 3.11 is taken
    const version = tag?.split('.').length === 2 ? `${tag}.99` : tag;
    if (version === undefined || isWithin(version, range) !== false) return [];
    return [
      {
        id: 'docker/python-outside',
        severity: 'error',
        file: dockerfile.path,
        line: stage.line,
        message: `the image has Python ${tag ?? ''}, and the project asks for ${range}: its installation stops`,
        why: 'Both say which Python the project runs on, and they disagree.',
        remedy: 'Let them say the same.',
      },
    ];
  });
}

function commands(
  files: ProjectFiles,
  dockerfile: Dockerfile,
  contexts: readonly string[],
  used: ReadonlySet<Stage>,
): Finding[] {
  return [...used].flatMap((stage): Finding[] => {
    const steps = lineage(stage).flatMap((each) => each.steps);
    const command = steps.findLast(({ keyword }) => keyword === 'CMD');
    if (command === undefined) return [];
    const findings: Finding[] = [];
    const script = command.words.find((word) => /^(?:\.\/)?[\w./-]+\.(?:py|sh)$/.test(word));
    const isInProject =
      script !== undefined && contexts.some((context) => files.has(posix.join(context, script)));
    const hasWholeFolder = steps.some(
      (step) =>
        step.flags['from'] !== undefined && !lineage(stage).some(({ name }) => name === step.flags['from']),
    );
    if (isInProject && !hasWholeFolder && !steps.some((step) => isCopy(step) && bringsFile(step, script))) {
      findings.push({
        id: 'docker/command-without-file',
        severity: 'warning',
        file: dockerfile.path,
        line: command.line,
        message: `\`docker run\` of ${stage.name === undefined ? 'this image' : `the stage ${stage.name}`} stops: ${script} is not in it`,
        why: `No COPY of the stage brings it; it works only where ${posix.dirname(script)} is mounted, as compose may do.`,
        remedy: `Copy ${posix.dirname(script)} into the stage.`,
      });
    }
    const server = loopbackServer(command.words.join(' '));
    if (server !== undefined) {
      findings.push({
        id: 'docker/listens-to-itself',
        severity: 'error',
        file: dockerfile.path,
        line: command.line,
        message: `the published port answers nothing: ${server} listens to 127.0.0.1 inside the container`,
        why: 'A port that Docker publishes reaches the container from outside, and the loopback is inside.',
        remedy: 'Add --host 0.0.0.0',
        fix: (target) =>
          target.write(
            dockerfile.path,
            editLines(dockerfile, command.line, command.lastLine, (text) => withOpenHost(text) ?? text),
          ),
      });
    }
    return findings;
  });
}

function runtime(dockerfile: Dockerfile, used: ReadonlySet<Stage>): Finding[] {
  const starting = [...used].filter((stage) =>
    lineage(stage).some(({ steps }) =>
      steps.some(({ keyword }) => keyword === 'CMD' || keyword === 'ENTRYPOINT'),
    ),
  );
  const stepsOf = (stage: Stage): Step[] => lineage(stage).flatMap(({ steps }) => steps);
  const asRoot = starting.filter((stage) => {
    const user = stepsOf(stage).findLast(({ keyword }) => keyword === 'USER')?.words[0];
    return (
      (user === undefined && !/nonroot|distroless.*nonroot|jupyter\//.test(lineage(stage)[0]?.image ?? '')) ||
      user === 'root' ||
      user === '0'
    );
  });
  const unwatched = starting.filter((stage) => {
    const steps = stepsOf(stage);
    return (
      steps.some(({ keyword }) => keyword === 'EXPOSE') &&
      !steps.some(({ keyword }) => keyword === 'HEALTHCHECK')
    );
  });
  const named = (stages: readonly Stage[]): string =>
    stages.every(({ name }) => name === undefined)
      ? 'the image'
      : stages.map(({ name }) => name ?? 'the last stage').join(', ');
  const findings: Finding[] = [];
  if (asRoot[0] !== undefined) {
    findings.push({
      id: 'docker/runs-as-root',
      severity: 'info',
      file: dockerfile.path,
      line: asRoot[0].line,
      message: `runs as root: ${named(asRoot)}`,
      why: 'Who breaks out of the program owns the container, and clusters that forbid root refuse the image.',
      remedy:
        'Add a user (RUN useradd --create-home app) and USER app; give it the folders that the program writes to.',
    });
  }
  if (unwatched[0] !== undefined) {
    findings.push({
      id: 'docker/no-healthcheck',
      severity: 'info',
      file: dockerfile.path,
      line: unwatched[0].line,
      message: `nothing tells whether it still answers: ${named(unwatched)}`,
      why: 'Without HEALTHCHECK Docker calls a container healthy as long as its process exists.',
      remedy: 'Add a HEALTHCHECK that asks an address of the program, or a probe where it is deployed.',
    });
  }
  return findings;
}

function everythingCopied(
  files: ProjectFiles,
  dockerfile: Dockerfile,
  contexts: readonly string[],
): Finding[] {
  if (
    contexts.some((context) => files.has(posix.join(context, '.dockerignore'))) ||
    files.has(`${dockerfile.path}.dockerignore`)
  )
    return [];
  const all = dockerfile.stages
    .flatMap(({ steps }) => steps)
    .find(
      (step) => isFromContext(step) && sourcesOf(step).some((source) => source === '.' || source === './'),
    );
  if (all === undefined) return [];
  return [
    {
      id: 'docker/no-dockerignore',
      severity: 'warning',
      file: dockerfile.path,
      line: all.line,
      message:
        'the image gets whatever lies in the folder: .env with its secrets, caches, environments, data',
      why: 'The whole folder is copied and there is no .dockerignore.',
      remedy: 'Write a .dockerignore with .git, .env, .venv and the folders of data.',
    },
  ];
}

/** The line of a step where a word stands. */
function lineWith({ text }: Dockerfile, step: Step, word: string): number {
  const offset = text
    .split('\n')
    .slice(step.line - 1, step.lastLine)
    .findIndex((line) => line.includes(word));
  return step.line + Math.max(0, offset);
}

function editLines(
  { text }: Dockerfile,
  first: number,
  last: number,
  edit: (text: string) => string,
): string {
  const lines = text.split('\n');
  const edited = edit(lines.slice(first - 1, last).join('\n'));
  return [...lines.slice(0, first - 1), edited, ...lines.slice(last)].join('\n');
}
