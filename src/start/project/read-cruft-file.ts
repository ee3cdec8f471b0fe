import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { cruftFile, type Origin } from './cruft-file.ts';

const shape: z.ZodType<Origin> = z.looseObject({
  template: z.string(),
  commit: z.string().nullable(),
  checkout: z.string().nullable().default(null),
  context: z.looseObject({ cookiecutter: z.record(z.string(), z.unknown()) }),
  // cruft of old wrote none
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

/** @throws Error that says what is wrong with the text */
export function parseOrigin(text: string): Origin {
  const parsed = shape.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}
