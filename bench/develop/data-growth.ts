// How versions of data grow from 1,000 to 100,000 files: `npm run bench data-growth`, of ours alone with `--alone`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { table } from '../../src/platform/terminal.ts';
import { freshRepository, placesFor } from './data-made.ts';
import { installedTool, peer, type Tool } from './data-tools.ts';

const words = process.argv.slice(2);
const counts = words.includes('--quick') ? [1000, 5000] : [1000, 10_000, 100_000];
const fileBytes = 1024;

interface Cost {
  readonly cpuMs: number;
  readonly wallMs: number;
  /** most that was in memory at once */
  readonly peakMiB: number;
}

/** Runs a command to its end and watches its memory, which the kernel tells only while it runs. */
async function costOf(command: readonly string[], cwd: string): Promise<Cost> {
  const [program = '', ...args] = command;
  const before = childrenCpuMs();
  const beganAt = performance.now();
  const home = join(cwd, '..');
  const environment = {
    ...process.env,
    TILTH_URL: 'http://127.0.0.1:9',
    DVC_NO_ANALYTICS: '1',
    HOME: home,
    DVC_SITE_CACHE_DIR: join(cwd, '.git', 'dvc-site'),
  };
  const child = spawn(program, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said += text.toString()));
  let peakMiB = 0;
  const watch = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child.pid ?? 0));
  }, 10);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
  assert.equal(code, 0, said);
  return { cpuMs: childrenCpuMs() - before, wallMs: performance.now() - beganAt, peakMiB };
}

const peakOf = (pid: number): number => {
  const file = `/proc/${pid}/status`;
  try {
    return existsSync(file) ? Number(/VmHWM:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) / 1024 : 0;
  } catch {
    return 0;
  }
};

function childrenCpuMs(): number {
  const text = readFileSync('/proc/self/stat', 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function writeFiles(folder: string, count: number): void {
  for (let part = 0; part < count / 1000; part++)
    mkdirSync(join(folder, `part-${part}`), { recursive: true });
  for (let index = 0; index < count; index++)
    writeFileSync(
      join(folder, `part-${index % Math.ceil(count / 1000)}`, `${index}.bin`),
      Buffer.alloc(fileBytes, `${index} `),
    );
}

const rows: string[][] = [];
const place = placesFor(Math.max(...counts) * 8192).at(-1) ?? { said: '', folder: undefined };
const ours = await installedTool();
for (const tool of words.includes('--alone') ? [ours] : [ours, peer])
  for (const count of counts) {
    const steps = await measure(tool, count);
    for (const [step, { cpuMs, wallMs, peakMiB }] of steps)
      rows.push([
        tool.name,
        count.toLocaleString('en'),
        step,
        `${cpuMs} ms`,
        `${Math.round(wallMs)} ms`,
        `${Math.round(peakMiB)} MiB`,
        `${((cpuMs * 1000) / count).toFixed(1)} µs`,
      ]);
  }
console.log(table(['', 'files', 'command', 'processor', 'wall', 'memory', 'processor per file'], rows));
console.log(`Files of ${fileBytes} bytes${place.said}; one round each.`);

async function measure(tool: Tool, count: number): Promise<[string, Cost][]> {
  const folder = await freshRepository(tool, place, 'copy');
  const steps: [string, Cost][] = [];
  const run = async (step: string, ...verb: string[]): Promise<void> => {
    steps.push([step, await costOf(tool.dvc(...verb), folder)]);
    console.error(`  ${tool.name} ${count} ${step}`);
  };
  writeFiles(join(folder, 'data'), count);
  await run('add', 'add', '--quiet', 'data');
  await run('status, first', 'status');
  await run('status', 'status');
  appendFileSync(join(folder, 'data', 'part-0', '0.bin'), 'changed');
  await run('add, one changed', 'add', '--quiet', 'data');
  await run('add, nothing changed', 'add', '--quiet', 'data');
  rmSync(join(folder, 'data'), { recursive: true });
  await run('checkout', 'checkout', '--quiet');
  await run('status after it', 'status');
  rmSync(folder, { recursive: true, force: true });
  return steps;
}
