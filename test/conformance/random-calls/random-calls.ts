import type { Call } from './call.ts';
import { createDice, type Dice } from './dice.ts';
import { spoiled } from './faults.ts';
import { metricKeys, numbers, paramKeys, randomFields, randomFilter, randomOrder, tagKeys, texts } from './random-filters.ts';

/** How often each kind of call is made, of all the calls together. */
type Weighted = readonly [weight: number, make: () => Call | undefined];

/** The same calls for the same seed: a team's life of experiments, runs, models and versions, with slips in between. */
export function* randomCalls(seed: number): Generator<Call, never> {
  const session = new Session(createDice(seed));
  yield* session.beginning();
  for (;;) yield session.next();
}

const api = '/api/2.0/mlflow/';
const post = (path: string, body: unknown, names?: Call['names']): Call => ({ method: 'POST', path: api + path, body, ...(names === undefined ? {} : { names }) });
const get = (path: string, query: NonNullable<Call['query']>, names?: Call['names']): Call => ({ method: 'GET', path: api + path, query, ...(names === undefined ? {} : { names }) });
const patch = (path: string, body: unknown): Call => ({ method: 'PATCH', path: api + path, body });
const remove = (path: string, body?: unknown): Call => ({ method: 'DELETE', path: api + path, ...(body === undefined ? {} : { body }) });

