import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export { Counter, Gauge, Histogram };

/** One process's metrics in Prometheus' text form, served at `/metrics`. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Several processes' metrics (`registry.getMetricsAsJSON()` of each) as one, in Prometheus' text form. */
export const sumOfMetrics = (processes: object[][]): Promise<string> => AggregatorRegistry.aggregate(processes).metrics();
