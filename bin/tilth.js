#!/bin/sh
//bin/sh -c :; s=$0; if [ -h "$s" ]; then s=$(readlink -f "$s"); fi; d=${s%/*}/..; for n in "$d/node_modules/node/bin/node" "$d/../node/bin/node"; do if [ -x "$n" ]; then exec "$n" --max-semi-space-size=8 --heap-growing-percent=60 "$s" "$@"; fi; done; exec node "$s" "$@"

// Starts tilth on the Node that came with it. A shell reads the two lines above and is gone: to begin with the machine's
// own Node would cost another 0.1 s a command. `node bin/tilth.js` works too, on any Node since 20; plain JavaScript on purpose.

// asked for in this way Node loads nothing that is not used, which every command would wait for
const { existsSync } = process.getBuiltinModule('node:fs');
const { join } = process.getBuiltinModule('node:path');

const root = join(import.meta.dirname, '..');
const source = join(root, 'src', 'cli', 'main.ts');
const built = join(root, 'dist', 'cli', 'main.js');
// a clone runs what was edited last; the package carries only what was built
const entry = existsSync(source) ? source : built;
const neededMajor = 24;
// A server that answers in small pieces needs no large nursery, and should collect before it holds four times what
// lives: a third of the memory, at the same speed. The line for the shell has them too.
const memoryFlags = ['--max-semi-space-size=8', '--heap-growing-percent=60'];

if (Number(process.versions.node.split('.')[0]) >= neededMajor) {
  // before the entry: reading back what was compiled is three times as fast as removing its types again
  process.getBuiltinModule('node:module').enableCompileCache();
  await import(entry);
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
  const child = spawn(bundled, [...memoryFlags, import.meta.filename, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 128));
}
