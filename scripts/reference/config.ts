import { literalOf, nameOf, nodeAt, nodesOf, readSources, type Node, type Source } from './source.ts';
import { code, markdownTable, pageHead } from './page.ts';

interface Setting {
  readonly means: string;
  readonly standard: string;
}

/** What each variable that the code reads is for. A variable without a line here fails the test of the reference. */
export const settings: Readonly<Record<string, Setting>> = {
  TILTH_HOME: { means: 'The folder that holds everything local: database, blobs, prediction log, logs. `--home` goes first.', standard: '`.tilth` in the project, else the user’s data folder' },
  TILTH_BLOBS_URL: { means: 'A bucket for artifacts in place of the folder: `s3://BUCKET/PREFIX?endpoint_url=…&region=…&path_style=true&direct_links=false`; see docs/guides/artifacts-in-s3.md. Credentials are not part of it.', standard: '`blobs` in the home' },
  TILTH_DATABASE_URL: { means: 'The PostgreSQL database that holds the tables: `postgres://NAME:PASSWORD@HOST:5432/DATABASE`, with `?pool_size=N` for the connections that read. `--database` goes first.', standard: 'SQLite, in the home' },
  TILTH_URL: { means: 'Address of the control plane for commands. `--server` goes first.', standard: '`http://127.0.0.1:5080`' },
  TILTH_TOKEN: { means: 'The token that says who you are, for commands, a data plane and what they start. Get one with `tilth team token`.', standard: 'none: the local user of a machine without a team' },
  TILTH_LOG: { means: 'How much the server says: `trace`, `debug`, `info`, `warn`, `error`, `silent`.', standard: '`info`' },
  TILTH_PROJECTS: { means: 'The folder below which the server makes the projects that are started on its page.', standard: '`projects` in the home' },
  TILTH_FETCH_HOSTS: { means: 'Hosts, with commas between them (`git.example.com`, `git.example.com:8443`), from which the server may fetch templates for its clients, and to which it may send webhooks, although their addresses are private.', standard: 'none' },
  TILTH_PYTHON: { means: 'The Python that makes environments, runs templates’ scripts and stands in where a project has no environment.', standard: 'the project’s own, else `python3`' },
  TILTH_POETRY: { means: 'The Poetry that installs projects’ environments.', standard: '`poetry` on the path, else one in the home' },
  AWS_ENDPOINT_URL_S3: { means: 'The address of the S3 server, where `TILTH_BLOBS_URL` names none. What else the AWS tools read (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, roles) says who the server is there.', standard: '`AWS_ENDPOINT_URL`' },
  AWS_ENDPOINT_URL: { means: 'The same for all services of AWS.', standard: 'Amazon’s' },
  AWS_REGION: { means: 'The region of the bucket, where `TILTH_BLOBS_URL` names none.', standard: '`AWS_DEFAULT_REGION`' },
  AWS_DEFAULT_REGION: { means: 'The same, under its older name.', standard: 'that of the profile' },
  AWS_PROFILE: { means: 'The profile of the AWS tools’ settings, for a bucket as a data remote too, where its `profile` option names none.', standard: '`default`' },
  DVC_ROOT: { means: 'Root of the repository for the commands of stages; when it is set, tilth leaves it as it is.', standard: 'the repository of the stage' },
  DVC_GLOBAL_CONFIG_DIR: { means: 'The folder of dvc’s settings that hold for you in every repository (`tilth data config --global`).', standard: '`dvc` in `XDG_CONFIG_HOME`' },
  DVC_SYSTEM_CONFIG_DIR: { means: 'The folder of dvc’s settings that hold for everybody on the machine (`tilth data config --system`).', standard: '`dvc` in the first of `XDG_CONFIG_DIRS`' },
  XDG_CONFIG_HOME: { means: 'Where your settings are, dvc’s among them.', standard: '`~/.config`' },
  XDG_CONFIG_DIRS: { means: 'Where the machine’s settings are, with colons between them.', standard: '`/etc/xdg`' },
  XDG_DATA_HOME: { means: 'Where the user’s data folder is.', standard: '`~/.local/share`' },
  POETRY_PYPI_MIRROR_URL: { means: 'The package index for Poetry; when it is set, tilth leaves it as it is.', standard: 'what pip is configured with' },
  REQUESTS_CA_BUNDLE: { means: 'The certificates for Poetry and for templates that are downloaded as an archive; when it is set, tilth leaves it as it is.', standard: 'what pip is configured with' },
  CURL_CA_BUNDLE: { means: 'Stands in for `REQUESTS_CA_BUNDLE` where that is not set.', standard: 'none' },
  MLFLOW_TRACKING_URI: { means: 'Where the MLflow client logs to; stages and runs started by tilth get the server’s address where it is not set.', standard: 'the server' },
  MLFLOW_TRACKING_TOKEN: { means: 'The token for the MLflow client; stages and runs started by tilth get `TILTH_TOKEN` where it is not set.', standard: '`TILTH_TOKEN`' },
  MLFLOW_RUN_CONTEXT: { means: 'Tags, as JSON, that the MLflow client puts on the runs it creates; `tilth run -- COMMAND` adds its own to them.', standard: 'none' },
  MLFLOW_EXPERIMENT_NAME: { means: 'The experiment of `tilth run -- COMMAND` without `--experiment`.', standard: 'Default' },
  MLFLOW_EXPERIMENT_ID: { means: 'The same by its number, where no name is given.', standard: 'Default' },
  PYTHONHASHSEED: { means: 'The order of sets in a Python that `tilth run -- COMMAND` starts; when it is set, tilth leaves it as it is.', standard: '`0`, so that two runs agree' },
  PYTHONUNBUFFERED: { means: 'Whether such a Python’s output is seen when it is printed; when it is set, tilth leaves it as it is.', standard: '`1`' },
  TILTH_RUN_ID: { means: 'The run of the command that this one is started by; a `tilth run` inside another one is its child.', standard: 'none' },
  OTEL_EXPORTER_OTLP_ENDPOINT: { means: 'The OpenTelemetry collector to which a data plane sends a span of each request, as OTLP in JSON (`/v1/traces` is added).', standard: 'none: no spans' },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: { means: 'The same, the whole address.', standard: '`OTEL_EXPORTER_OTLP_ENDPOINT`' },
  OTEL_EXPORTER_OTLP_HEADERS: { means: 'Headers of these posts: `name=value,name=value`.', standard: 'none' },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: { means: 'The same, for spans.', standard: '`OTEL_EXPORTER_OTLP_HEADERS`' },
  OTEL_SERVICE_NAME: { means: 'What a data plane calls itself in its spans.', standard: '`tilth-serve`' },
  OTEL_SDK_DISABLED: { means: '`true` sends no spans.', standard: '`false`' },
  COOKIECUTTER_CONFIG: { means: 'cookiecutter’s settings file, read as cookiecutter reads it. `--config-file` goes first.', standard: '`~/.cookiecutterrc`' },
  COOKIECUTTER_REPO_PASSWORD: { means: 'Password of a template archive that is protected by one.', standard: 'asked for in a terminal' },
  NETRC: { means: 'Names and passwords for the hosts that template archives are downloaded from.', standard: '`~/.netrc`' },
};

