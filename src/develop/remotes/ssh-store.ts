import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, openSync, readSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { isTrue, type RemoteConfig } from '../dvc-files/config.ts';
import { inParallel } from './in-parallel.ts';
import { objectMissing, remoteAway, remoteRefused, schemeUnknown } from './remote-errors.ts';
import { keysByFolder, listingPays, type RemoteStore } from './remote-store.ts';
import { withRetries } from './retry.ts';
import { SftpEnded, SftpRefusal, sftpCodes, startSftp, type SftpSession } from './sftp-session.ts';

/** What every server takes in one question. */
const blockBytes = 32_768;
/** Blocks of one file on their way together; a network's delay is paid once for all of them. */
const blocksTogether = 32;

/** A folder of another machine as a remote, by the machine's own OpenSSH. */
export function sshStore(remote: RemoteConfig, jobs = 16): RemoteStore {
  const address = sshAddress(remote.url);
  const { root, place } = address;
  const at = (key: string): string => posix.join(root, key);
  const args = sshArguments(remote, address);
  let session: Promise<SftpSession> | undefined;
  const made = new Map<string, Promise<void>>();

  /** One call; a connection that broke off is opened again. */
  const call = <T>(key: string, work: (sftp: SftpSession) => Promise<T>): Promise<T> =>
    withRetries(async () => {
      session ??= startSftp('ssh', args);
      const current = session;
      try {
        return await work(await current);
      } catch (reason) {
        if (reason instanceof SftpEnded && session === current) session = undefined;
        throw translated(reason, place, key, remote);
      }
    });

  const makeFolder = (sftp: SftpSession, folder: string): Promise<void> => {
    const known = made.get(folder);
    if (known !== undefined) return known;
    const making = (async () => {
      if ((await sftp.size(folder)) !== undefined) return;
      if (posix.dirname(folder) !== folder) await makeFolder(sftp, posix.dirname(folder));
      await sftp.makeFolder(folder).catch(async (reason: unknown) => {
        // another one may have made it meanwhile
        if ((await sftp.size(folder)) === undefined) throw reason;
      });
    })();
    made.set(folder, making);
    making.catch(() => made.delete(folder));
    return making;
  };

  const list = async (prefix: string): Promise<string[]> => {
    const found = (await call(prefix, (sftp) => sftp.names(at(prefix)))) ?? [];
    const keys = await Promise.all(
      found.map(async ({ name, isFolder }) =>
        isFolder ? list(posix.join(prefix, name)) : [posix.join(prefix, name)],
      ),
    );
    return keys.flat();
  };

  return {
    place,
    jobs,
    isLocal: false,
    list,
    async existing(keys, parallel) {
      const found = new Set<string>();
      if (!listingPays(keys.length))
        await inParallel(keys, parallel, async (key) => {
          if ((await call(key, (sftp) => sftp.size(at(key)))) !== undefined) found.add(key);
        });
      else
        await inParallel(keysByFolder(keys), parallel, async ([folder, wanted]) => {
          const there = await call(folder, (sftp) => sftp.names(at(folder)));
          const names = new Set(there?.map(({ name }) => name));
          for (const key of wanted) if (names.has(key.slice(folder.length + 1))) found.add(key);
        });
      return found;
    },
    put: (key, file) =>
      call(key, async (sftp) => {
        const path = at(key);
        const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
        await makeFolder(sftp, posix.dirname(path));
        try {
          await sendFile(sftp, file, draft);
          await sftp.rename(draft, path);
        } catch (reason) {
          if (!(reason instanceof SftpEnded)) await sftp.remove(draft).catch(() => undefined);
          throw reason;
        }
      }),
    get: (key, draft) => {
      let offset = 0;
      const digest = createHash('md5');
      const file = openSync(draft, 'wx', 0o444);
      fchmodSync(file, 0o444);
      const take = (bytes: Buffer): void => {
        digest.update(bytes);
        for (let written = 0; written < bytes.length;)
          written += writeSync(file, bytes, written, bytes.length - written);
        offset += bytes.length;
      };
      // a connection that breaks goes on behind what is written
      return call(key, (sftp) => bringFile(sftp, at(key), () => offset, take))
        .then(() => digest.digest('hex'))
        .finally(() => closeSync(file));
    },
    remove: (keys) => inParallel(keys, jobs, (key) => call(key, (sftp) => sftp.remove(at(key)))),
    async find(key) {
      const names = await call(key, (sftp) => sftp.names(at(key))).catch(() => undefined);
      const keys = names === undefined ? [key] : await list(key);
      const sizes = await Promise.all(keys.map((one) => call(one, (sftp) => sftp.size(at(one)))));
      return keys.flatMap((one, index) =>
        sizes[index] === undefined ? [] : [{ key: one, size: sizes[index], mark: undefined }],
      );
    },
    close: async () => {
      await session?.then(
        (sftp) => sftp.end(),
        () => undefined,
      );
      session = undefined;
    },
  };
}

interface SshAddress {
  readonly user: string;
  readonly password: string;
  readonly host: string;
  readonly port: string;
  /** as written: spaces and percent signs mean themselves */
  readonly root: string;
  readonly place: string;
}

/** `ssh://user@host:port/path` */
function sshAddress(url: string): SshAddress {
  const [, user = '', password = '', host = '', port = '', root = '/'] =
    /^ssh:\/\/(?:([^@/:]*)(?::([^@/]*))?@)?(\[[^\]]*\]|[^:/]+)(?::(\d+))?(\/.*)?$/i.exec(url) ?? [];
  if (host === '') throw schemeUnknown(url);
  return { user, password, host, port, root, place: `ssh://${host}${port === '' ? '' : `:${port}`}${root}` };
}

