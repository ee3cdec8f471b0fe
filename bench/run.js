// `npm run bench [practice...]`: where we stand beside the tool that each practice is used to.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildPage,
  findPython,
  fingerprintOf,
  handOver,
  installPackages,
  once,
  root,
  run,
  stop,
} from '../scripts/install.js';

const practices = [
  'start',
  'tracking',
  'data',
  'contracts',
  'serving',
  'forest',
  'python-worker',
  'batch',
  'drift',
];
/** Where it is not of the practice's own name: whose peers are installed. */
const peersOf = { forest: 'serving', 'python-worker': 'serving' };
/** Measured by themselves: how tracking and data grow, and the page of runs in a browser. */
const alone = {
  growth: { program: join('tracking', 'growth.ts'), peers: ['tracking'] },
  'data-growth': { program: join('develop', 'data-growth.ts'), peers: ['data'] },
  page: { program: join('tracking', 'page.ts'), peers: [] },
};

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith('-'));
const single = named.length === 1 ? alone[named[0]] : undefined;
const unknown = single === undefined ? named.find((word) => !practices.includes(word)) : undefined;
if (unknown in alone) stop(`${unknown} is measured by itself.`, `npm run bench ${unknown}`);
if (unknown !== undefined)
  stop(
    `${unknown} is no practice that is measured.`,
    `Measured are: ${[...practices, ...Object.keys(alone)].join(', ')}`,
  );

installPackages();
if (named[0] === 'page') buildPage();
const wanted = named.length > 0 ? named : practices;
for (const peers of new Set(single?.peers ?? wanted.map((practice) => peersOf[practice] ?? practice)))
  installPeer(peers);
const [program, ...args] = single === undefined ? ['bench.ts', ...wanted] : [single.program];
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
