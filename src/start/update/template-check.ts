import { cruftFile } from '../project/cruft-file.ts';
import { isTrusted } from '../template/hook-trust.ts';
import { renderBoth, type UpdateRequest } from './plan-update.ts';
import { skipPatterns } from './project-origin.ts';
import { isSkipped } from './skip-patterns.ts';
import { withTemplate } from './with-template.ts';
import { changedPaths } from './three-way-merge.ts';
import type { TemplateCheck } from './update-api.ts';

/**
 * Whether the project is at its template's newest commit. Commits that change nothing of what this project would get
 * don't count. Hooks run only where they are trusted already: the question is the same for both versions.
 *
 * @throws TEMPLATE_ORIGIN_MISSING, TEMPLATE_COMMIT_GONE and what fetching and rendering throw
 */
export async function checkTemplate(
  request: Pick<UpdateRequest, 'folder' | 'checkout' | 'config' | 'hooks' | 'onLine'>,
): Promise<TemplateCheck> {
  return withTemplate(request, async ({ project, origin, history }) => {
    const { newest } = history;
    const from = origin.commit === null ? undefined : await history.find(origin.commit);
    const answer = {
      project: project.folder,
      template: origin.template,
      commit: from ?? origin.commit,
      newest,
      commits: from === undefined || newest === null ? [] : await history.between(from, newest),
    };
    if (from !== undefined && from === newest) return { ...answer, isUpToDate: true, changedCount: 0 };
    const folder = await history.at(newest);
    const trusts =
      request.hooks === 'yes' || isTrusted({ template: origin.template, commit: newest }, folder);
    const { base, next } = await renderBoth({
      ...request,
      hooks: request.hooks === 'no' || !trusts ? 'no' : 'yes',
      project,
      origin,
      history,
      from,
    });
    const patterns = await skipPatterns(project.folder, origin);
    const changed = changedPaths(base, next).filter(
      (path) => path !== cruftFile && !isSkipped(path, patterns),
    );
    return { ...answer, isUpToDate: changed.length === 0, changedCount: changed.length };
  });
}
