/** Marks the folder of a project; declaration.ts reads it. */
export const declarationFile = 'tilth.yaml';
