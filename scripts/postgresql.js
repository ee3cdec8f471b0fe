// A PostgreSQL of the tests' own, in a folder that goes away: `node scripts/postgresql.js COMMAND …` runs a command beside one.
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run, stop } from './install.js';

/** The newest PostgreSQL of the machine; from Debian's packages where we may install them. */
function installPostgres() {
  const before = findPostgres();
  if (before !== undefined) return before;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.error('· installing PostgreSQL for the tests of the database');
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'postgresql'], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  return findPostgres() ?? stop('The tests of the database need PostgreSQL.', 'Install it, or name its programs: TILTH_POSTGRESQL=/path/to/bin npm test');
}

function findPostgres() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const onPath = (process.env.PATH ?? '').split(':');
  const known = [process.env.TILTH_POSTGRESQL, ...versions.map((version) => join(debian, version, 'bin')), ...onPath];
  return known.find((folder) => folder !== undefined && existsSync(join(folder, 'initdb')));
}

/**
 * Starts a cluster on a socket of its own, without waiting for the disk.
 *
 * @returns its address, through which each test makes a database, the folder of its programs, and how to end it
 */
export function startPostgres() {
  const programs = installPostgres();
  // Ctrl-C ends the tests; this process goes on to the end of the cluster
  process.on('SIGINT', () => undefined);
  // short, since the path of a socket has at most 107 letters
  const folder = mkdtempSync('/tmp/tilth-pg-');
  // initdb refuses to run as root
  const owner = process.getuid?.() === 0 ? ownerOfServices() : {};
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  const call = (program, args) => {
    const { status, stdout, stderr, error } = spawnSync(join(programs, program), args, { ...owner, cwd: folder, encoding: 'utf8' });
    if (status !== 0) stop(`${program} failed:\n${error?.message ?? `${stdout}${stderr}`}`, 'Look whether PostgreSQL is whole on this machine.');
  };
  call('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
  const settings = `-c listen_addresses= -c unix_socket_directories=${folder} -c max_connections=200 -c fsync=off -c full_page_writes=off -c shared_buffers=64MB -c autovacuum=off`;
  call('pg_ctl', ['-D', data, '-w', '-l', join(folder, 'log'), '-o', settings, 'start']);
  return {
    programs,
    address: `postgres://postgres@${encodeURIComponent(folder)}/postgres`,
    stop: () => {
      spawnSync(join(programs, 'pg_ctl'), ['-D', data, '-m', 'immediate', '-w', 'stop'], { ...owner, cwd: folder });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** With this the tests run on it. */
export const environmentOf = ({ address, programs }) => ({ TILTH_TEST_DATABASE: address, PATH: `${programs}:${process.env.PATH}` });

function ownerOfServices() {
  const numberOf = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: numberOf('-u') || 65534, gid: numberOf('-g') || 65534 };
}

if (process.argv[1] === import.meta.filename) {
  const [command, ...args] = process.argv.slice(2);
  if (command === undefined) stop('Which command shall run beside PostgreSQL?', "node scripts/postgresql.js node --test 'src/platform/**/*.test.ts'");
  const postgres = startPostgres();
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...environmentOf(postgres) } });
  postgres.stop();
  process.exitCode = status ?? 1;
}
