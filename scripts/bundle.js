// Puts the program into few files: one for what the daily commands need, and the rest in parts that are loaded on call.
import { relative } from 'node:path';
import { build } from 'esbuild';

/** Features whose commands are called again and again, with what lies below them. */
const daily = /^src\/(cli\/(program|groups)|platform|develop\/(data|dvc-files|remotes|pipelines))\b/;

/** Packages that may be in the one file; what imports any other is loaded on call. */
const lightPackages = /(^|\/)node_modules\/(commander|picocolors|ignore)\//;

/** Packages that a daily command seldom asks for: a file each. */
const seldomPackages = { yaml: 'yaml', '@decimalturn/toml-patch': 'toml' };

/**
 * Node takes 0.5 ms for every file that it links, so that fifty of them cost as much as its own start. Therefore all that
 * `tilth data`, `tilth pipeline` and `tilth dvc` need is one file in the old module format, whose parts run when they are first
 * asked for, and the other commands take from it what both need: errors that are the same class to both.
 *
 * @param entry of the program, relative to `root`; it becomes `main.cjs`
 * @param threads files that are started as threads, by their name
 * @returns the files that went in, relative to `root`
 */
export async function bundleProgram({ root, outdir, entry, threads, external, plugins }) {
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node24',
    external,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  };
  const modern = {
    ...common,
    outdir,
    splitting: true,
    format: 'esm',
    // packages in the old module format ask for Node's own modules by this name
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
  };
  const { metafile } = await build({ ...modern, plugins, entryPoints: [entry], write: false });
  const { first, later } = divide(metafile.inputs, entry, external);
  const shared = reached(metafile.inputs, [...later], first).filter((path) => first.has(path));
  const pathOf = async (building, { path, kind, resolveDir }) => {
    const found = await building.resolve(path, { kind, resolveDir, pluginData: 'asked by us' });
    return relative(root, found.path);
  };

  const boundary = {
    name: 'boundary',
    setup(building) {
      building.onResolve({ filter: /^(yaml|@decimalturn\/toml-patch)$/ }, ({ path, kind }) =>
        kind === 'require-call' ? { path: `./${seldomPackages[path]}.cjs`, external: true } : undefined,
      );
      building.onResolve({ filter: /^\./ }, async (asked) => {
        if (asked.kind !== 'dynamic-import' || asked.pluginData !== undefined) return undefined;
        const path = await pathOf(building, asked);
        return later.has(path) ? { path: `./${partName(path)}.js`, external: true } : undefined;
      });
    },
  };
  const main = await build({
    ...common,
    outfile: `${outdir}/main.cjs`,
    format: 'cjs',
    // the less there is to read, the sooner it runs; names stay, for whoever reads a stack
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [boundary, ...plugins],
    define: {
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'import.meta.url': '__filename',
    },
    stdin: {
      resolveDir: root,
      contents: [
        `import './${entry}';`,
        'export const shared = {',
        ...shared.map((path) => `  ${JSON.stringify(path)}: () => require(${JSON.stringify(`./${path}`)}),`),
        '};',
      ].join('\n'),
    },
  });

  const fromMain = {
    name: 'from-main',
    setup(building) {
      building.onResolve({ filter: /^\.\/[\w-]+\.cjs$/ }, ({ path, namespace }) =>
        namespace === 'elsewhere' ? { path, external: true } : undefined,
      );
      building.onResolve({ filter: /^(yaml|@decimalturn\/toml-patch)$/ }, ({ path }) => ({
        path: `./${seldomPackages[path]}.cjs`,
        namespace: 'elsewhere',
      }));
      building.onResolve({ filter: /./ }, async (asked) => {
        if (asked.pluginData !== undefined || asked.kind === 'entry-point' || asked.path.startsWith('node:'))
          return undefined;
        const path = await pathOf(building, asked);
        return first.has(path) ? { path, namespace: 'elsewhere' } : undefined;
      });
      building.onLoad({ filter: /./, namespace: 'elsewhere' }, ({ path }) => ({
        contents: path.endsWith('.cjs')
          ? `module.exports = require(${JSON.stringify(path)});`
          : `module.exports = require('./main.cjs').shared[${JSON.stringify(path)}]();`,
      }));
    },
  };
  const rest = await build({
    ...modern,
    plugins: [fromMain, ...plugins],
    entryPoints: Object.fromEntries([...later].map((path) => [partName(path), path])),
  });
  const others = await build({ ...modern, splitting: false, plugins, entryPoints: threads });
  const packages = await build({
    ...common,
    outdir,
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    plugins,
    entryPoints: Object.fromEntries(Object.entries(seldomPackages).map(([name, file]) => [file, name])),
  });
  return [main, rest, others, packages].flatMap((one) =>
    Object.keys(one.metafile.inputs).filter((path) => !path.startsWith('elsewhere:')),
  );
}

const partName = (path) =>
  path
    .replace(/^src\//, '')
    .replace(/\.ts$/, '')
    .replaceAll('/', '-');

const immediate = ['import-statement', 'require-call'];

const importsOf = (inputs, path, kinds) =>
  (inputs[path]?.imports ?? [])
    .filter(({ external, kind }) => !external && kinds.includes(kind))
    .map((one) => one.path);

/** All that is reached from some files; what `ends` holds is not looked into. */
function reached(inputs, from, ends = new Set(), kinds = [...immediate, 'dynamic-import']) {
  const seen = new Set();
  const waiting = [...from];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    if (!ends.has(path)) waiting.push(...importsOf(inputs, path, kinds));
  }
  return [...seen];
}

/** Which files are for daily commands, and which of the others these call for. */
function divide(inputs, entry, external) {
  const isSeldom = (path) =>
    Object.keys(seldomPackages).some((name) => path.includes(`node_modules/${name}/`));
  const isOutside = (path) =>
    inputs[path].imports.some((one) => external.includes(one.path) && immediate.includes(one.kind));
  const isLight = (path) =>
    reached(inputs, [path], new Set(), immediate).every(
      (one) =>
        isSeldom(one) ||
        lightPackages.test(one) ||
        one.startsWith('built-in:') ||
        (one.startsWith('src/') && !isOutside(one)),
    );
  const first = new Set();
  const called = new Set();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (first.has(path) || isSeldom(path) || path.startsWith('built-in:')) continue;
    first.add(path);
    waiting.push(...importsOf(inputs, path, immediate));
    for (const one of importsOf(inputs, path, ['dynamic-import'])) {
      if (daily.test(one) && isLight(one)) waiting.push(one);
      else called.add(one);
    }
  }
  return { first, later: new Set([...called].filter((path) => !first.has(path))) };
}
