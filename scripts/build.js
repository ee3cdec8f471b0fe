// `npm run build`: the page and the program as the package carries them; `-- --out FOLDER` puts the program elsewhere.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleProgram } from './bundle.js';
import { buildPage, node, root, run } from './install.js';

/** Packages that hold machine code, or find their own files by where they lie: they stay in node_modules. */
const external = ['@duckdb/node-api', 'onnxruntime-node'];

/** Those that a command imports for one function which it may never call: they are loaded by the call. */
const loadedOnCall = new Set(['node:child_process', 'node:crypto', 'node:readline']);

/**
 * Node's own modules, asked for in the way that loads no more than what is used: an `import` reads every export at once,
 * and with it parts of Node that no command needs (`fetch` behind node:http, Web Crypto behind node:crypto).
 */
const builtIns = {
  name: 'built-ins',
  setup(building) {
    building.onResolve({ filter: /^node:(child_process|crypto|events|fs|http|https|os|path|process|readline|util)$/ }, ({ path, kind }) =>
      // `require` gets the module as it is, and would here get every export at once
      kind === 'import-statement' ? { path, namespace: 'built-in', sideEffects: false } : undefined,
    );
    building.onLoad({ filter: /.*/, namespace: 'built-in' }, ({ path }) => {
      const builtIn = process.getBuiltinModule(path);
      const exports = Object.keys(builtIn).filter((name) => name !== 'default');
      if (loadedOnCall.has(path)) {
        const load = `process.getBuiltinModule(${JSON.stringify(path)})`;
        const each = exports.map((name) =>
          /^[a-z]/.test(name) && name !== 'webcrypto' && name !== 'subtle' && typeof builtIn[name] === 'function'
            ? `export function ${name}(...args) { return ${load}.${name}(...args); }`
            : `const $${name} = /* @__PURE__ */ (() => ${load}.${name})();\nexport { $${name} as ${name} };`,
        );
        return { contents: [`export default new Proxy({}, { get: (_, name) => ${load}[name] });`, ...each].join('\n') };
      }
      // marked as pure so that what nobody imports is left out, and never asked for
      const each = exports.map((name) => `const $${name} = /* @__PURE__ */ (() => whole.${name})();\nexport { $${name} as ${name} };`);
      return {
        contents: [`const whole = process.getBuiltinModule(${JSON.stringify(path)});\nexport default whole;`, ...each].join('\n'),
      };
    });
  },
};

const flag = process.argv.indexOf('--out');
const isElsewhere = flag !== -1;
const out = isElsewhere ? resolve(process.argv[flag + 1]) : join(root, 'dist');

if (!isElsewhere) buildPage();
rmSync(out, { recursive: true, force: true });
const files = await bundleProgram({
  root,
  outdir: join(out, 'cli'),
  entry: 'src/cli/main.ts',
  threads: {
    'sqlite-thread-main': 'src/platform/database/sqlite-thread-main.ts',
    'graph-thread-main': 'src/deploy/serving/engines/threads/graph-thread-main.ts',
  },
  external,
  plugins: [builtIns],
});
// read beside the program's own files
for (const proto of ['inference.proto', 'health.proto']) copyFileSync(join(root, 'src/deploy/serving/grpc', proto), join(out, 'cli', proto));
const packages = packagesIn(files);
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'THIRD-PARTY.txt'), packages.map(noticeOf).join(`\n${'-'.repeat(78)}\n\n`));
if (!isElsewhere) run(node, [join(out, 'cli', 'main.cjs'), '--version']);

/** Folders of the packages that files belong to. */
function packagesIn(files) {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].toSorted((left, right) => (left < right ? -1 : 1));
}

/** Name, version and licence of a package, in its own words. */
function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const files = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
  if (texts.length === 0) texts.push(`(The package carries no licence file; it declares ${license}.)`);
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}
