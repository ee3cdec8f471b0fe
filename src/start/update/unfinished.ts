import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where an update keeps what it needs to go on or back. */
export const placeOf = (gitFolder: string): string => join(gitFolder, 'tilth-update');

/** Whether an update was interrupted, or is being written now. */
export const isUnfinished = (gitFolder: string): boolean => existsSync(placeOf(gitFolder));
