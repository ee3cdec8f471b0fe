import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadSync } from '@grpc/proto-loader';
import { needsServingPython } from './serving-session.ts';

interface Described {
  readonly messages: Record<string, Record<string, [number: number, type: number, isRepeated: boolean]>>;
  readonly calls: Record<string, [string, string, boolean, boolean]>;
}

interface OurMessage {
  readonly type: {
    readonly name: string;
    readonly field: { name: string; number: number; type: string; label: string }[];
    readonly nestedType: OurMessage['type'][];
  };
}

/** Of google/protobuf/descriptor.proto, as numbers in Python and as names here. */
const types: Record<string, number> = {
  TYPE_DOUBLE: 1,
  TYPE_FLOAT: 2,
  TYPE_INT64: 3,
  TYPE_UINT64: 4,
  TYPE_INT32: 5,
  TYPE_BOOL: 8,
  TYPE_STRING: 9,
  TYPE_MESSAGE: 11,
  TYPE_BYTES: 12,
  TYPE_UINT32: 13,
  TYPE_ENUM: 14,
};

/** KServe's own fields, in messages that are empty at Triton's. */
const onlyKserve = new Set([
  'inference.RepositoryModelLoadResponse',
  'inference.RepositoryModelUnloadResponse',
]);

it(
  'every field and call of our proto is on the wire what it is for tritonclient',
  needsServingPython,
  async () => {
    const script = fileURLToPath(new URL('serving_descriptors.py', import.meta.url));
    const { stdout } = await promisify(execFile)(process.env['TILTH_TEST_SERVING_PYTHON'] ?? '', [script]);
    const theirs = JSON.parse(stdout) as Described;
    const ours = loadSync(
      fileURLToPath(new URL('../../src/deploy/serving/grpc/inference.proto', import.meta.url)),
      { keepCase: true },
    );
    let fieldCount = 0;
    const compare = (name: string, message: OurMessage['type']): void => {
      for (const field of message.field) {
        if (onlyKserve.has(name)) continue;
        assert.deepEqual(
          theirs.messages[name]?.[field.name],
          [field.number, types[field.type], field.label === 'LABEL_REPEATED'],
          `${name}.${field.name}`,
        );
        fieldCount++;
      }
      // the entries of a map have a name of the parser's own
      for (const nested of message.nestedType)
        compare(`${name}.${nested.name === 'Parameters' ? 'ParametersEntry' : nested.name}`, nested);
    };
    for (const [name, definition] of Object.entries(ours)) {
      if ('type' in definition && name.split('.').length === 2 && name !== 'inference.DataType')
        compare(name, (definition as unknown as OurMessage).type);
    }
    assert.ok(fieldCount > 100, `${fieldCount} fields`);
    const service = ours['inference.GRPCInferenceService'] as unknown as Record<
      string,
      { requestType: OurMessage; responseType: OurMessage; requestStream: boolean; responseStream: boolean }
    >;
    for (const [name, call] of Object.entries(service)) {
      const faces = [
        `inference.${call.requestType.type.name}`,
        `inference.${call.responseType.type.name}`,
        call.requestStream,
        call.responseStream,
      ];
      assert.deepEqual(theirs.calls[name], faces, name);
    }
  },
);
