/** The screens under each section, for the navigation and the palette. */
export interface Place {
  readonly name: string;
  readonly path: string;
  readonly section: string;
}

export const places: readonly Place[] = [
  { section: 'Develop', name: 'Runs', path: '/develop/runs' },
  { section: 'Develop', name: 'Traces', path: '/develop/traces' },
  { section: 'Develop', name: 'Data', path: '/develop/data' },
  { section: 'Develop', name: 'Lineage', path: '/develop/lineage' },
  { section: 'Develop', name: 'Pipelines', path: '/develop/pipelines' },
  { section: 'Deploy', name: 'Models', path: '/deploy/models' },
  { section: 'Deploy', name: 'Endpoints', path: '/deploy/endpoints' },
  { section: 'Maintain', name: 'Retrainings', path: '/maintain/retrainings' },
  { section: 'Maintain', name: 'Cards', path: '/maintain/cards' },
  { section: 'Maintain', name: 'Handover', path: '/maintain/handover' },
  { section: 'Maintain', name: 'Jobs', path: '/maintain/jobs' },
  { section: 'Maintain', name: 'Audit', path: '/maintain/audit' },
];
