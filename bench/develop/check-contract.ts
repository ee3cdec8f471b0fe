// node check-contract.ts FILE CONTRACT: prints JSON with the seconds and processor seconds of the check alone,
// without the start of the process and the loading of its parts
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readContract } from '../../src/develop/contracts/contract.ts';
import { checkTables } from '../../src/develop/contracts/table-check.ts';

const [file = '', contractFile = ''] = process.argv.slice(2);
await import('@duckdb/node-api');
const startedAt = performance.now();
const cpuBefore = process.cpuUsage();
const contract = readContract(readFileSync(contractFile, 'utf8'), contractFile);
const { findings } = await checkTables(contract, contractFile, file, dirname(file));
const { user, system } = process.cpuUsage(cpuBefore);
const seconds = (performance.now() - startedAt) / 1000;
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, state: findings.state }));
