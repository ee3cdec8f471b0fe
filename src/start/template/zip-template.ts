import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import { makeBeside, makeFolder, mayReplace } from './cookiecutters-folder.ts';
import type { Ask } from './context.ts';
import { download } from './download.ts';
import { isRepositoryAddress, withoutSecret } from './repository-address.ts';
import { addressRefused, archiveRefused, folderNotMade, templateNotFetched } from './source-errors.ts';
import { stopped } from './template-errors.ts';
import { ArchiveFault, archiveLimits, openArchive, type Archive } from './zip-archive.ts';

export interface ZipRequest {
  /** a file, or an http or https address */
  readonly template: string;
  /** where archives that were downloaded are kept */
  readonly cookiecuttersFolder: string;
  readonly password?: string | undefined;
  readonly ask?: Pick<Ask, 'yesNo' | 'secret'> | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface UnpackedTemplate {
  readonly folder: string;
  /** where the archive can be had again */
  readonly template: string;
  readonly close: () => void;
}

const mostPasswords = 3;
const silenceMs = 100_000;

/**
 * Unpacks an archive into a folder of its own, which is removed when that fails.
 *
 * @throws TEMPLATE_ARCHIVE_REFUSED, TEMPLATE_NOT_FETCHED
 */
export async function openZip(request: ZipRequest): Promise<UnpackedTemplate> {
  const { template } = request;
  makeFolder(request.cookiecuttersFolder);
  const archive = isRepositoryAddress(template)
    ? await fetchArchive(request)
    : await readArchive(template, resolve(template));
  const [first] = archive.names;
  const shown = withoutSecret(template);
  if (first === undefined) throw archiveRefused(`Zip repository ${shown} is empty`, packAgain);
  if (!first.endsWith('/'))
    throw archiveRefused(`Zip repository ${shown} does not include a top-level directory`, packAgain);
  const base = temporaryFolder();
  const close = (): void => rmSync(base, { recursive: true, force: true });
  try {
    await unlock(archive, base, request);
    return {
      folder: join(base, first.slice(0, -1)),
      template: isRepositoryAddress(template) ? shown : resolve(template),
      close,
    };
  } catch (thrown) {
    close();
    throw refusal(shown, thrown);
  }
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'tilth-template-'));
  } catch (cause) {
    throw folderNotMade(tmpdir(), messageOf(cause));
  }
}

const packAgain = 'Pack the folder of the template, not what is in it: zip -r template.zip template/';

async function readArchive(shown: string, file: string): Promise<Archive> {
  if (!existsSync(file)) throw archiveRefused(`There is no file ${file}.`, 'Check the path of the archive.');
  try {
    return await openArchive(file);
  } catch (thrown) {
    throw refusal(shown, thrown);
  }
}

/** The archive under its own name in the folder of what was fetched; one from before stays until the new one is whole. */
async function fetchArchive(request: ZipRequest): Promise<Archive> {
  const { template, cookiecuttersFolder } = request;
  const shown = withoutSecret(template);
  if (!/^https?:\/\/./.test(template) || !URL.canParse(template))
    throw addressRefused(shown, 'an archive is downloaded from http:// and https:// only');
  const kept = resolve(cookiecuttersFolder, template.slice(template.lastIndexOf('/') + 1));
  if (existsSync(kept) && !(await mayReplace(kept, { ...request, checkout: undefined })))
    return readArchive(shown, kept);
  const beside = makeBeside(cookiecuttersFolder);
  try {
    const fresh = join(beside, 'template.zip');
    await fetchInto(fresh, request, existsSync(kept) ? kept : undefined);
    await readArchive(shown, fresh);
    renameSync(fresh, kept);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  return readArchive(shown, kept);
}

async function fetchInto(file: string, request: ZipRequest, kept: string | undefined): Promise<void> {
  try {
    const { onLine, signal } = request;
    await download(request.template, file, { bytes: archiveLimits.bytes, silenceMs }, { onLine, signal });
  } catch (cause) {
    if (request.signal?.aborted === true) throw stopped();
    // Node adds advice about its own flags
    const [reason = ''] = messageOf(cause).split('; if the root CA');
    const hint = reason.includes('certificate')
      ? 'Name the file of the certificates that you trust: REQUESTS_CA_BUNDLE=FILE'
      : kept === undefined
        ? 'Check the address, and that this machine reaches it.'
        : `The archive from before is as it was. Use it: tilth start ${kept}`;
    throw templateNotFetched(withoutSecret(request.template), reason, hint);
  }
}

async function unlock(archive: Archive, folder: string, request: ZipRequest): Promise<void> {
  const given = await archive.unpack(folder, request.password);
  if (given === 'unpacked') return;
  const wrong = archiveRefused(
    'Invalid password provided for protected repository',
    'Set the right one as COOKIECUTTER_REPO_PASSWORD, or unset it to be asked.',
  );
  if (given === 'wrong-password') throw wrong;
  const secret = request.ask?.secret?.bind(request.ask);
  if (secret === undefined)
    throw archiveRefused(
      'Unable to unlock password protected repository',
      'Set its password as COOKIECUTTER_REPO_PASSWORD; without a terminal you are not asked for it.',
    );
  for (let tries = 0; tries < mostPasswords; tries += 1)
    if ((await archive.unpack(folder, await secret('Repo password'))) === 'unpacked') return;
  throw wrong;
}

function refusal(shown: string, thrown: unknown): unknown {
  if (!(thrown instanceof ArchiveFault)) return thrown;
  if (thrown.kind === 'not-written')
    return templateNotFetched(
      shown,
      thrown.message,
      'Free some space, or set TMPDIR to a folder that has it.',
    );
  if (thrown.kind === 'leads-out')
    return archiveRefused(
      `Zip repository ${shown} is refused: ${JSON.stringify(thrown.message)} in it leads out of its folder`,
      'No honest archive has such a name; look at where it came from.',
      thrown,
    );
  if (thrown.kind === 'too-big')
    return archiveRefused(
      `Zip repository ${shown} is refused: ${thrown.message}`,
      'If you trust it, unpack it yourself and give its folder.',
      thrown,
    );
  return archiveRefused(
    `Zip repository ${shown} is not a valid zip archive: ${thrown.message}`,
    'Open the address in a browser: what it answers may be a page, not the archive.',
    thrown,
  );
}
