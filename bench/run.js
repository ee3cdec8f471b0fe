// `npm run bench [practice...]`: where we stand beside the tool that each practice is used to.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  findPython,
  fingerprintOf,
  handOver,
  installPackages,
  once,
  root,
  run,
  stop,
} from '../scripts/install.js';

const practices = ['start', 'tracking', 'data', 'serving', 'drift'];
/** How tracking grows from 1,000 to 1,000,000 runs: longer than a practice, and only by itself. */
const growth = 'growth';

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith('-'));
const isGrowth = named.length === 1 && named[0] === growth;
const unknown = isGrowth ? undefined : named.find((word) => !practices.includes(word));
if (unknown === growth) stop(`${growth} is measured by itself.`, `npm run bench ${growth}`);
if (unknown !== undefined)
  stop(`${unknown} is no practice that is measured.`, `Measured are: ${[...practices, growth].join(', ')}`);

installPackages();
const wanted = named.length > 0 ? named : practices;
for (const practice of isGrowth ? ['tracking'] : wanted) installPeer(practice);
const [program, ...args] = isGrowth ? [join('tracking', 'growth.ts')] : ['bench.ts', ...wanted];
handOver([join(root, 'bench', program), ...args, ...words.filter((word) => word.startsWith('-'))]);

/** A Python environment of the peer's own, with the peer as it is published. */
function installPeer(practice) {
  const venv = join(root, '.venvs', `bench-${practice}`);
  const python = join(venv, 'bin', 'python');
  const requirements = join('bench', 'peers', `${practice}.txt`);
  if (!existsSync(python)) run(findPython(), ['-m', 'venv', venv]);
  once(`bench-${practice}`, fingerprintOf(requirements), () => {
    console.error(`· installing what ${practice} is compared with`);
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  });
}
