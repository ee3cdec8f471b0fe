import { join } from 'node:path';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** As clients name them in health checks. */
export const inferenceServiceName = 'inference.GRPCInferenceService';

const protos = ['inference.proto', 'health.proto'].map((name) => join(import.meta.dirname, name));

/** The services of the two proto files; `longs` as numbers, bytes as Buffers, a oneof tells its choice by its own name. */
export function loadServices(): Record<
  'inference' | 'health',
  ServiceDefinition<UntypedServiceImplementation>
> {
  const definition = loadSync(protos, { keepCase: true, longs: Number, enums: String, oneofs: true });
  return {
    inference: definition[inferenceServiceName] as ServiceDefinition,
    health: definition['grpc.health.v1.Health'] as ServiceDefinition,
  };
}