/** What a program finds that tilth starts. */
export const handedOn: Readonly<Record<string, string>> = {
  ORT_DISABLE_TELEMETRY: 'Keeps the ONNX runtime from reporting its use to its makers.',
  TILTH_STAGE: 'Name of the stage that runs.',
  TILTH_GENERATOR_SEED: 'Seed of the generators that a script leaves without one, in the experiments of `tilth reproduce`.',
  DVC_STAGE: 'Name of the stage that runs, as dvc says it.',
  DVC_ROOT: 'Root of the repository, as dvc says it.',
  MLFLOW_TRACKING_URI: 'Address of the server, so that the MLflow client logs to it.',
  MLFLOW_TRACKING_TOKEN: 'The token of who started it.',
  MLFLOW_RUN_CONTEXT: 'Tags for the runs that it creates.',
};

/** Variables of the system that are passed on or looked at and are no settings of ours. */
const systemVariables = new Set(['PATH', 'HOME', 'SHELL', 'USER', 'USERNAME', 'LOGNAME', 'CI', 'VIRTUAL_ENV', 'PYTHONHOME', 'PYTHONPATH', 'NO_COLOR', 'FORCE_COLOR', 'DISPLAY', 'BROWSER', 'TERM', 'CONDA_PREFIX', 'EDITOR', 'LANG', 'TZ', 'TMPDIR', 'TILTH_TEST_PYTHON', 'TILTH_TEST_DATABASE', 'TILTH_CHROMIUM']);

