import type { Value } from './jinja/values.ts';

/** Variables of a template: one map under `cookiecutter`, and cookiecutter's own extras. */
export type Variables = ReadonlyMap<string, Value>;

export interface EngineOptions {
  /** folder with cookiecutter.json; extensions of the template are looked for there */
  readonly templateFolder: string;
  /** `_extensions` of the template */
  readonly extensions: readonly string[];
  /** `_jinja2_env_vars` of the template */
  readonly environment: ReadonlyMap<string, Value>;
  /** `python`: everything is rendered by Jinja2 itself, in the user's Python */
  readonly engine?: 'own' | 'python' | undefined;
  /** the user trusts the template's own code: then it may reach all of Python; otherwise only values */
  readonly mayRunCode?: boolean | undefined;
  readonly now?: (() => Date) | undefined;
  /** the Python to ask where our engine isn't sure; instead of the user's */
  readonly python?: string | undefined;
}