/** dvc's options count more than what stands in the address. */
function sshArguments({ options, name }: RemoteConfig, address: SshAddress): string[] {
  const secret = ['password', 'ask_password', 'passphrase', 'ask_passphrase'].find((option) =>
    options.has(option),
  );
  if (secret?.endsWith('password') === true || address.password !== '')
    throw remoteRefused(
      `ssh://${address.host}`,
      'it is asked with a password, which OpenSSH takes from a person only',
      `Let in your key instead (ssh-copy-id ${address.host}), then: tilth data remote modify --unset ${name} ${secret ?? 'password'}`,
    );
  const user = options.get('user') ?? address.user;
  const port = options.get('port') ?? address.port;
  const keyfile = options.get('keyfile');
  return [
    '-oBatchMode=yes',
    '-oClearAllForwardings=yes',
    `-oConnectTimeout=${options.get('timeout') ?? '60'}`,
    '-oServerAliveInterval=15',
    ...(user === '' ? [] : ['-l', user]),
    ...(port === '' ? [] : ['-p', port]),
    ...(keyfile === undefined ? [] : ['-i', keyfile]),
    ...(isTrue(options.get('gss_auth')) ? ['-oGSSAPIAuthentication=yes'] : []),
    ...(options.get('allow_agent')?.toLowerCase() === 'false' ? ['-oIdentityAgent=none'] : []),
    '-s',
    '--',
    address.host.replace(/^\[(.*)\]$/, '$1'),
    'sftp',
  ];
}

async function sendFile(sftp: SftpSession, file: string, path: string): Promise<void> {
  const source = openSync(file, 'r');
  try {
    const handle = await sftp.open(path, 'write-new');
    let offset = 0;
    const sendBlocks = async (): Promise<void> => {
      for (;;) {
        const block = Buffer.allocUnsafe(blockBytes);
        const at = offset;
        const length = readSync(source, block, 0, blockBytes, at);
        offset += length;
        if (length === 0) return;
        await sftp.write(handle, at, block.subarray(0, length));
      }
    };
    await sendBlocksTogether(sendBlocks);
    await sftp.close(handle);
  } finally {
    closeSync(source);
  }
}

/** All of them end before the first failure is told: none goes on with a closed file. */
async function sendBlocksTogether(work: () => Promise<void>): Promise<void> {
  const done = await Promise.allSettled(Array.from({ length: blocksTogether }, work));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}

async function bringFile(
  sftp: SftpSession,
  path: string,
  offset: () => number,
  take: (bytes: Buffer) => void,
): Promise<void> {
  const size = await sftp.size(path);
  if (size === undefined) throw new SftpRefusal(sftpCodes.noSuchFile, 'No such file');
  const handle = await sftp.open(path, 'read');
  const asked: Promise<Buffer>[] = [];
  let next = offset();
  const fill = (): void => {
    for (; asked.length < blocksTogether && next < size; next += blockBytes) {
      const question = sftp.read(handle, next, Math.min(blockBytes, size - next));
      question.catch(() => undefined);
      asked.push(question);
    }
  };
  fill();
  while (asked.length > 0) {
    const expected = Math.min(blockBytes, size - offset());
    const bytes = (await asked.shift()) ?? Buffer.alloc(0);
    take(bytes);
    // a short answer leaves a hole before the next block: asked for on its own
    for (let missing = expected - bytes.length; missing > 0;) {
      const rest = await sftp.read(handle, offset(), missing);
      if (rest.length === 0) throw new SftpEnded(`the file ended after ${offset()} of ${size} bytes`);
      take(rest);
      missing -= rest.length;
    }
    fill();
  }
  await sftp.close(handle);
}

function translated(reason: unknown, place: string, key: string, { name }: RemoteConfig): unknown {
  if (reason instanceof TilthError) return reason;
  if (reason instanceof SftpRefusal) {
    if (reason.code === sftpCodes.noSuchFile) return objectMissing(place, key);
    if (reason.code === sftpCodes.noRight)
      return remoteRefused(
        place,
        `${key}: ${reason.message}`,
        'Look at the folder’s rights on that machine.',
      );
    return remoteRefused(
      place,
      `${key}: ${reason.message}`,
      'Is its disk full, or the folder somebody else’s?',
    );
  }
  if (!(reason instanceof SftpEnded)) return reason;
  const said = reason.message.split('\n').at(-1) ?? '';
  const host = sshAddress(place).host;
  if (/Permission denied|Too many authentication/i.test(reason.message))
    return remoteRefused(
      place,
      said,
      `Try: ssh ${host}. Another key or user: tilth data remote modify --local ${name} keyfile FILE (or user NAME)`,
    );
  if (/Host key verification|REMOTE HOST IDENTIFICATION/i.test(reason.message))
    return remoteRefused(
      place,
      'its host key is not the one that is known, or none is known',
      `Look at it yourself, and accept it: ssh ${host}`,
    );
  if (/ENOENT/.test(reason.message))
    return remoteRefused(place, 'there is no program ssh', 'Install OpenSSH (package openssh-client).');
  if (/Could not resolve|subsystem request failed|No such file/i.test(reason.message))
    return remoteRefused(place, said, `Look at the address: tilth data remote list, and try: sftp ${host}`);
  return remoteAway(place, reason);
}
