import { isDeepStrictEqual } from 'node:util';
import type { Answer, Call } from './call.ts';

/** A difference to MLflow's server that is meant. */
export interface Deviation {
  readonly name: string;
  readonly reason: string;
  /** the body of an answer without what only one of the two says */
  readonly leavesOut?: (body: unknown, call: Call) => unknown;
  /** Is this pair the difference meant? The words are those of the refusals. */
  readonly explains?: (call: Call, theirs: Answer, ours: Answer, words: { readonly theirs: string; readonly ours: string }) => boolean;
}

export const deviations: readonly Deviation[] = [
  {
    name: 'workspace',
    reason: 'Nothing belongs to a workspace here; server-info says so, and clients then ask for none.',
    leavesOut: (body) => without(body, (each) => omit(each, 'workspace')),
  },
  {
    name: 'more of a version',
    reason: 'MLflow leaves out who made a version, from which logged model, and in lists its aliases; here they are said.',
    leavesOut: (body, { path }) =>
      without(body, (each) => {
        if (!('current_stage' in each)) return each;
        const rest = omit(omit(each, 'user_id'), 'model_id');
        return /registered-models\/(?!alias)|search$/.test(path) ? omit(rest, 'aliases') : rest;
      }),
  },
  {
    name: 'models of found runs',
    reason: 'MLflow’s search leaves out the models that a run read and made; here a run found says as much as a run asked for.',
    leavesOut: (body, { path }) => (path.endsWith('runs/search') ? without(body, (each) => omit(omit(each, 'model_inputs'), 'model_outputs')) : body),
  },
  {
    name: 'infinity',
    reason: 'MLflow clamps an infinite metric to the largest double; here it stays infinite.',
    leavesOut: (body) => without(body, (each) => ('value' in each && 'timestamp' in each ? { ...each, value: unclamped(each['value']) } : each)),
  },
  {
    name: 'JSON in tags',
    reason: 'MLflow writes the JSON of two tags with Python’s spaces, and into what runs/log-model said a model_uuid of null.',
    leavesOut: (body) =>
      without(body, (each) =>
        ['mlflow.log-model.history', 'mlflow.modelVersions'].includes(String(each['key'])) ? { ...each, value: (JSON.parse(String(each['value'])) as Fields[]).map((model) => omit(model, 'model_uuid')) } : each,
      ),
  },
  {
    name: 'empty answer',
    reason: 'MLflow answers to an upload with no body at all; here with the empty message that its protocol describes.',
    explains: ({ path, method }, theirs, ours) => path.includes('mlflow-artifacts') && method === 'PUT' && theirs.status === 200 && theirs.body === '' && isDeepStrictEqual(ours.body, {}),
  },
  {
    name: 'no 500',
    reason: 'MLflow breaks over a slip of the caller; its clients ask again seven times. Here the slip is told, or nothing is found.',
    explains: (_, theirs, ours, words) => theirs.status === 500 && ((ours.status >= 400 && ours.status < 500) || isDeepStrictEqual(ours, { status: 200, body: {} }) || words.theirs.includes('too large to convert')),
  },
  {
    name: 'parameter twice',
    reason: 'Of a query parameter given twice MLflow reads the first and drops the second.',
    explains: ({ path, query }, _, ours) => ours.status === 400 && Object.entries(query ?? {}).some(([key, value]) => typeof value !== 'string' && !lists.has(key) && !(key === 'run_id' && path.includes('bulk'))),
  },
  {
    name: 'history of no run',
    reason: 'MLflow’s SQL store answers for a run that is not there as for one without the metric; its file store refuses, as we do.',
    explains: ({ path }, theirs, ours, words) => path.endsWith('/metrics/get-history') && (isDeepStrictEqual(theirs, { status: 200, body: {} }) || words.theirs.includes('Invalid page token')) && ours.status === 404,
  },
  {
    name: 'no JSON',
    reason: 'MLflow reads a body that is no JSON as an empty one.',
    explains: ({ text }, theirs, ours, words) => text !== undefined && [200, 400].includes(theirs.status) && ours.status === 400 && /not JSON|must be a JSON object/.test(words.ours),
  },
  {
    name: 'small letters',
    reason: 'MLflow knows LIKE, ILIKE and IN in small letters in a filter of runs, but not of experiments; here in all.',
    explains: (call, theirs, ours) => call.path.endsWith('experiments/search') && / (like|ilike|in) /.test(filterOf(call)) && theirs.status === 400 && ours.status === 200,
  },
  {
    name: 'model that is not there',
    reason: 'MLflow tells an unknown model by the words of its database, BAD_REQUEST, or not at all.',
    explains: ({ path }, theirs, ours, words) => /runs\/(log-metric|log-batch|outputs|log-inputs)$/.test(path) && [200, 400].includes(theirs.status) && ours.status === 404 && /logged model [^]* does not exist/.test(words.ours),
  },
  {
    name: 'limit of a search of experiments',
    reason: 'MLflow refuses a search of experiments that names no max_results; here it is 1,000 as its description says.',
    explains: ({ path }, theirs, ours, words) => path.endsWith('experiments/search') && words.theirs.startsWith("Invalid value 0 for parameter 'max_results'") && ours.status === 200,
  },
  {
    name: 'said again',
    reason: 'What a model or run already has may be said again, as after an answer that was lost; MLflow’s database refuses.',
    explains: ({ path }, theirs, ours) => /(logged-models\/.*\/params|runs\/outputs)$/.test(path) && theirs.status === 400 && isDeepStrictEqual(ours, { status: 200, body: {} }),
  },
  {
    name: 'deleted model',
    reason: 'A deleted model takes no writes, as a deleted run; MLflow takes them, and nobody can read them.',
    explains: ({ path, method }, theirs, ours) => path.includes('/logged-models/') && method !== 'GET' && [200, 400].includes(theirs.status) && ours.status === 404,
  },
  {
    name: 'id in the path',
    reason: 'MLflow reads the id of a logged model in the body; here the path says it.',
    explains: ({ path }, _, ours, words) => path.includes('/logged-models/') && /parameter 'model_id'|^Logged model with ID/.test(words.theirs) && ours.status === 200,
  },
  {
    name: 'no name of a file',
    reason: 'A path that no file can have is refused; MLflow finds nothing there.',
    explains: ({ path }, theirs, ours, words) => /artifacts\/(list|directories)$|mlflow-artifacts\/artifacts$/.test(path) && theirs.status === 200 && ours.status === 400 && words.ours.includes('no name that a file can have'),
  },
  {
    name: 'dots in an address',
    reason: 'What .. in an address of a file means is settled before any route sees it, and stays below the root; MLflow refuses.',
    explains: ({ path }, theirs) => path.includes('mlflow-artifacts') && path.includes('/../') && theirs.status === 400,
  },
  {
    name: 'source that speaks for itself',
    reason: 'MLflow wants the id of the run or model beside a source that names it; here the source is enough.',
    explains: ({ path }, _, ours, words) => path.endsWith('model-versions/create') && words.theirs.includes('request parameter must identify the resource that contains the source') && ours.status === 200,
  },
  {
    name: 'place of a version',
    reason: 'MLflow answers with the source as it was given; here with the place of the files that it stood for.',
    explains: ({ path }, theirs, ours) => path.endsWith('get-download-uri') && /^(runs|models):/.test(String((theirs.body as Fields)['artifact_uri'])) && ours.status === 200,
  },
  {
    name: 'slip in a filter',
    reason: 'MLflow takes metrics. = 1 for a metric without a name, and in a search of models params.x = 1 for a text; here both are told as slips.',
    explains: (call, theirs, ours) => /metrics\. =|params\.x = 1(?!\d)/.test(filterOf(call)) && theirs.status === 200 && ours.status === 400,
  },
  {
    name: 'words of a database',
    reason: 'MLflow tells a name that is taken, a param that would change or a model that is there by the words of its database, BAD_REQUEST.',
    explains: (_, theirs, ours, words) => codeOf(theirs) === 'BAD_REQUEST' && words.theirs.includes('IntegrityError') && ours.status === 400,
  },
  {
    name: 'run of no experiment',
    reason: 'A run that names no experiment belongs to Default; MLflow’s database refuses.',
    explains: ({ path }, theirs, ours) => path.endsWith('runs/create') && codeOf(theirs) === 'BAD_REQUEST' && ours.status === 200,
  },
  {
    name: 'filter that is not read',
    reason: 'MLflow does not read the filter of a search in no experiments; here a slip is told.',
    explains: ({ path, body }, theirs, ours) =>
      path.endsWith('runs/search') && ((body as { experiment_ids?: unknown[] } | undefined)?.experiment_ids ?? []).length === 0 && isDeepStrictEqual(theirs, { status: 200, body: {} }) && ours.status === 400,
  },
  {
    name: 'name of a model',
    reason: 'MLflow’s tables hold 256 characters of a model’s name; SQLite does not look, PostgreSQL refuses, and so do we, as a name with control characters.',
    explains: ({ path }, theirs, ours, words) => /registered-models\/(create|rename)$/.test(path) && theirs.status === 200 && ours.status === 400 && words.ours.includes('is no name for a registered model'),
  },
  {
    name: 'more places of a field',
    reason: 'attributes.name is the name of a model as it is that of a run; MLflow knows it of runs.',
    explains: (call, theirs, ours) => /(registered-models|model-versions)\/search$/.test(call.path) && filterOf(call).includes('attributes.') && theirs.status === 400 && ours.status === 200,
  },
  {
    name: 'points of a long curve',
    reason: 'Of more points than asked for MLflow takes the first of each slice; here the smallest and the largest too, so that no peak is lost.',
    explains: ({ path, query }, theirs, ours) => path.endsWith('get-history-bulk-interval') && query?.['max_results'] !== undefined && theirs.status === 200 && ours.status === 200,
  },
  {
    name: 'token of another search',
    reason: 'MLflow’s page token is a number of rows to leave out, of whatever search; here it belongs to one.',
    explains: (_, theirs, ours, words) => theirs.status === 200 && ours.status === 400 && words.ours.startsWith('The page token belongs to a search with other parameters.'),
  },
  {
    name: 'came between two pages',
    reason: 'MLflow counts rows: what came or went since the page before shifts the next one. Here a page starts after what was seen last.',
    explains: ({ body, query }, theirs, ours) => theirs.status === 200 && ours.status === 200 && 'page_token' in ((body as Fields | undefined) ?? query ?? {}),
  },
  {
    name: 'two slips',
    reason: 'Of a wrong field and a thing that is not there, or is there already, in one call MLflow tells sometimes the one and sometimes the other first; here always the field.',
    explains: ({ isSpoiled }, theirs, ours, words) =>
      isSpoiled === true && ['RESOURCE_DOES_NOT_EXIST', 'RESOURCE_ALREADY_EXISTS'].includes(String(codeOf(theirs))) && ours.status === 400 && /^(Invalid|Missing) value /.test(words.ours),
  },
  {
    name: 'a path of nothing',
    reason: 'Of a run that is not there no path is looked at.',
    explains: ({ path }, theirs, ours, words) => path.endsWith('artifacts/list') && words.theirs === 'Invalid path' && ours.status === 404,
  },
  {
    name: 'one for a list',
    reason: 'Where a list is asked for, one text stands for a list of one; MLflow takes it so in a query, and refuses it in a body.',
    explains: (_, theirs, ours, words) => theirs.status === 400 && words.theirs.includes("Value was of type 'str'") && [200, 404].includes(ours.status),
  },
  {
    name: 'null',
    reason: 'null is the same as absent; MLflow breaks over it where it expects a number.',
    explains: ({ body }, theirs, ours) => theirs.status === 500 && ours.status === 200 && Object.values((body as Fields | undefined) ?? {}).includes(null),
  },
  {
    name: 'tag without a key',
    reason: 'MLflow takes a tag without a key when a run is made or a model tagged, and refuses it elsewhere; here it is refused.',
    explains: ({ path }, theirs, ours, words) => /runs\/create$|logged-models/.test(path) && theirs.status === 200 && /tags\[\d\]\.key/.test(words.ours) && ours.status === 400,
  },
  {
    name: 'field of a wrong type',
    reason: 'What MLflow can not read it leaves out, with all that follows it, and answers for the rest.',
    explains: ({ body, query }, theirs, ours, words) => {
      const field = /^(?:Invalid value [^]* for|Missing value for required) parameter '(\w+)/.exec(words.ours)?.[1];
      return theirs.status === 200 && ours.status === 400 && field !== undefined && field in ((body as Fields | undefined) ?? query ?? {});
    },
  },
];

const codeOf = ({ body }: Answer): unknown => (body as Fields | undefined)?.['error_code'];

const filterOf = ({ body, query }: Call): string => {
  const filter = (body as Fields | undefined)?.['filter'] ?? query?.['filter'];
  return typeof filter === 'string' ? filter : '';
};

type Fields = Readonly<Record<string, unknown>>;

const lists = new Set(['order_by', 'run_ids', 'experiment_ids', 'stages']);

const omit = (fields: Fields, key: string): Fields => Object.fromEntries(Object.entries(fields).filter(([each]) => each !== key));

/** Each message inside of a body, changed. */
function without(value: unknown, change: (fields: Fields) => Fields): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => without(each, change));
  return Object.fromEntries(Object.entries(change(value as Fields)).map(([key, each]) => [key, without(each, change)]));
}

const unclamped = (value: unknown): unknown => (typeof value === 'number' && Math.abs(value) === Number.MAX_VALUE ? (value > 0 ? 'Infinity' : '-Infinity') : value);
