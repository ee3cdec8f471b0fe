import { TilthError } from '../platform/errors.ts';
import { verbs } from './can.ts';
import type { GlossaryWord } from './glossary-api.ts';

interface Entry {
  readonly word: string;
  readonly practice: GlossaryWord['practice'];
  readonly means: string;
  readonly lives: string;
  readonly page?: string;
  readonly command?: string;
  readonly alsoCalled?: readonly string[];
  /** first part of its verbs in `can.ts`, where it differs from none */
  readonly verbs?: string;
}

// One word for one thing, in the order in which a model meets them.
const entries: readonly Entry[] = [
  {
    word: 'template',
    practice: 'start',
    means: 'A folder from which new projects are made, in the format of cookiecutter; a project remembers which one and which commit.',
    lives: 'a folder or git repository with cookiecutter.json; the memory is .cruft.json in the project',
    command: 'tilth start',
    page: '/start',
    alsoCalled: ['cookiecutter', 'scaffold', 'blueprint'],
  },
  {
    word: 'project',
    practice: 'start',
    means: 'A git repository that was started from a template and has a tilth.yaml.',
    lives: 'its own git repository; the server knows its folder and its tilth.yaml',
    command: 'tilth project list',
    page: '/start',
    alsoCalled: ['repository', 'workspace'],
    verbs: 'project',
  },
  {
    word: 'project file',
    practice: 'start',
    means: 'tilth.yaml: what should happen to the data and models of a project, reviewed like code. The server holds what did happen.',
    lives: 'tilth.yaml in the root of the project; its keys: docs/reference/project-file.md',
    command: 'tilth project show PROJECT',
    alsoCalled: ['tilth.yaml', 'declaration', 'config'],
  },
  {
    word: 'dataset',
    practice: 'develop',
    means: 'A governed name for data, with an owner, a classification and a licence.',
    lives: 'tilth.yaml declares it; the server holds its versions',
    command: 'tilth data list',
    page: '/develop/data',
    alsoCalled: ['data set', 'table', 'source'],
    verbs: 'dataset',
  },
  {
    word: 'dataset version',
    practice: 'develop',
    means: 'The content hash of a dataset, the md5 in its .dvc file: the same content is the same version, wherever it lies.',
    lives: 'the .dvc file in git, the content in the DVC cache or remote',
    command: 'tilth data list',
    page: '/develop/data',
    alsoCalled: ['data version', 'snapshot', 'data revision'],
  },
  {
    word: 'contract',
    practice: 'develop',
    means: 'What must hold of every version of a dataset: its schema and its checks. Data that breaks it is refused with file, row and column.',
    lives: 'an ODCS file beside the data, named in tilth.yaml',
    command: 'tilth data contract check DATASET',
    page: '/develop/data',
    alsoCalled: ['data contract', 'schema', 'expectations'],
  },
  {
    word: 'pipeline',
    practice: 'develop',
    means: 'The stages that make data and models from one another, with their dependencies and outputs.',
    lives: 'dvc.yaml in the project',
    command: 'tilth pipeline dag',
    page: '/develop/pipelines',
    alsoCalled: ['dag', 'workflow'],
    verbs: 'pipeline',
  },
  {
    word: 'stage',
    practice: 'develop',
    means: 'One step of a pipeline: a command with its dependencies and its outputs. A model version has aliases, not stages.',
    lives: 'dvc.yaml in the project',
    command: 'tilth pipeline status',
    page: '/develop/pipelines',
    alsoCalled: ['step', 'task'],
  },
  {
    word: 'dependency',
    practice: 'develop',
    means: 'A file, folder or parameter that a stage reads; when it changes, the stage is out of date.',
    lives: 'dvc.yaml, with its hash in dvc.lock',
    command: 'tilth pipeline status',
    alsoCalled: ['dep', 'input'],
  },
  {
    word: 'output',
    practice: 'develop',
    means: 'A file or folder that a stage makes; its content is kept by hash, so that an old one can come back.',
    lives: 'dvc.yaml, with its hash in dvc.lock, its content in the DVC cache',
    command: 'tilth pipeline status',
    alsoCalled: ['out'],
  },
  {
    word: 'lock',
    practice: 'develop',
    means: 'What ran on what: the hashes of dependencies and outputs of each stage when it last ran.',
    lives: 'dvc.lock in the project',
    command: 'tilth pipeline status',
    alsoCalled: ['dvc.lock'],
  },
  {
    word: 'experiment',
    practice: 'develop',
    means: 'A named collection of runs that try to answer one question, as in MLflow.',
    lives: 'the tracking store of the server',
    command: 'tilth run list --experiment NAME',
    page: '/develop/runs',
    verbs: 'experiment',
  },
  {
    word: 'run',
    practice: 'develop',
    means: 'One execution that logged its params, metrics, tags and artifacts, as in MLflow.',
    lives: 'the tracking store of the server',
    command: 'tilth run list',
    page: '/develop/runs',
    alsoCalled: ['trial', 'execution'],
    verbs: 'run',
  },
  {
    word: 'param',
    practice: 'develop',
    means: 'A setting of a run, written once: a name and a text.',
    lives: 'the tracking store of the server',
    command: 'tilth run show RUN',
    alsoCalled: ['parameter', 'hyperparameter'],
  },
  {
    word: 'metric',
    practice: 'develop',
    means: 'A number that was measured: a name, a value, a step and a time. The latest value of a run is the one shown.',
    lives: 'the tracking store for runs; the performance records for what is in production',
    command: 'tilth run show RUN',
    alsoCalled: ['score', 'measure'],
  },
  {
    word: 'tag',
    practice: 'develop',
    means: 'A name and a text on a run, model or version that can be changed later and searched for.',
    lives: 'beside what it is on',
    command: 'tilth run show RUN',
    alsoCalled: ['label of a run'],
  },
  {
    word: 'artifact',
    practice: 'develop',
    means: 'A file that a run made and kept: a plot, a report, a model.',
    lives: 'the blobs of the server, by run',
    command: 'tilth run show RUN',
    page: '/develop/runs',
    verbs: 'artifact',
  },
  {
    word: 'logged model',
    practice: 'develop',
    means: 'A model as a run logged it, before anybody registers it, as in MLflow 3.',
    lives: 'the tracking store, its files among the blobs',
    command: 'tilth run show RUN',
    verbs: 'logged-model',
  },
  {
    word: 'registered model',
    practice: 'deploy',
    means: 'A name under which versions of one model are kept, as in the MLflow registry.',
    lives: 'the registry of the server; its gate, endpoint and monitoring in tilth.yaml',
    command: 'tilth model list',
    page: '/deploy/models',
    alsoCalled: ['model'],
    verbs: 'model',
  },
  {
    word: 'model version',
    practice: 'deploy',
    means: 'A registered model’s numbered state: where it came from, its graph, its gate report and its approvals. It is never changed, only followed.',
    lives: 'the registry of the server',
    command: 'tilth model show MODEL VERSION',
    page: '/deploy/models',
    alsoCalled: ['version', 'release'],
  },
  {
    word: 'alias',
    practice: 'deploy',
    means: 'A name that points at one version of a model and can be moved.',
    lives: 'the registry of the server, with its whole history',
    command: 'tilth model alias MODEL ALIAS VERSION',
    page: '/deploy/models',
    alsoCalled: ['stage of a model', 'label of a model'],
  },
  {
    word: 'champion',
    practice: 'deploy',
    means: 'The alias of the version in production. It moves only to a version that was approved.',
    lives: 'the registry of the server',
    command: 'tilth model show MODEL',
    page: '/deploy/models',
    alsoCalled: ['production', 'prod'],
  },
  {
    word: 'challenger',
    practice: 'deploy',
    means: 'The alias of the version that is trying to replace the champion.',
    lives: 'the registry of the server',
    command: 'tilth model show MODEL',
    page: '/deploy/models',
    alsoCalled: ['candidate', 'staging'],
  },
  {
    word: 'gate',
    practice: 'deploy',
    means: 'The conditions in tilth.yaml that a version must meet before it may be approved. What is not known does not pass.',
    lives: 'tilth.yaml declares it; the report is kept on the version',
    command: 'tilth model gate MODEL VERSION',
    page: '/deploy/models',
    alsoCalled: ['quality gate', 'validation'],
  },
  {
    word: 'evidence',
    practice: 'deploy',
    means: 'What was measured for each condition of a gate: by which run, on which data, when.',
    lives: 'the gate report of a version',
    command: 'tilth model gate MODEL VERSION',
    page: '/deploy/models',
    alsoCalled: ['proof'],
  },
  {
    word: 'parity',
    practice: 'deploy',
    means: 'How far the answers of the graph that is served are from those of the model that was trained, on the same rows.',
    lives: 'the version, measured when it is converted',
    command: 'tilth model show MODEL VERSION',
    page: '/deploy/models',
  },
  {
    word: 'approval',
    practice: 'deploy',
    means: 'A decision by a person who holds the role that the gate asks for, on exactly what was asked for: a later change makes it void.',
    lives: 'the registry of the server',
    command: 'tilth model approve MODEL VERSION',
    page: '/deploy/models',
    alsoCalled: ['sign-off', 'release decision'],
  },
  {
    word: 'endpoint',
    practice: 'deploy',
    means: 'A stable address for predictions.',
    lives: 'the server decides what it does; a data plane answers',
    command: 'tilth endpoint list',
    page: '/deploy/endpoints',
    alsoCalled: ['deployment', 'service'],
    verbs: 'endpoint',
  },
  {
    word: 'route',
    practice: 'deploy',
    means: 'How an endpoint splits its requests over versions: champion and canary share them by weight, a shadow answers all of them unseen.',
    lives: 'the endpoint, with every change in the audit log',
    command: 'tilth endpoint route ENDPOINT',
    page: '/deploy/endpoints',
    alsoCalled: ['traffic split', 'rollout', 'canary', 'shadow'],
  },
  {
    word: 'prediction',
    practice: 'monitor',
    means: 'One answer of an endpoint, kept in the durable log: once, whatever fails.',
    lives: 'the prediction log: docs/reference/prediction-log.md',
    command: 'tilth predict ENDPOINT --row JSON',
    page: '/monitor',
    alsoCalled: ['inference', 'score'],
    verbs: 'prediction',
  },
  {
    word: 'ground truth',
    practice: 'monitor',
    means: 'What turned out to be true. It often comes late and is joined to its prediction.',
    lives: 'the labels on the server, by the caller’s key or by request and row',
    page: '/monitor',
    alsoCalled: ['label', 'outcome', 'actual'],
    verbs: 'label',
  },
  {
    word: 'window',
    practice: 'monitor',
    means: 'A slice of time, in the time of the events, in which performance and drift are measured.',
    lives: 'tilth.yaml says how long it is',
    command: 'tilth monitor history MODEL',
    page: '/monitor',
    alsoCalled: ['period', 'chunk'],
  },
  {
    word: 'reference',
    practice: 'monitor',
    means: 'The data or the value that a window is compared with.',
    lives: 'tilth.yaml says which; the server keeps it per version',
    command: 'tilth monitor drift MODEL',
    page: '/monitor',
    alsoCalled: ['baseline window'],
  },
  {
    word: 'performance record',
    practice: 'monitor',
    means: 'One number: a model version, a window and a metric, with its interval. Below too few or too late labels it says “not yet known”.',
    lives: 'the performance records of the server',
    command: 'tilth monitor performance MODEL',
    page: '/monitor',
    alsoCalled: ['performance'],
    verbs: 'monitor',
  },
  {
    word: 'drift record',
    practice: 'monitor',
    means: 'One number: a feature, a window and a method; how far the values moved from the reference.',
    lives: 'the drift records of the server',
    command: 'tilth monitor drift MODEL',
    page: '/monitor',
    alsoCalled: ['drift', 'data drift'],
  },
  {
    word: 'alert rule',
    practice: 'monitor',
    means: 'When to wake somebody: how far a metric must lie below its reference, in how many windows.',
    lives: 'tilth.yaml',
    command: 'tilth alert list',
    page: '/monitor',
  },
  {
    word: 'alert',
    practice: 'monitor',
    means: 'A rule that fired: performance fell, not merely the data moved.',
    lives: 'the server',
    command: 'tilth alert list',
    page: '/monitor',
    alsoCalled: ['incident', 'alarm'],
    verbs: 'alert',
  },
  {
    word: 'retraining',
    practice: 'maintain',
    means: 'A job that an alert, a schedule or a person starts: training on newer data, a time in the shadow, and the gate’s verdict.',
    lives: 'the server; its data version and lock on a branch of the project',
    command: 'tilth retrain MODEL',
    page: '/maintain/retrainings',
    verbs: 'retraining',
  },
  {
    word: 'model card',
    practice: 'maintain',
    means: 'What there is to know about a version, computed from evidence; what only a person can say is asked for.',
    lives: 'computed when it is asked for; a person’s part is MODEL_CARD.md in the project',
    command: 'tilth model card MODEL',
    page: '/maintain/cards',
    alsoCalled: ['card', 'factsheet'],
  },
  {
    word: 'handover',
    practice: 'maintain',
    means: 'All that one person owns passed to another, with the document that says how it is done.',
    lives: 'the server',
    command: 'tilth offboard PERSON --to PERSON',
    page: '/maintain/handover',
    alsoCalled: ['offboarding', 'transfer'],
    verbs: 'handover',
  },
  {
    word: 'job',
    practice: 'maintain',
    means: 'A piece of long work that survives a restart of the server, with a log.',
    lives: 'the queue of the server',
    page: '/maintain/jobs',
    alsoCalled: ['background work'],
  },
  {
    word: 'event',
    practice: 'maintain',
    means: 'One line of the audit log: who did what to which thing, when. Each carries the hash of the one before.',
    lives: 'the audit log of the server',
    command: 'tilth audit verify',
    page: '/maintain/audit',
    alsoCalled: ['audit entry', 'audit log'],
    verbs: 'audit',
  },
  {
    word: 'owner',
    practice: 'team',
    means: 'The one person who looks after a project, dataset, model or endpoint.',
    lives: 'the server; who first made a thing, until a handover',
    page: '/maintain/handover',
  },
  {
    word: 'role',
    practice: 'team',
    means: 'What gives a person rights: viewer, contributor, maintainer, operator, admin; reviewer and pii are flags beside them. A title gives none.',
    lives: 'the person',
    command: 'tilth team list',
    page: '/team',
    alsoCalled: ['permission', 'right', 'group'],
    verbs: 'team',
  },
];

