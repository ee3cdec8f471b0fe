// `npm run quickstart`: everything from a fresh clone to a model that is deployed, watched, retrained and handed over.
import { join } from 'node:path';
import { buildPage, handOver, installPackages, root } from './install.js';

installPackages();
buildPage();
handOver([join(root, 'src', 'cli', 'main.ts'), 'quickstart', ...process.argv.slice(2)]);
