import { createRequire } from 'node:module';

type Yaml = typeof import('yaml');
type Toml = typeof import('@decimalturn/toml-patch');

// the bundle has a `require` of its own, which it resolves when it is built; a module that runs as it is has none
const fromHere = createRequire(import.meta.url);

/** The parser of the whole of YAML, read when it is needed: its eighty files take as long as most commands. */
export const yamlPackage = (): Yaml =>
  typeof require === 'function' ? (require('yaml') as Yaml) : (fromHere('yaml') as Yaml);

/** The same for TOML. */
export const tomlPackage = (): Toml =>
  typeof require === 'function'
    ? (require('@decimalturn/toml-patch') as Toml)
    : (fromHere('@decimalturn/toml-patch') as Toml);
