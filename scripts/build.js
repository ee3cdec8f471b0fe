import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildPage } from './install.js';

const root = join(import.meta.dirname, '..');

buildPage();
// one file per command group, so that a command loads only what it needs
await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outdir: 'dist/cli',
  outbase: 'src/cli',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  packages: 'external',
  legalComments: 'none',
});
execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), '--version'], { stdio: 'inherit' });
