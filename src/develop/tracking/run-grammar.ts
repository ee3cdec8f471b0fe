import type { SearchGrammar } from './search-filter.ts';

const startTime = { name: 'started_at', type: 'number' } as const;
const runName = { name: 'name', type: 'text', takesList: true } as const;

/** What a filter and an order of runs may name. */
export const runGrammar: SearchGrammar = {
  families: {
    metric: 'metric',
    metrics: 'metric',
    parameter: 'param',
    parameters: 'param',
    param: 'param',
    params: 'param',
    tag: 'tag',
    tags: 'tag',
    attribute: 'attribute',
    attributes: 'attribute',
    attr: 'attribute',
    run: 'attribute',
    dataset: 'dataset',
    datasets: 'dataset',
  },
  attributes: {
    run_id: { name: 'id', type: 'text', takesList: true },
    run_name: runName,
    'run name': runName,
    'Run name': runName,
    'Run Name': runName,
    status: { name: 'status', type: 'text', takesList: true },
    user_id: { name: 'user_id', type: 'text', takesList: true },
    artifact_uri: { name: 'artifact_uri', type: 'text', takesList: true },
    experiment_id: { name: 'experiment_id', type: 'text', takesList: true },
    start_time: startTime,
    created: startTime,
    Created: startTime,
    end_time: { name: 'ended_at', type: 'number' },
  },
  datasetKeys: ['name', 'digest', 'context'],
  hasLogic: true,
  hasArithmetic: true,
};
