import { layoutOf, type Feature } from '../engines/rows.ts';
import type { PredictionService } from '../answering/prediction-service.ts';
import type { Datatype, ServedVersion } from '../serving-api.ts';

type Json = Readonly<Record<string, unknown>>;

const typeOf: Record<Datatype, Json> = {
  BOOL: { type: 'boolean' },
  INT32: { type: 'integer', format: 'int32' },
  INT64: { type: 'integer', format: 'int64' },
  FP32: { type: 'number', format: 'float' },
  FP64: { type: 'number', format: 'double' },
  BYTES: { type: 'string' },
};
const exampleOf: Record<Datatype, unknown> = {
  BOOL: true,
  INT32: 1,
  INT64: 1,
  FP32: 0.5,
  FP64: 0.5,
  BYTES: 'text',
};

const valueOf = ({ datatype, isNullable, isBoolean }: Feature): Json => {
  const type = typeOf[isBoolean ? 'BOOL' : datatype];
  return isNullable ? { anyOf: [type, { type: 'null' }] } : type;
};

/**
 * OpenAPI 3.1 of what a data plane serves now: per endpoint the columns that its model takes, with an example that can
 * be sent as it is.
 */
export function planeOpenapi(service: PredictionService, softwareVersion: string): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of service.endpoints.values()) {
    const target = endpoint.targets.find((one) => one.variant === 'champion');
    if (target === undefined) continue;
    const name = encodeURIComponent(endpoint.name);
    paths[`/endpoints/${name}/invocations`] = { post: invocations(endpoint.name, target.served) };
    paths[`/v2/models/${name}/infer`] = { post: inference(endpoint.name, target.served) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Predictions by tilth', version: softwareVersion },
    paths: {
      ...paths,
      '/health': {
        get: {
          summary: 'Ready?',
          responses: { 200: { description: 'ready' }, 503: { description: 'not ready' } },
        },
      },
    },
  };
}

function invocations(name: string, served: ServedVersion): Json {
  const { features, names } = layoutOf(served.schema);
  const row = {
    type: 'array',
    prefixItems: features.map(valueOf),
    minItems: features.length,
    maxItems: features.length,
  };
  const example = {
    dataframe_split: {
      columns: names,
      data: [features.map(({ datatype, isBoolean }) => exampleOf[isBoolean ? 'BOOL' : datatype])],
    },
  };
  const record = {
    type: 'object',
    properties: Object.fromEntries(features.map((feature) => [feature.name, valueOf(feature)])),
    required: names,
  };
  const split = object({
    columns: { type: 'array', items: { type: 'string' }, example: names },
    data: { type: 'array', items: row },
  });
  const extras = {
    type: 'object',
    properties: {
      tilth_keys: {
        type: 'array',
        items: { type: 'string' },
        description: 'one per row; ground truth is joined by it',
      },
      tilth_event_at: {
        type: 'array',
        items: { type: ['number', 'string', 'null'] },
        description: 'one per row: ms since the epoch, or ISO 8601',
      },
    },
  };
  const body = {
    oneOf: [
      object({ dataframe_split: split, params: extras }, ['dataframe_split']),
      object({ dataframe_records: { type: 'array', items: record }, params: extras }, ['dataframe_records']),
      object({ instances: { type: 'array', items: { anyOf: [record, row] } }, params: extras }, [
        'instances',
      ]),
      object({ inputs: {}, params: extras }, ['inputs']),
    ],
  };
  const label = served.schema.outputs[0];
  const predictions = object({
    predictions: { type: 'array', items: label === undefined ? {} : typeOf[label.datatype] },
  });
  const text = { schema: { type: 'string', format: 'binary' } };
  return operation(
    `Predictions of ${name}, as MLflow's scoring server and SageMaker take and give them`,
    `invoke_${name}`,
    {
      content: {
        'application/json': { schema: body, example },
        'text/csv': text,
        'application/vnd.apache.parquet': text,
      },
      answer: predictions,
      failure: object({ error_code: { type: 'string' }, message: { type: 'string' } }),
    },
  );
}

function inference(name: string, { schema }: ServedVersion): Json {
  const tensor = (inputs: typeof schema.inputs) =>
    object({
      name: { enum: inputs.map((one) => one.name) },
      shape: { type: 'array', items: { type: 'integer' } },
      datatype: { enum: [...new Set(inputs.map((one) => one.datatype))] },
      data: { type: 'array', items: {} },
    });
  const example = {
    inputs: schema.inputs.map((one) => ({
      name: one.name,
      shape: [1, ...one.shape],
      datatype: one.datatype,
      data: Array.from(
        { length: one.shape.reduce((product, size) => product * size, 1) },
        () => exampleOf[one.datatype],
      ),
    })),
  };
  const body = object(
    {
      id: { type: 'string' },
      parameters: { type: 'object' },
      inputs: { type: 'array', items: tensor(schema.inputs) },
      outputs: { type: 'array', items: { type: 'object' } },
    },
    ['inputs'],
  );
  return operation(`Predictions of ${name}, by the Open Inference Protocol`, `infer_${name}`, {
    content: { 'application/json': { schema: body, example } },
    answer: object({
      model_name: { type: 'string' },
      model_version: { type: 'string' },
      id: { type: 'string' },
      outputs: { type: 'array', items: tensor(schema.outputs) },
    }),
    failure: object({ error: { type: 'string' } }),
  });
}

const object = (properties: Json, required: readonly string[] = Object.keys(properties)): Json => ({
  type: 'object',
  properties,
  required,
});

function operation(
  summary: string,
  operationId: string,
  { content, answer, failure }: { content: Json; answer: Json; failure: Json },
): Json {
  const header = (name: string, description: string, schema: Json = { type: 'string' }): Json => ({
    name,
    in: 'header',
    description,
    schema,
  });
  const refused = (description: string): Json => ({
    description,
    content: { 'application/json': { schema: failure } },
  });
  return {
    summary,
    operationId,
    parameters: [
      header('x-tilth-request-id', 'a retry repeats it, and is logged once'),
      header('x-tilth-key', 'the same key meets the same version'),
      header('x-tilth-deadline-ms', 'how long an answer is of use', { type: 'number', exclusiveMinimum: 0 }),
    ],
    requestBody: { required: true, content },
    responses: {
      200: {
        description: 'answered, and logged',
        headers: {
          'x-tilth-version': { schema: { type: 'string' } },
          'x-tilth-request-id': { schema: { type: 'string' } },
        },
        content: { 'application/json': { schema: answer } },
      },
      400: refused('the request is wrong; the message names the column'),
      404: refused('no such endpoint or version'),
      413: refused('the body is too large'),
      429: refused('the deadline can not be kept now: try again after Retry-After'),
      503: refused('busy, or not ready: try again after Retry-After'),
      504: refused('not there in time'),
    },
  };
}
