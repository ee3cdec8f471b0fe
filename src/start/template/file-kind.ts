import { statSync, type Stats } from 'node:fs';

/** Is there a folder? What can't be looked at is none. */
export const isFolder = (path: string): boolean => statOf(path)?.isDirectory() === true;

/** Is there a file? What can't be looked at is none. */
export const isFile = (path: string): boolean => statOf(path)?.isFile() === true;

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