class Session {
  readonly #dice: Dice;
  readonly #calls: readonly Weighted[];
  readonly #weight: number;
  #experimentCount = 0;
  #runCount = 0;
  #modelCount = 0;
  #registeredCount = 0;
  #tokenCount = 0;
  #spoiledCount = 0;
  #startedAt = 1_500_000_000_000;
  #waiting: Call[] = [];
  /** runs of the experiment that is never deleted */
  #soundRuns: string[] = [];
  /** models made there under a good name */
  #soundModels: string[] = [];
  /** a search whose next page was not asked for yet */
  #unread: { readonly call: Call; readonly token: string }[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#calls = this.#table();
    this.#weight = this.#calls.reduce((sum, [weight]) => sum + weight, 0);
  }

  *beginning(): Generator<Call> {
    yield this.#createExperiment();
    yield post('experiments/create', { name: 'scrap' }, { expScrap: 'experiment_id' });
    yield post('registered-models/create', { name: 'taken' });
    yield post('experiments/create', { name: 'lost' }, { expLost: 'experiment_id' });
    for (let count = 0; count < 5; count += 1) yield this.#createRun();
    yield this.#createModel('net');
    yield this.#register();
  }

  next(): Call {
    const dice = this.#dice;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting;
    for (;;) {
      let left = dice.share() * this.#weight;
      const make = this.#calls.find(([weight]) => (left -= weight) < 0)?.[1];
      const call = make?.();
      if (call === undefined) continue;
      const prefixed = dice.chance(0.05) ? { ...call, path: call.path.replace('/api/', '/ajax-api/') } : call;
      if (!dice.chance(0.15)) return prefixed;
      // what later calls need is made all the same
      if (prefixed.names !== undefined) this.#waiting.push(prefixed);
      const { before, call: odd, after } = spoiled(dice, prefixed, (this.#spoiledCount += 1));
      this.#waiting.unshift(...before, odd, ...after);
      return this.next();
    }
  }

  #table(): Weighted[] {
    const dice = this.#dice;
    return [
      // experiments
      [2, () => this.#createExperiment()],
      [2, () => get('experiments/get', { experiment_id: this.#experiment() })],
      [2, () => get('experiments/get-by-name', { experiment_name: this.#experimentName() })],
      [5, () => this.#search('experiments', 'POST', 'experiments/search', dice.chance(0.3) ? { view_type: dice.of(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL', 1, 2, 3]) } : {})],
      [1, () => this.#search('experiments', 'GET', 'experiments/search', {})],
      [1, () => post('experiments/update', { experiment_id: this.#experiment(), new_name: dice.chance(0.3) ? this.#experimentName() : `renamed ${dice.whole(1, 99)}` })],
      [0.5, () => post('experiments/delete', { experiment_id: `<exp${dice.whole(2, Math.max(2, this.#experimentCount))}>` })],
      [1, () => post('experiments/restore', { experiment_id: this.#experiment() })],
      [2, () => post('experiments/set-experiment-tag', { experiment_id: this.#experiment(), ...this.#tag() })],
      [1, () => post('experiments/delete-experiment-tag', { experiment_id: this.#experiment(), key: dice.of(tagKeys) })],
      [1, () => this.#onPage(post('experiments/search-datasets', { experiment_ids: this.#experiments() }))],
      // runs
      [5, () => this.#createRun()],
      // an order by name would show the names that servers make up
      [0.5, () => post('runs/create', { experiment_id: '<expScrap>', ...(dice.chance(0.5) ? { start_time: 5 } : {}), ...(dice.chance(0.3) ? { run_name: '' } : {}), tags: this.#tags() })],
      [6, () => get('runs/get', { run_id: this.#run() })],
      [3, () => post('runs/update', { run_id: this.#run(), ...this.#runChange() })],
      [1, () => post('runs/delete', { run_id: this.#run() })],
      [1, () => post('runs/restore', { run_id: this.#run() })],
      [6, () => this.#logMetric()],
      [4, () => post('runs/log-parameter', { run_id: this.#run(), ...this.#param() })],
      [3, () => post('runs/set-tag', { run_id: this.#run(), ...this.#tag() })],
      [1, () => post('runs/delete-tag', { run_id: this.#run(), key: dice.of(tagKeys) })],
      [6, () => this.#batch()],
      [1, () => post('runs/log-model', { run_id: this.#run(), model_json: JSON.stringify(this.#legacyModel()) })],
      [3, () => post('runs/log-inputs', { run_id: this.#run(), ...this.#inputs() })],
      [2, () => post('runs/outputs', { run_id: this.#run(), models: dice.chance(0.2) ? [] : [{ model_id: this.#soundModel(), step: dice.whole(0, 5) }] })],
      [14, () => this.#search('runs', 'POST', 'runs/search', { experiment_ids: this.#experiments(), ...(dice.chance(0.3) ? { run_view_type: dice.of(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']) } : {}) })],
      // metrics
      [5, () => this.#history()],
      [1, () => this.#onPage(get('metrics/get-history-bulk', { metric_key: dice.of(metricKeys), ...(dice.chance(0.3) ? { run_id: this.#run(), max_results: String(dice.whole(1, 5)) } : { run_id: this.#runs() }) }))],
      [2, () => get('metrics/get-history-bulk-interval', { run_ids: this.#runs(), metric_key: dice.of(metricKeys), ...this.#interval() })],
      // artifacts
      [3, () => ({ method: 'PUT', path: `${this.#artifactRoot()}/${dice.of(files)}`, text: dice.of(texts.filter((text) => text !== '')) })],
      [3, () => ({ method: 'GET', path: `${this.#artifactRoot()}/${dice.of([...files, 'none.txt'])}` })],
      [1, () => ({ method: 'DELETE', path: `${this.#artifactRoot()}/${dice.of([...files, 'none.txt'])}` })],
      [2, () => ({ method: 'GET', path: '/api/2.0/mlflow-artifacts/artifacts', query: { path: `${dice.of(['<exp1>', '0'])}/${this.#run()}/artifacts${dice.of(['', '', '/folder', '/none'])}` } })],
      [3, () => get('artifacts/list', { run_id: dice.of(this.#soundRuns), ...(dice.chance(0.4) ? { path: dice.of(['', 'folder', 'folder/deep', 'a.txt', 'none', '..', '../..', '/', 'folder/../..']) } : {}) })],
      // logged models
      [3, () => this.#createModel()],
      [3, () => get(`logged-models/${this.#model()}`, {})],
      [2, () => this.#ofModelPath('PATCH', '', { status: dice.of(['LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED', 'LOGGED_MODEL_PENDING', 2]) })],
      [0.5, () => remove(`logged-models/<model${3 * dice.whole(1, Math.max(1, Math.floor(this.#modelCount / 3)))}>`)],
      [2, () => this.#ofModelPath('PATCH', '/tags', { tags: dice.some([this.#tag(), this.#tag()]) })],
      [1, () => remove(`logged-models/${this.#model()}/tags/${encodeURIComponent(dice.of(tagKeys))}`)],
      [1, () => this.#ofModelPath('POST', '/params', { params: [this.#param()] })],
      [1, () => get(`logged-models/<model1>/artifacts/directories`, dice.chance(0.3) ? { artifact_directory_path: dice.of(['', 'none', '..']) } : {})],
      [6, () => this.#search('loggedModels', 'POST', 'logged-models/search', { experiment_ids: this.#experiments() })],
      // registry
      [2, () => this.#register()],
      [2, () => get('registered-models/get', { name: this.#registered() })],
      [1, () => post('registered-models/rename', { name: this.#registered(), new_name: dice.chance(0.3) ? 'taken' : `model ${(this.#registeredCount += 1)}` })],
      [1, () => patch('registered-models/update', { name: this.#registered(), description: dice.of(texts) })],
      [0.5, () => remove('registered-models/delete', { name: this.#registered() })],
      [4, () => this.#search('registeredModels', 'GET', 'registered-models/search', {})],
      [1, () => post('registered-models/get-latest-versions', { name: this.#registered(), ...(dice.chance(0.4) ? { stages: dice.some(stages) } : {}) })],
      [0.5, () => get('registered-models/get-latest-versions', { name: this.#registered() })],
      [1, () => post('registered-models/set-tag', { name: this.#registered(), ...this.#tag() })],
      [1, () => remove('registered-models/delete-tag', { name: this.#registered(), key: dice.of(tagKeys) })],
      [2, () => post('registered-models/alias', { ...this.#version(), alias: dice.of(aliases) })],
      [1, () => remove('registered-models/alias', { name: this.#registered(), alias: dice.of(aliases) })],
      [2, () => get('registered-models/alias', { name: this.#registered(), alias: dice.of(aliases) })],
      [4, () => this.#createVersion()],
      [2, () => get('model-versions/get', this.#version())],
      [1, () => get('model-versions/get-download-uri', this.#version())],
      [1, () => patch('model-versions/update', { ...this.#version(), description: dice.of(texts) })],
      [2, () => post('model-versions/transition-stage', { ...this.#version(), stage: dice.of([...stages, 'production']), ...(dice.chance(0.5) ? { archive_existing_versions: dice.chance(0.5) } : {}) })],
      [0.5, () => remove('model-versions/delete', this.#version())],
      [1, () => post('model-versions/set-tag', { ...this.#version(), ...this.#tag() })],
      [1, () => remove('model-versions/delete-tag', { ...this.#version(), key: dice.of(tagKeys) })],
      [4, () => this.#search('versions', 'GET', 'model-versions/search', {})],
      // the page after
      [8, () => this.#nextPage()],
    ];
  }

  /** MLflow answers some calls only to its page. */
  #onPage(call: Call): Call {
    return { ...call, path: call.path.replace('/api/', '/ajax-api/') };
  }

  // things that are there, were there, or never were

  #experiment(): string {
    if (this.#dice.chance(0.03)) return this.#dice.of(['999', 'abc', '-1', '0x1', '']);
    return `<exp${this.#dice.whole(1, this.#experimentCount)}>`;
  }

  #experiments(): string[] {
    if (this.#dice.chance(0.1)) return [];
    return this.#dice.chance(0.5) ? ['<exp1>'] : Array.from({ length: this.#dice.whole(1, 4) }, () => this.#experiment());
  }

  #experimentName(): string {
    return this.#dice.chance(0.1) ? this.#dice.of(['Default', 'none', 'ünï😀', 'scrap']) : `exp ${this.#dice.whole(1, this.#experimentCount + 1)}`;
  }

  #run(): string {
    if (this.#dice.chance(0.02)) return this.#dice.of(['0'.repeat(32), 'nope', 'a/b', '../x', 'x'.repeat(300)]);
    return `<run${this.#dice.chance(0.5) ? Math.max(1, this.#runCount - this.#dice.whole(0, 5)) : this.#dice.whole(1, this.#runCount)}>`;
  }

  #runs(): string[] {
    return Array.from({ length: this.#dice.whole(1, 3) }, () => this.#run());
  }

  #model(): string {
    return this.#dice.chance(0.03) ? `m-${'0'.repeat(32)}` : `<model${this.#dice.whole(1, this.#modelCount)}>`;
  }

  #soundModel(): string {
    return this.#dice.of(this.#soundModels);
  }

  #registered(): string {
    return `model ${this.#dice.whole(Math.max(1, this.#registeredCount - 8), this.#registeredCount + (this.#dice.chance(0.1) ? 1 : 0))}`;
  }

  #version(): { name: string; version: string } {
    return { name: this.#registered(), version: this.#dice.chance(0.03) ? this.#dice.of(['0', '-1', 'x', '99', '1.5']) : String(this.#dice.whole(1, 3)) };
  }

  #artifactRoot(): string {
    return `/api/2.0/mlflow-artifacts/artifacts/<exp1>/${this.#run()}/artifacts`;
  }

  // what is written

  #tag(): { key: string; value: string } {
    const dice = this.#dice;
    if (dice.chance(0.1)) return dice.of([{ key: 'mlflow.note.content', value: '# note' }, { key: 'mlflow.source.name', value: 'train.py' }, { key: 'mlflow.user', value: 'ana' }]);
    return { key: dice.of(tagKeys), value: dice.of(texts) };
  }

  /** up to two, of different keys */
  #tags(): { key: string; value: string }[] {
    const [first, second] = [this.#tag(), this.#tag()];
    return this.#dice.some(first.key === second.key ? [first] : [first, second]);
  }

  #param(): { key: string; value: string } {
    return { key: this.#dice.of(paramKeys), value: this.#dice.of(texts) };
  }

  #metric(): { key: string; value: number | string; timestamp: number; step?: number } {
    const dice = this.#dice;
    const step = dice.of([undefined, 0, 1, 2, 3, 10, -1]);
    return { key: dice.of(metricKeys), value: dice.of(numbers), timestamp: 1_400_000_000_000 + dice.whole(0, 4), ...(step === undefined ? {} : { step }) };
  }

  #logMetric(): Call {
    const metric = this.#metric();
    return post('runs/log-metric', { run_id: this.#run(), ...metric, ...this.#ofModel(metric.value) });
  }

  #ofModel(value: number | string): object {
    const dice = this.#dice;
    // MLflow answers 0 for a NaN of a model
    if (!dice.chance(0.25) || value === 'NaN') return {};
    return { model_id: this.#soundModel(), ...(dice.chance(0.5) ? { dataset_name: dice.of(['jan', 'feb']), dataset_digest: 'd1' } : {}) };
  }

  #runChange(): object {
    const dice = this.#dice;
    return {
      ...(dice.chance(0.8) ? { status: dice.of(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']) } : {}),
      ...(dice.chance(0.6) ? { end_time: 1_500_000_000_000 + dice.whole(0, 100_000) } : {}),
      ...(dice.chance(0.2) ? { run_name: dice.of(texts) } : {}),
    };
  }

  #inputs(): object {
    const dice = this.#dice;
    const dataset = () => ({
      dataset: { name: dice.of(['jan', 'feb', 'mar']), digest: dice.of(['d1', 'd2']), source_type: 'local', source: dice.of(['data.csv', '{"uri":"x"}']), ...(dice.chance(0.4) ? { schema: '{}', profile: '{"n":1}' } : {}) },
      tags: dice.chance(0.6) ? [{ key: 'mlflow.data.context', value: dice.of(['training', 'test']) }] : [],
    });
    return {
      ...(dice.chance(0.9) ? { datasets: Array.from({ length: dice.whole(0, 2) }, dataset) } : {}),
      ...(dice.chance(0.3) ? { models: [{ model_id: this.#soundModel() }] } : {}),
    };
  }

  #legacyModel(): object {
    return { run_id: 'x', artifact_path: this.#dice.of(['model', 'm/2']), utc_time_created: '2026-01-01 00:00:00', flavors: { python_function: { loader_module: 'x' } } };
  }

  #batch(): Call {
    const dice = this.#dice;
    const count = dice.of([0, 1, 2, 5]);
    return post('runs/log-batch', {
      run_id: this.#run(),
      ...(dice.chance(0.8) ? { metrics: Array.from({ length: count }, () => this.#metric()) } : {}),
      ...(dice.chance(0.5) ? { params: Array.from({ length: dice.whole(0, 2) }, () => this.#param()) } : {}),
      ...(dice.chance(0.5) ? { tags: Array.from({ length: dice.whole(0, 2) }, () => this.#tag()) } : {}),
    });
  }

  #createExperiment(): Call {
    const dice = this.#dice;
    const name = dice.chance(0.1) ? this.#experimentName() : `exp ${this.#experimentCount + 1}`;
    return post('experiments/create', { name, ...(dice.chance(0.5) ? { tags: this.#tags() } : {}) }, { [`exp${(this.#experimentCount += 1)}`]: 'experiment_id' });
  }

  #createRun(): Call {
    const dice = this.#dice;
    this.#startedAt += dice.whole(1, 1000);
    const experiment = dice.chance(0.6) ? '<exp1>' : dice.chance(0.05) ? '<expScrap>' : this.#experiment() || '999';
    const name = `run${(this.#runCount += 1)}`;
    if (experiment === '<exp1>') this.#soundRuns.push(`<${name}>`);
    const body = {
      experiment_id: experiment,
      start_time: this.#startedAt,
      ...(dice.chance(0.6) ? { user_id: dice.of(['ana', 'ben']) } : {}),
      run_name: dice.of(texts.filter((text) => text !== '')),
      ...(dice.chance(0.5) ? { tags: [...this.#tags(), ...(experiment === '<expScrap>' ? [{ key: 'mlflow.runName', value: 'by tag' }] : [])] } : {}),
    };
    return post('runs/create', body, { [name]: 'run.info.run_id' });
  }

  #createModel(fixed?: string): Call {
    const dice = this.#dice;
    const experiment = fixed !== undefined || dice.chance(0.8) ? '<exp1>' : dice.chance(0.3) ? '<expScrap>' : this.#experiment();
    const name = fixed ?? dice.of(['net', 'tree', 'ünï', 'a/b', 'x:y', ...(experiment === '<expScrap>' ? [undefined] : [])]);
    const id = `model${(this.#modelCount += 1)}`;
    // every third may be deleted
    if (experiment === '<exp1>' && this.#modelCount % 3 !== 0 && (name === 'net' || name === 'tree')) this.#soundModels.push(`<${id}>`);
    const body = {
      experiment_id: experiment,
      ...(name === undefined ? {} : { name }),
      ...(dice.chance(0.4) ? { model_type: dice.of(['agent', 'classifier']) } : {}),
      ...(dice.chance(0.7) ? { source_run_id: this.#run() } : {}),
      ...(dice.chance(0.5) ? { params: [this.#param()] } : {}),
      ...(dice.chance(0.5) ? { tags: [this.#tag()] } : {}),
    };
    return post('logged-models', body, { [id]: 'model.info.model_id' });
  }

  /** Clients repeat in the body what the path says. */
  #ofModelPath(method: 'POST' | 'PATCH', path: string, change: object): Call {
    const model_id = this.#model();
    return { method, path: `${api}logged-models/${model_id}${path}`, body: { model_id, ...change } };
  }

  #register(): Call {
    const dice = this.#dice;
    // a name once deleted counts its versions on here: none is taken twice
    const name = dice.chance(0.1) ? 'taken' : `model ${(this.#registeredCount += 1)}`;
    return post('registered-models/create', {
      name,
      ...(dice.chance(0.4) ? { description: dice.of(texts) } : {}),
      ...(dice.chance(0.5) ? { tags: dice.chance(0.1) ? [{ key: 'mlflow.prompt.is_prompt', value: 'true' }] : [this.#tag()] } : {}),
    });
  }

  #createVersion(): Call {
    const dice = this.#dice;
    const run = dice.of(this.#soundRuns);
    const source = dice.of([`mlflow-artifacts:/<exp1>/${run}/artifacts/model`, `runs:/${run}/model`, 'models:/<model1>', 's3://bucket/model', `mlflow-artifacts:/<exp1>/${run}/artifacts`]);
    const isModel = source.startsWith('models:');
    return post('model-versions/create', {
      name: this.#registered(),
      source,
      // MLflow asks for the id that the source speaks of
      ...(isModel ? { model_id: '<model1>' } : source.startsWith('s3') && dice.chance(0.5) ? {} : { run_id: run }),
      ...(dice.chance(0.2) ? { run_link: 'https://example.org/run' } : {}),
      ...(dice.chance(0.3) ? { description: dice.of(texts) } : {}),
      ...(dice.chance(0.4) ? { tags: [this.#tag()] } : {}),
    });
  }

  // what is asked

  #search(of: Parameters<typeof randomFilter>[1], method: 'GET' | 'POST', path: string, fixed: object): Call {
    const dice = this.#dice;
    // MLflow's server refuses a search of experiments that names no limit; its clients always do
    const limited = dice.chance(0.5) ? dice.of([1, 2, 3, 5, 20]) : of === 'experiments' ? 1000 : undefined;
    const order = (): unknown =>
      of === 'loggedModels' ? randomFields(dice, of).map((field_name) => ({ field_name, ...(dice.chance(0.6) ? { ascending: dice.chance(0.5) } : {}) })) : randomOrder(dice, of);
    const asked = {
      ...fixed,
      ...(dice.chance(0.7) ? { filter: randomFilter(dice, of) } : {}),
      ...(dice.chance(0.4) ? { order_by: order() } : {}),
      ...(limited === undefined ? {} : { max_results: method === 'GET' ? String(limited) : limited }),
    };
    return this.#paged(method === 'GET' ? get(path, asked as NonNullable<Call['query']>) : post(path, asked));
  }

  #history(): Call {
    const dice = this.#dice;
    return this.#paged(get('metrics/get-history', { run_id: this.#run(), metric_key: dice.of(metricKeys), ...(dice.chance(0.5) ? { max_results: String(dice.whole(1, 3)) } : {}) }));
  }

  #interval(): Record<string, string> {
    const dice = this.#dice;
    return {
      ...(dice.chance(0.5) ? { max_results: String(dice.whole(1, 6)) } : {}),
      ...(dice.chance(0.5) ? { start_step: String(dice.whole(-1, 3)), end_step: String(dice.whole(1, 10)) } : {}),
    };
  }

  /** The same call, whose answer's token has a name. */
  #paged(call: Call): Call {
    const token = `token${(this.#tokenCount += 1)}`;
    this.#unread = [...this.#unread.slice(-5), { call, token }];
    return { ...call, names: { [token]: 'next_page_token' } };
  }

  #nextPage(): Call | undefined {
    const { call, token } = this.#unread.at(-1) ?? {};
    if (call === undefined || token === undefined) return undefined;
    this.#unread = this.#unread.slice(0, -1);
    const turned = call.query === undefined ? { ...call, body: { ...(call.body as object), page_token: `<${token}>` } } : { ...call, query: { ...call.query, page_token: `<${token}>` } };
    return this.#paged(turned);
  }
}

const files = ['a.txt', 'folder/b.json', 'folder/deep/c.bin', 'sp%20ace.txt', '%C3%BC.txt'];
const stages = ['None', 'Staging', 'Production', 'Archived'];
const aliases = ['champion', 'challenger', 'prod_1', 'Üx', 'latest', 'v1'];
