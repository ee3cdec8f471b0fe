import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runProgram } from './test-colleagues.ts';

export interface SshServer {
  readonly port: number;
  readonly keyFile: string;
  /** a folder for the front of PATH, whose `ssh` trusts this server */
  readonly programs: string;
  stop(): void;
}

/** An SSH server that serves this machine's files by SFTP, written by others. @see https://asyncssh.readthedocs.io */
const script = `
import asyncio, sys, asyncssh
async def main():
    server = await asyncssh.listen('127.0.0.1', 0, server_host_keys=[sys.argv[1]], authorized_client_keys=sys.argv[2], sftp_factory=True)
    print('port', server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
`;

export async function startSsh(folder: string): Promise<SshServer> {
  mkdirSync(folder, { recursive: true });
  const python = process.env['TILTH_TEST_DVC_PYTHON'] ?? 'python';
  const [host, person] = [join(folder, 'host'), join(folder, 'person')];
  for (const file of [host, person])
    await runProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file], folder);
  const child = spawn(python, ['-c', script, host, `${person}.pub`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const port = Number(/^port (\d+)/.exec(line)?.[1]);
    const programs = join(folder, 'bin');
    mkdirSync(programs);
    const options = `-F none -o UserKnownHostsFile=${JSON.stringify(join(folder, 'known'))} -o StrictHostKeyChecking=accept-new`;
    // OpenSSH takes the person's folder from the system, not from HOME
    writeFileSync(
      join(programs, 'ssh'),
      `#!/bin/sh\nexec /usr/bin/ssh ${options.replaceAll('"', "'")} "$@"\n`,
    );
    chmodSync(join(programs, 'ssh'), 0o755);
    return { port, keyFile: person, programs, stop: () => void child.kill() };
  }
  throw new Error('the SSH server did not start');
}
