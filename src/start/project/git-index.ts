import { copyFileSync, statSync, utimesSync } from 'node:fs';

/**
 * Copies git's index with its time, rounded down. Git looks into a file that was changed as late as its index was
 * written, since size and second may be the same; of a copy that is younger it would believe that nothing changed.
 *
 * @see "racy git" in git's own documentation
 */
export function copyIndex(from: string, to: string): void {
  const second = Math.floor(statSync(from).mtimeMs / 1000);
  copyFileSync(from, to);
  utimesSync(to, second, second);
}
