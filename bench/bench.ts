import { measureStart } from './start/start.ts';
import { ratiosOf } from './measure.ts';
const p = await measureStart({ rounds: 3, slowRounds: 2 });
console.log(p.checked); for (const f of p.figures) console.log(f.what, ratiosOf(f), JSON.stringify(f.ours), JSON.stringify(f.peer));
