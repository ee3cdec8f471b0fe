import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Remembers where a project came from, in the file and format of cruft. */
export const cruftFile = '.cruft.json';

const shape = z.object({
  template: z.string(),
  commit: z.string().nullable(),
  checkout: z.string().nullable().default(null),
  context: z.object({ cookiecutter: z.record(z.string(), z.unknown()) }),
  directory: z.string().nullable().default(null),
  skip: z.array(z.string()).optional(),
});
export type Origin = z.infer<typeof shape>;

export function writeOrigin(folder: string, origin: Origin): void {
  writeFileSync(join(folder, cruftFile), `${JSON.stringify(origin, null, 2)}\n`);
}

/** @returns undefined for a project that doesn't remember its template */
export function readOrigin(folder: string): Origin | undefined {
  try {
    const parsed = shape.safeParse(JSON.parse(readFileSync(join(folder, cruftFile), 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
