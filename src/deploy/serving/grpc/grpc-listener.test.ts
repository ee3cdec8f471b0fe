import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { DataPlaneOptions } from '../data-plane.ts';
import {
  endpointOf,
  expected,
  loggedIn,
  startControlPlane,
  startTestPlane,
  weather1,
} from '../test-control-plane.ts';
import { loadServices } from './definitions.ts';

const services = loadServices();
const { ModelInfer, ModelStreamInfer } = services.inference as Record<
  string,
  (typeof services.inference)[string]
>;
const { Check } = services.health as Record<string, (typeof services.health)[string]>;

interface Answer {
  readonly id: string;
  readonly infer_response: { readonly id: string };
  readonly error_message: string;
  readonly status: string;
}

const { rows } = expected.weather;
const request = (id: string, name = 'weather') => ({
  model_name: name,
  id,
  inputs: [
    { name: 'X', datatype: 'FP32', shape: [rows.length, 8], contents: { fp32_contents: rows.flat() } },
  ],
});

async function startPlane(context: TestContext, options: Partial<DataPlaneOptions> = {}) {
  const control = await startControlPlane();
  context.after(() => control.stop());
  control.publish([endpointOf('weather', 'weather')], [weather1]);
  const plane = await startTestPlane(context, control, { grpcPort: 0, ...options });
  const client = new Client(plane.grpcAddress ?? '', credentials.createInsecure());
  context.after(() => client.close());
  const ask = (method: typeof ModelInfer, message: unknown): Promise<Answer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method?.path ?? '',
        method?.requestSerialize as never,
        method?.responseDeserialize as never,
        message,
        (error: ServiceError | null, answer?: Answer) =>
          error === null ? resolve(answer as Answer) : reject(error),
      );
    });
  const stream = () =>
    client.makeBidiStreamRequest<unknown, Answer>(
      ModelStreamInfer?.path ?? '',
      ModelStreamInfer?.requestSerialize as never,
      ModelStreamInfer?.responseDeserialize as never,
    );
  return { plane, ask, stream };
}

describe('the data plane over gRPC', () => {
  it('answers what is under way when it is told to stop, says that it is not fit any more, and ends streams', async (context) => {
    const { plane, ask, stream } = await startPlane(context, { drainDelayMs: 200 });
    assert.equal((await ask(Check, { service: '' })).status, 'SERVING');
    const open = stream();
    const ids: string[] = [];
    open.on('data', (answer: Answer) => ids.push(answer.infer_response.id));
    open.write(request('in-stream-1'));
    await once(open, 'data');
    const closing = plane.close();
    assert.equal((await ask(Check, { service: '' })).status, 'NOT_SERVING');
    const late = Array.from({ length: 50 }, (_, index) => ask(ModelInfer, request(`late-${index}`)));
    open.write(request('in-stream-2'));
    await once(open, 'end');
    assert.deepEqual(
      (await Promise.all(late)).map((answer) => answer.id),
      Array.from({ length: 50 }, (_, index) => `late-${index}`),
    );
    await closing;
    assert.deepEqual(ids, ['in-stream-1', 'in-stream-2']);
    assert.equal(loggedIn(plane.home).length, 52);
    await assert.rejects(ask(ModelInfer, request('too-late')), { code: status.UNAVAILABLE });
  });

  it('turns away what is more than the plane does at once, with the time to come back', async (context) => {
    const { ask } = await startPlane(context, { maxRequests: 5 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) => ask(ModelInfer, request(String(index)))),
    );
    const answered = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const failures = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as ServiceError] : [],
    );
    assert.ok(answered.length >= 5);
    for (const { code, metadata } of failures) {
      assert.equal(code, status.UNAVAILABLE);
      assert.deepEqual(metadata.get('x-tilth-error'), ['SERVING_BUSY']);
      assert.deepEqual(metadata.get('retry-after'), ['1']);
    }
  });

  it('a request whose prediction could not be made costs a stream nothing else', async (context) => {
    const { stream } = await startPlane(context);
    const open = stream();
    const answers: Answer[] = [];
    open.on('data', (answer: Answer) => answers.push(answer));
    for (const [id, name] of [
      ['1', 'weather'],
      ['2', 'none'],
      ['3', 'weather'],
    ] as const)
      open.write(request(id, name));
    open.end();
    await once(open, 'end');
    assert.deepEqual(
      answers.map(({ infer_response: { id }, error_message }) => [id, error_message === '']),
      [
        ['1', true],
        ['2', false],
        ['3', true],
      ],
    );
  });

  it('a plane of which nobody asked for gRPC does not listen for it', async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('weather', 'weather')], [weather1]);
    assert.equal((await startTestPlane(context, control)).grpcAddress, undefined);
  });
});
