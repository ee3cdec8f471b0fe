/** Languages that a contract can be told in. */
export const exportFormats = ['croissant', 'frictionless', 'odcs', 'card'] as const;
export type ExportFormat = (typeof exportFormats)[number];
