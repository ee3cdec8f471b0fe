import { runProgram, type ProgramResult } from '../project/programs.ts';
import { versionControlMissing } from './source-errors.ts';
import { stopped } from './template-errors.ts';

export interface FetchOptions {
  readonly folder?: string | undefined;
  /** told how far it is, from the second second on */
  readonly onLine?: ((line: string) => void) | undefined;
  /** ms without a word after which it is given up */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
}

const progress =
  /^(?:remote: +)?(?:Enumerating|Counting|Compressing|Receiving|Resolving|Updating|Filtering|Checking out|Cloning into|Total) .*$/;

const progressEveryMs = 2000;

/**
 * Runs git or hg, away from any repository that the environment names, and never for longer than it stays silent.
 *
 * @throws TEMPLATE_VERSION_CONTROL_MISSING
 */
export async function runFetching(
  program: 'git' | 'hg',
  args: readonly string[],
  { folder, onLine, silenceMs, signal }: FetchOptions,
): Promise<ProgramResult> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMs);
  let lastShownAt = Date.now();
  const result = await runProgram(program, args, {
    ...(folder === undefined ? {} : { folder }),
    environment: gitEnvironment(),
    signal: signal === undefined ? silence.signal : AbortSignal.any([silence.signal, signal]),
    onLine: (line) => {
      timer.refresh();
      if (!progress.test(line) || !line.includes('%') || Date.now() - lastShownAt < progressEveryMs) return;
      lastShownAt = Date.now();
      onLine?.(line.trim());
    },
  });
  clearTimeout(timer);
  if (signal?.aborted === true) throw stopped();
  if (silence.signal.aborted)
    return { ...result, status: 1, errorOutput: `no answer for ${silenceMs / 1000} s` };
  if (result.status === 127 && result.errorOutput.includes(`spawn ${program} ENOENT`))
    throw versionControlMissing(program);
  const said = result.errorOutput.split('\n').filter((line) => !progress.test(line.trim()));
  return { ...result, errorOutput: said.join('\n').trim() };
}

/** Ours for git and hg: no repository but the one that is named, words that can be read, addresses that run nothing. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {
    // no helper programs that an address could name, as ext:: does
    GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file',
    GIT_TERMINAL_PROMPT: process.stdin.isTTY ? '1' : '0',
    ...process.env,
    // what they say is read here
    LC_ALL: 'C',
    HGPLAIN: '1',
  };
  for (const name of [
    'GIT_DIR',
    'GIT_WORK_TREE',
    'GIT_INDEX_FILE',
    'GIT_OBJECT_DIRECTORY',
    'GIT_ALTERNATE_OBJECT_DIRECTORIES',
    'GIT_COMMON_DIR',
    'GIT_NAMESPACE',
    'GIT_PREFIX',
  ])
    delete environment[name];
  return environment;
}
