// The comparison alone, in a process of its own: node compute.ts REFERENCE CURRENT
import { performance } from 'node:perf_hooks';
import { compareFiles } from '../../src/monitor/drift/drift-files.ts';
import { Analytics } from '../../src/monitor/windows/analytics.ts';

const [reference = '', current = ''] = process.argv.slice(2);
const analytics = new Analytics();
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await compareFiles(analytics, reference, current);
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6 }));
await analytics.close();
