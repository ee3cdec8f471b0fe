import { cruftFile } from '../project/cruft-file.ts';
import { decideHooks } from '../template/hook-trust.ts';
import { compareTrees } from './compare-trees.ts';
import { readWorkTree, type Tree } from './git.ts';
import { settled, type UpdateRequest } from './plan-update.ts';
import { firstRender, oursOf, recordedAnswers, skipPatterns, templateName } from './project-origin.ts';
import { isSkipped } from './skip-patterns.ts';
import { withTemplate } from './with-template.ts';
import { commitGone } from './update-errors.ts';
import type { TemplateDiff } from './update-api.ts';

/**
 * What the project changed in the files it has from its template: the template's render against the work tree.
 *
 * @param request without `checkout` the recorded commit
 * @throws TEMPLATE_ORIGIN_MISSING, TEMPLATE_COMMIT_GONE and what fetching and rendering throw
 */
export async function diffTemplate(
  request: Pick<UpdateRequest, 'folder' | 'checkout' | 'config' | 'hooks' | 'ask' | 'onLine'> & {
    /** from the project to the template */
    readonly isReverse?: boolean;
  },
): Promise<TemplateDiff> {
  return withTemplate(request, async ({ project, origin, history }) => {
    const recorded = origin.commit === null ? undefined : await history.find(origin.commit);
    const commit = request.checkout === undefined ? recorded : (history.newest ?? undefined);
    let rendered: Tree;
    if (commit === undefined) {
      if (project.head === '') throw commitGone(origin.template, origin.commit ?? '(none)');
      rendered = await firstRender(project, origin);
    } else {
      const templateFolder = await history.at(commit);
      const runsHooks = await decideHooks({
        source: { template: origin.template, commit },
        folder: templateFolder,
        choice: request.hooks,
        ask: request.ask,
        onLine: request.onLine,
      });
      rendered = await settled(project, project.head === '' ? undefined : await oursOf(project), {
        project,
        template: templateName(origin),
        showsCommit: '_commit' in origin.context.cookiecutter,
        mayRunCode: request.hooks === 'yes',
        templateFolder,
        commit,
        checkout: origin.checkout,
        answers: recordedAnswers(origin),
        defaults: request.config.defaults,
        runsHooks,
        now: new Date(),
      });
    }
    const patterns = await skipPatterns(project.folder, origin);
    const theirs = new Map(
      [...rendered].filter(([path]) => path !== cruftFile && !isSkipped(path, patterns)),
    );
    const ours = await readWorkTree(project, theirs.keys());
    const differences = await (request.isReverse === true
      ? compareTrees(project, ours, theirs)
      : compareTrees(project, theirs, ours));
    return {
      project: project.folder,
      template: origin.template,
      commit: commit ?? origin.commit,
      files: differences.map(({ path, from, status, diff }) => ({
        path,
        ...(from === undefined ? {} : { from }),
        kind:
          status === 'D' || status === 'A'
            ? ('deleted' as const)
            : status === 'R'
              ? ('renamed' as const)
              : ('changed' as const),
        diff,
      })),
    };
  });
}
