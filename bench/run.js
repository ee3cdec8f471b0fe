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

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith('-'));
const unknown = named.find((word) => !practices.includes(word));
if (unknown !== undefined)
  stop(`${unknown} is no practice that is measured.`, `Measured are: ${practices.join(', ')}`);

installPackages();
const wanted = named.length > 0 ? named : practices;
for (const practice of wanted) installPeer(practice);
handOver([join(root, 'bench', 'bench.ts'), ...wanted, ...words.filter((word) => word.startsWith('-'))]);

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
