import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Remembers where a project came from, in the file and format of cruft. */
export const cruftFile = '.cruft.json';

export interface Origin {
  readonly template: string;
  readonly commit: string | null;
  readonly checkout: string | null;
  readonly context: { readonly cookiecutter: Readonly<Record<string, unknown>> };
  readonly directory: string | null;
  readonly skip?: readonly string[] | undefined;
}

export function writeOrigin(folder: string, origin: Origin): void {
  writeFileSync(join(folder, cruftFile), originText(origin));
}

/** The file as cruft writes it; keys that cruft or others added stay. */
export const originText = (origin: Origin): string => `${JSON.stringify(origin, null, 2)}\n`;
