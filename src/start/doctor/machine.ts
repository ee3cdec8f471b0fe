import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { serverAddress } from '../../platform/client.ts';
import { isPostgresAddress } from '../../platform/database/database-address.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { resolveHome } from '../../platform/home.ts';
import type { CommonFlags } from '../../platform/terminal.ts';
import { runProgram } from '../project/programs.ts';
import { isWithin } from './python-versions.ts';

/** One thing that a project needs of the machine it is on. */
export interface MachineFact {
  readonly name: string;
  readonly state: 'good' | 'absent' | 'wrong';
  readonly says: string;
  /** what to do where it is not good */
  readonly remedy?: string;
  /** nothing works without it */
  readonly isNeeded?: true;
}

/**
 * What this machine has, asked at the same time; a program that does not answer within three seconds counts as absent.
 *
 * @param wantedPython the project's own range, where it says one
 */
export const examineMachine = (
  flags: CommonFlags,
  wantedPython: string | undefined,
): Promise<MachineFact[]> =>
  Promise.all([node(), git(), python(wantedPython), poetry(), docker(), server(flags), home(flags), ...database(flags)]);

const patienceMs = 3000;
/** As the status of a program that did not answer in time, the one that `timeout` gives. */
const late = 124;

async function ask(
  program: string,
  ...args: string[]
): Promise<{ readonly status: number; readonly output: string }> {
  const answer = runProgram(program, args);
  const tooLate = new Promise<{ status: number; output: string }>((done) => {
    setTimeout(() => done({ status: late, output: '' }), patienceMs).unref();
  });
  const { status, output } = await Promise.race([answer, tooLate]);
  return { status, output: output.trim() };
}

const versionIn = (text: string): string => /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? text;

const node = (): Promise<MachineFact> =>
  Promise.resolve({ name: 'node', state: 'good', says: process.versions.node });

async function git(): Promise<MachineFact> {
  const [version, name, email] = await Promise.all([
    ask('git', '--version'),
    ask('git', 'config', 'user.name'),
    ask('git', 'config', 'user.email'),
  ]);
  if (version.status === late) return { name: 'git', state: 'absent', says: 'does not answer' };
  if (version.status !== 0) {
    return {
      name: 'git',
      state: 'absent',
      says: 'not installed',
      remedy: 'Install git: a project is a repository.',
      isNeeded: true,
    };
  }
  if (name.status === 1 || email.status === 1) {
    return {
      name: 'git',
      state: 'wrong',
      says: `${versionIn(version.output)}, and it knows no ${name.status === 1 ? 'name' : 'e-mail'} for your commits`,
      remedy: 'git config --global user.name "…" && git config --global user.email …',
    };
  }
  return {
    name: 'git',
    state: 'good',
    says: `${versionIn(version.output)}, commits as ${name.output} <${email.output}>`,
  };
}

async function python(wanted: string | undefined): Promise<MachineFact> {
  const versionOf = async (program: string): Promise<string | undefined> => {
    const { status, output } = await ask(program, '--version');
    return status === 0 ? versionIn(output) : undefined;
  };
  const fits = (version: string | undefined): boolean =>
    version !== undefined && (wanted === undefined || isWithin(version, wanted) !== false);
  const named = process.env['TILTH_PYTHON'];
  const first = await versionOf(named === undefined || named === '' ? 'python3' : named);
  if (first !== undefined && fits(first)) return { name: 'python', state: 'good', says: first };
  const others = ['3.10', '3.11', '3.12', '3.13', '3.14'].map((minor) => `python${minor}`);
  const found = await Promise.all(others.map(versionOf));
  const other = found.find(fits);
  if (other !== undefined) return { name: 'python', state: 'good', says: other };
  return first === undefined
    ? { name: 'python', state: 'absent', says: 'not installed', remedy: 'Install Python 3.' }
    : {
        name: 'python',
        state: 'wrong',
        says: `${first}; the project wants ${wanted}`,
        remedy: 'Install one that fits, for example with pyenv or uv.',
      };
}

async function poetry(): Promise<MachineFact> {
  const { status, output } = await ask(process.env['TILTH_POETRY'] ?? 'poetry', '--version');
  const version = versionIn(output);
  if (status === late) return { name: 'poetry', state: 'absent', says: 'does not answer' };
  if (status !== 0) {
    return {
      name: 'poetry',
      state: 'absent',
      says: 'not installed',
      remedy: 'tilth start --install-poetry keeps one of its own.',
    };
  }
  return Number(version.split('.')[0]) >= 2
    ? { name: 'poetry', state: 'good', says: version }
    : {
        name: 'poetry',
        state: 'wrong',
        says: `${version}; projects of today are written for Poetry 2`,
        remedy: 'pipx upgrade poetry',
      };
}

async function docker(): Promise<MachineFact> {
  const { status, output } = await ask(
    'docker',
    'version',
    '--format',
    '{{.Client.Version}} {{.Server.Version}}',
  );
  if (status === 127) return { name: 'docker', state: 'absent', says: 'not installed' };
  const [client = '', engine = ''] = output.split(' ');
  return status === 0 && engine !== ''
    ? { name: 'docker', state: 'good', says: engine }
    : {
        name: 'docker',
        state: 'absent',
        says: `${versionIn(client)}, and no engine answers`,
        remedy: 'Start Docker where you build images.',
      };
}

async function server(flags: CommonFlags): Promise<MachineFact> {
  const address = serverAddress(flags);
  try {
    await fetch(address, { method: 'HEAD', signal: AbortSignal.timeout(patienceMs) });
    return { name: 'server', state: 'good', says: address };
  } catch {
    return { name: 'server', state: 'absent', says: `none answers at ${address}`, remedy: 'tilth up' };
  }
}

/** A SQLite file is part of the home. */
function database(flags: CommonFlags): Promise<MachineFact>[] {
  const where = resolveHome(flags.home).database;
  if (!isPostgresAddress(where)) return [];
  const version = import('../../platform/database/open-database.ts').then(({ askDatabase }) => askDatabase(where));
  const asked = version.then(
    (number): MachineFact => ({ name: 'database', state: 'good', says: `PostgreSQL ${number}` }),
    (thrown: unknown): MachineFact => ({
      name: 'database',
      state: 'wrong',
      says: messageOf(thrown),
      ...(thrown instanceof TilthError && thrown.hint !== undefined ? { remedy: thrown.hint } : {}),
      isNeeded: true,
    }),
  );
  return [asked];
}

async function home(flags: CommonFlags): Promise<MachineFact> {
  const { root } = resolveHome(flags.home);
  let at = root;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  try {
    await access(at, constants.W_OK);
    return { name: 'home', state: 'good', says: root };
  } catch {
    return {
      name: 'home',
      state: 'wrong',
      says: `${root} can't be written`,
      remedy: 'Name another: TILTH_HOME=FOLDER',
      isNeeded: true,
    };
  }
}