interface Found {
  /** files by variable */
  readonly read: ReadonlyMap<string, readonly string[]>;
  readonly set: ReadonlyMap<string, readonly string[]>;
}

/** Variables that the code reads, and those that it sets for programs it starts, with the files that do. */
export function findSettings(sources: readonly Source[] = readSources()): Found {
  const found = { read: new Map<string, string[]>(), set: new Map<string, string[]>() };
  for (const source of sources) {
    const nodes = [...nodesOf(source.tree)];
    const assigned = new Set(nodes.flatMap((node) => (node.type === 'AssignmentExpression' ? [nodeAt(node, 'left')] : [])));
    for (const node of nodes) {
      const name = variableOf(node);
      if (name === undefined || systemVariables.has(name)) continue;
      const kind = assigned.has(node) ? found.set : found.read;
      kind.set(name, [...new Set([...(kind.get(name) ?? []), source.path])]);
    }
  }
  return found;
}

/** The `X` of `process.env['X']`, `environment['X']` or `env['X']`. */
function variableOf(node: Node): string | undefined {
  if (node.type !== 'MemberExpression' || !isEnvironment(nodeAt(node, 'object'))) return undefined;
  const property = nodeAt(node, 'property');
  const name = node['computed'] === true ? literalOf(property) : nameOf(property);
  return typeof name === 'string' && /^[A-Z][A-Z0-9_]+$/.test(name) ? name : undefined;
}

function isEnvironment(node: Node | undefined): boolean {
  if (node?.type === 'Identifier') return ['environment', 'env'].includes(nameOf(node) ?? '');
  return node?.type === 'MemberExpression' && nameOf(nodeAt(node, 'object')) === 'process' && nameOf(nodeAt(node, 'property')) === 'env';
}

/** `docs/reference/config.md` */
export function configPage(): string {
  const { read, set } = findSettings();
  const rows = Object.entries(settings)
    .filter(([name]) => read.has(name))
    .sort(([a], [b]) => Number(b.startsWith('TILTH_')) - Number(a.startsWith('TILTH_')) || (a < b ? -1 : 1))
    .map(([name, setting]) => [code(name), setting.means, setting.standard, (read.get(name) ?? []).map(code).join(', ')]);
  const given = Object.entries(handedOn)
    .filter(([name]) => set.has(name))
    .map(([name, means]) => [code(name), means, (set.get(name) ?? []).map(code).join(', ')]);
  const head = pageHead(
    'Configuration',
    'Nothing has to be set. What a project does is in its `tilth.yaml` (see project-file.md), what a command does in its flags (see\ncommands.md); these variables of the environment are all the rest.',
  );
  return [
    head,
    markdownTable(['variable', 'what it is for', 'without it', 'read in'], rows),
    '',
    '## What a stage finds',
    '',
    'A program that tilth starts (a stage of a pipeline, `tilth run -- COMMAND`) finds these, beside what was there before:',
    '',
    markdownTable(['variable', 'what it holds', 'set in'], given),
    '',
  ].join('\n');
}

/** Variables that are read, or set for others, and described nowhere. */
export function settingFaults(): string[] {
  const { read, set } = findSettings();
  const faults = (found: ReadonlyMap<string, readonly string[]>, described: object, list: string): string[] =>
    [...found].flatMap(([name, paths]) => (name in described ? [] : [`${name} (${paths.join(', ')}) has no line in "${list}" of scripts/reference/config.ts`]));
  return [...faults(read, settings, 'settings'), ...faults(set, handedOn, 'handedOn')];
}
