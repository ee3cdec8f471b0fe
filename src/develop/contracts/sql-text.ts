/** A string as SQL text. */
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
/** A name as SQL name. */
export const quotedName = (value: string): string => `"${value.replaceAll('"', '""')}"`;
