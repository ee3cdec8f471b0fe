import { promisify } from 'node:util';
import { gunzip, inflate, inflateRaw } from 'node:zlib';
import type { Api, RequestContext } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { createMlflowApi, invalidParameter } from '../tracking/mlflow-wire.ts';
import { readExportJson } from './otlp-json.ts';
import { readExportRequest } from './otlp-message.ts';
import { otlpInvalid, otlpTooLarge } from './traces-errors.ts';
import { logSpans } from './traces-store.ts';

/** of one request, packed and unpacked */
export const requestByteLimit = 64 * 1024 * 1024;

/** OTLP/HTTP: any program that exports OpenTelemetry's spans, in protobuf or JSON, may send them here. */
export function otlpRoutes(world: World): Api {
  const api = createMlflowApi(world);
  api.post('/v1/traces', async (context) => {
    requireRight(context.var.actor, 'run.log');
    const experimentId = context.req.header('x-mlflow-experiment-id');
    if (experimentId === undefined || experimentId === '') {
      throw invalidParameter(
        'Missing value for required header x-mlflow-experiment-id.',
        'Set OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-mlflow-experiment-id=ID.',
      );
    }
    const type = (context.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
    const isJson = type === 'application/json';
    if (!isJson && type !== 'application/x-protobuf') {
      throw invalidParameter(`Invalid Content-Type: ${type || 'none'}. Expected: application/x-protobuf or application/json.`);
    }
    const bytes = await unpacked(await readBody(context), context.req.header('content-encoding'));
    const batches = isJson ? readExportJson(new TextDecoder().decode(bytes)) : readExportRequest(bytes);
    if (batches.length === 0) throw otlpInvalid('no spans found');
    await logSpans(world, experimentId, batches, context.req.header('x-mlflow-run-id') || undefined);
    // an answer without a word in it: everything was taken
    return isJson ? context.json({}) : context.body(null, 200, { 'content-type': 'application/x-protobuf' });
  });
  return api;
}

async function readBody(context: RequestContext): Promise<Uint8Array> {
  const declared = Number(context.req.header('content-length') ?? 0);
  if (declared > requestByteLimit) throw otlpTooLarge('The request', declared, requestByteLimit);
  const parts: Uint8Array[] = [];
  let byteCount = 0;
  for await (const part of context.req.raw.body ?? []) {
    byteCount += part.length;
    if (byteCount > requestByteLimit) throw otlpTooLarge('The request', undefined, requestByteLimit);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const unpackers = { gzip: promisify(gunzip), deflate: promisify(inflate), raw: promisify(inflateRaw) };

/** @throws OTLP_INVALID, OTLP_TOO_LARGE: a small body may unpack to a huge one */
async function unpacked(bytes: Uint8Array, encoding: string | undefined): Promise<Uint8Array> {
  const name = encoding?.trim().toLowerCase() ?? 'identity';
  if (name === 'identity' || name === '') return bytes;
  if (name !== 'gzip' && name !== 'deflate') throw invalidParameter(`Unsupported Content-Encoding: ${encoding}.`, 'Send it with gzip, deflate, or as it is.');
  const options = { maxOutputLength: requestByteLimit };
  try {
    return await unpackers[name](bytes, options);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw otlpTooLarge('The unpacked request', undefined, requestByteLimit);
    // some clients call a bare deflate stream deflate
    const again = name === 'deflate' ? await unpackers.raw(bytes, options).catch(() => undefined) : undefined;
    if (again === undefined) throw otlpInvalid(`the body is not ${name}`);
    return again;
  }
}
