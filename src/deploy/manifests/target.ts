/** What a folder of manifests is for. */
export const targets = ['kubernetes', 'kserve'] as const;
export type Target = (typeof targets)[number];
