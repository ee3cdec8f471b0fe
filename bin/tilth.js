#!/bin/sh
//bin/sh -c :; s=$0; if [ -h "$s" ]; then s=$(readlink -f "$s"); fi; d=${s%/*}/..; for n in "$d/node_modules/node/bin/node" "$d/../node/bin/node"; do if [ -x "$n" ]; then exec "$n" --max-semi-space-size=8 "$s" "$@"; fi; done; exec node "$s" "$@"

// Starts tilth on the Node that came with it. A shell reads the two lines above and is gone: to begin with the machine's
// own Node would cost another 0.1 s a command. `node bin/tilth.js` works too, on any Node since 20; plain JavaScript on purpose.

// asked for in this way Node loads nothing that is not used, which every command would wait for
const { existsSync, readFileSync } = process.getBuiltinModule('node:fs');
const { join } = process.getBuiltinModule('node:path');
const nodeModule = process.getBuiltinModule('node:module');

const root = join(import.meta.dirname, '..');
const source = join(root, 'src', 'cli', 'main.ts');
const built = join(root, 'dist', 'cli', 'main.cjs');
const neededMajor = 24;
const [first] = process.argv.slice(2);
// A server that answers in small pieces needs no large nursery, and should collect before it holds four times what
// lives: a third of the memory, at the same speed. The line for the shell has the first; the second is for those who
// run long only, since Node starts 4 ms later with it.
const nurseryFlag = '--max-semi-space-size=8';
const isServer = first === 'server' || first === 'serve' || first === 'up';

// answered before anything is loaded: scripts ask for it often
if (first === '--version' || first === '-V') {
  console.log(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
} else if (Number(process.versions.node.split('.')[0]) >= neededMajor) {
  if (isServer) process.getBuiltinModule('node:v8').setFlagsFromString('--heap-growing-percent=60');
  // before the entry: reading back what was compiled is three times as fast as removing its types again
  nodeModule.enableCompileCache();
  // a clone runs what was edited last; the package carries only what was built
  if (existsSync(source)) await import(source);
  else nodeModule.createRequire(import.meta.url)(built);
} else {
  const bundled = ['node_modules/node/bin/node', '../node/bin/node']
    .map((path) => join(root, path))
    .find(existsSync);
  if (bundled === undefined) {
    console.error(
      `✗ tilth needs Node ${neededMajor}; this is ${process.versions.node}.\n  → Install its packages with: npm ci`,
    );
    process.exit(1);
  }
  const { spawn } = await import('node:child_process');
  const child = spawn(bundled, [nurseryFlag, import.meta.filename, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 128));
}