/** The common language: one word for one thing, everywhere. */
export const glossary: readonly GlossaryWord[] = entries.map((entry) => ({
  word: entry.word,
  practice: entry.practice,
  means: entry.means,
  lives: entry.lives,
  page: entry.page ?? null,
  command: entry.command ?? null,
  alsoCalled: [...(entry.alsoCalled ?? [])],
  rights: rightsOf(entry.verbs),
}));

function rightsOf(prefix: string | undefined): GlossaryWord['rights'] {
  if (prefix === undefined) return [];
  return Object.entries(verbs)
    .filter(([verb]) => verb.startsWith(`${prefix}.`))
    .map(([verb, roles]) => ({ verb, roles: roles.filter((role) => role !== ('system' as string)) }));
}

/**
 * The word, whatever case, number or other name it was asked by.
 *
 * @throws WORD_NOT_KNOWN with the words that look like it
 */
export function explain(asked: string): GlossaryWord {
  const wanted = plain(asked);
  const found =
    glossary.find((entry) => plain(entry.word) === wanted) ??
    glossary.find((entry) => entry.alsoCalled.some((name) => plain(name) === wanted));
  if (found !== undefined) return found;
  const near = suggestions(asked);
  throw new TilthError(
    'WORD_NOT_KNOWN',
    404,
    `The glossary has no word ${JSON.stringify(asked)}.`,
    near.length === 0 ? 'See all words: tilth explain' : `Did you mean ${near.map((word) => JSON.stringify(word)).join(' or ')}?`,
    { details: { suggestions: near } },
  );
}

/** Up to three words that look like what was asked, nearest first. */
export function suggestions(asked: string): string[] {
  const wanted = plain(asked);
  return glossary
    .map((entry) => ({ word: entry.word, distance: Math.min(...[entry.word, ...entry.alsoCalled].map((name) => distanceTo(wanted, plain(name)))) }))
    .filter(({ distance }) => distance <= Math.max(1, Math.floor(wanted.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ word }) => word);
}

/** 0 for a word that holds the other, else the number of letters to change. */
function distanceTo(wanted: string, name: string): number {
  if (wanted.length >= 3 && (name.includes(wanted) || wanted.includes(name))) return 0;
  return editDistance(wanted, name);
}

const plain = (text: string): string => text.trim().toLowerCase().replaceAll(/[\s_-]+/g, ' ').replace(/(?<=\w{3})s$/, '');

/** Insertions, deletions and changes of one letter (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const change = (before[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, (before[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    before = current;
  }
  return before[b.length] ?? 0;
}
