import { resolve } from 'node:path';
import type { Origin } from '../project/cruft-file.ts';
import { openFolder, type ProjectRepository } from './git.ts';
import type { UpdateRequest } from './plan-update.ts';
import { originOf } from './project-origin.ts';
import { openOrigin, type TemplateHistory } from './template-history.ts';

export interface OpenedTemplate {
  readonly project: ProjectRepository;
  readonly origin: Origin;
  readonly history: TemplateHistory;
}

/**
 * Opens a project and its template for a look at both, and closes them after it.
 *
 * @throws TEMPLATE_ORIGIN_MISSING and what fetching throws
 */
export async function withTemplate<T>(
  request: Pick<UpdateRequest, 'folder' | 'checkout' | 'config' | 'onLine'>,
  look: (opened: OpenedTemplate) => Promise<T>,
): Promise<T> {
  const project = await openFolder(resolve(request.folder));
  let history: TemplateHistory | undefined;
  try {
    const { origin, isCopier } = await originOf(project, 'work-tree');
    history = await openOrigin(isCopier, {
      origin,
      checkout: request.checkout,
      abbreviations: request.config.abbreviations,
      workspace: project.workspace,
      onLine: request.onLine,
    });
    return await look({ project, origin, history });
  } finally {
    history?.close();
    project.close();
  }
}
