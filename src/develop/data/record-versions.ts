import { call } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { note } from '../../platform/terminal.ts';
import type { AddOutcome } from './add-data.ts';

/**
 * Tells the server of new dataset versions; a server that is away is no reason to fail.
 *
 * @returns names of the datasets whose version it took
 */
export async function recordVersions(flags: CommonFlags, outcome: AddOutcome): Promise<string[]> {
  const recorded: string[] = [];
  for (const { dataset, version } of outcome.versions) {
    try {
      await call(flags, 'POST', `/api/v1/datasets/${encodeURIComponent(dataset)}/versions`, version);
      recorded.push(dataset);
      const { sendProfile } = await import('./profile-send.ts');
      await sendProfile(flags, process.cwd(), dataset, version.md5);
    } catch (reason) {
      const isAway = reason instanceof TilthError && reason.code === 'SERVER_NOT_REACHABLE';
      note(
        isAway
          ? `The server does not know of this version of ${dataset} yet (none answers); add it again when one runs.`
          : `The server did not take this version of ${dataset}: ${messageOf(reason)}`,
      );
    }
  }
  return recorded;
}
