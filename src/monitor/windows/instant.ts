import { z } from '../../platform/http.ts';

/** A time in a query or flag: milliseconds since the epoch, or ISO 8601 (UTC when it names no zone). */
export function parseInstant(text: string): number {
  if (/^-?\d{6,}$/.test(text)) return Number(text);
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes('T');
  return Date.parse(hasZone ? text : `${text}Z`);
}

export const instant = z
  .string()
  .transform((text, context) => {
    const at = parseInstant(text);
    if (Number.isNaN(at)) context.addIssue({ code: 'custom', message: 'write a time as 2013-03-04 or 2013-03-04T00:00:00Z' });
    return at;
  })
  .openapi({ type: 'string' });
