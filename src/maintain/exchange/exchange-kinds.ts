/** What an import or export carries; without zod, which the help of a command does not need. */
export const exchangeKinds = [
  'experiment',
  'run',
  'logged model',
  'trace',
  'registered model',
  'model version',
  'alias',
] as const;
