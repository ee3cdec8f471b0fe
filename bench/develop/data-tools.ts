import { installedTilth, runToEnd, scriptOf } from '../processes.ts';

/** One of the two programs that are compared; both take dvc's verbs. */
export interface Tool {
  readonly name: string;
  /** the whole command line of one of dvc's verbs */
  dvc(...words: string[]): string[];
  readonly version: readonly string[];
}

export const peer: Tool = {
  name: 'dvc',
  dvc: (...words) => [scriptOf('data', 'dvc'), ...words],
  version: [scriptOf('data', 'dvc'), '--version'],
};

/** Ours as a package has it, built and without its sources. */
export async function installedTool(): Promise<Tool> {
  const tilth = await installedTilth();
  return { name: 'tilth', dvc: (...words) => tilth('dvc', ...words), version: tilth('--version') };
}

/** dvc's verbs that a tool has, by its own help. */
export async function verbsOf(tool: Tool): Promise<ReadonlySet<string>> {
  const { stdout } = await runToEnd(tool.dvc('--help'));
  const verbs = [...stdout.matchAll(/^ {2}(\w[\w-]*)/gm)].map(([, verb = '']) => verb);
  return new Set(verbs);
}
