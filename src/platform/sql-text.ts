/** A text as SQL literal. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A name as SQL identifier. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
