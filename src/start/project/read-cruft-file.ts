import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { cruftFile, type Origin } from './cruft-file.ts';

const shape: z.ZodType<Origin> = z.object({
  template: z.string(),
  commit: z.string().nullable(),
  checkout: z.string().nullable().default(null),
  context: z.object({ cookiecutter: z.record(z.string(), z.unknown()) }),
  directory: z.string().nullable().default(null),
  skip: z.array(z.string()).optional(),
});

/** @returns undefined for a project that doesn't remember its template */
export function readOrigin(folder: string): Origin | undefined {
  try {
    const parsed = shape.safeParse(JSON.parse(readFileSync(join(folder, cruftFile), 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
