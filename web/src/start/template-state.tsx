import { useState } from 'react';
import type { Project } from '../../../src/start/project/project-api.ts';
import type { TemplateUpdate } from '../../../src/start/new-project/template-update-api.ts';
import type { JobStarted } from '../../../src/start/new-project/new-project-api.ts';
import type { JobView } from '../../../src/platform/job-api.ts';
import { ApiError, ask, segment, useApi } from '../platform/api.ts';
import { many, shellWord } from '../platform/format.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Badge, Command, Facts, Id, When, type Tone } from '../parts/basics.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { failureOf, useJob } from './follow-job.ts';
import { UpdatePlanView, countsOf } from './update-plan.tsx';

const pathOf = (project: string): string => `/api/v1/projects/${segment(project)}/template-update`;

/** What is known of the template of a project; asks the server, never the template. */
export const useTemplateUpdate = (project: string) => useApi<TemplateUpdate>(pathOf(project));

/** The one word about a project's template. */
export function UpdateBadge({ update }: { update: TemplateUpdate | undefined }) {
  if (update === undefined) return null;
  const { tone, words } = stateOf(update);
  return <Badge tone={tone}>{words}</Badge>;
}

function stateOf(update: TemplateUpdate): { tone: Tone; words: string } {
  const { plan } = update;
  if (update.template === null) return { tone: 'plain', words: 'template not remembered' };
  if (update.error !== null) return { tone: 'warn', words: 'last check failed' };
  if (plan === null) return { tone: 'plain', words: 'never checked' };
  if (update.isStale) return { tone: 'plain', words: 'check again' };
  if (plan.isUpToDate) return { tone: 'good', words: 'up to date' };
  if (plan.conflictCount > 0)
    return { tone: 'bad', words: `update with ${many(plan.conflictCount, 'conflict')}` };
  return { tone: 'info', words: 'update available' };
}

/** The template of a project: where it is, where the template is, what an update would change, and how to get it. */
export function TemplateState({ project }: { project: Project }) {
  const query = useTemplateUpdate(project.name);
  return (
    <Answer query={query}>
      {(update) => <State project={project} update={update} onChange={() => void query.refetch()} />}
    </Answer>
  );
}

function State({
  project,
  update,
  onChange,
}: {
  project: Project;
  update: TemplateUpdate;
  onChange: () => void;
}) {
  const [asked, setAsked] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isAsking, setAsking] = useState(false);
  const jobId = asked ?? update.jobId;
  const job = useJob(jobId, onChange);
  const isBusy = job?.state === 'queued' || job?.state === 'running';
  const { plan } = update;
  const check = async (): Promise<void> => {
    setError(null);
    try {
      setAsked((await ask<JobStarted>('POST', `${pathOf(project.name)}/check`)).jobId);
    } catch (thrown) {
      setError(thrown);
    }
  };
  const canCheck = update.template !== null && update.hasFolder;
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0 flex-1 basis-80">
          <Facts
            facts={[
              {
                label: 'Template',
                value:
                  update.template === null ? (
                    'not remembered'
                  ) : (
                    <span className="break-all">{update.template}</span>
                  ),
              },
              {
                label: 'The project is at',
                value: update.commit === null ? 'no commit' : <Id text={update.commit} letters={10} />,
              },
              {
                label: 'Newest commit',
                value:
                  plan === null || update.isStale ? (
                    'not known'
                  ) : plan.to === null ? (
                    'no commits'
                  ) : (
                    <span className="inline-flex flex-wrap items-center gap-x-2">
                      <Id text={plan.to} letters={10} />
                      {plan.commits.length > 0 ? (
                        <span className="text-sm text-ink-2">{many(plan.commits.length, 'commit')} on</span>
                      ) : null}
                    </span>
                  ),
              },
              {
                label: 'Checked',
                value:
                  update.checkedAt === null ? (
                    'never'
                  ) : (
                    <>
                      <When at={update.checkedAt} />
                      {update.checkedBy === null || update.checkedBy === 'local'
                        ? ''
                        : ` by ${update.checkedBy}`}
                    </>
                  ),
              },
            ]}
          />
        </div>
        {canCheck ? (
          <button type="button" className="button" disabled={isBusy} onClick={() => void check()}>
            <Icon name="maintain" />
            {isBusy ? 'Looking …' : update.checkedAt === null ? 'Check for an update' : 'Check again'}
          </button>
        ) : null}
      </div>
      <div aria-live="polite" className="flex flex-col gap-3 empty:hidden">
        {isBusy && job?.progress ? <p className="text-sm text-ink-2">{job.progress} …</p> : null}
        {error === null ? null : <Failure error={error} />}
        {update.error === null || isBusy ? null : (
          <Failure
            error={new ApiError(409, update.error.code, update.error.message, update.error.hint ?? undefined)}
          />
        )}
      </div>
      {update.template === null ? <NotRemembered update={update} /> : null}
      {update.template !== null && !update.hasFolder ? (
        <p className="text-sm text-ink-2">
          The folder is not on the server’s machine: check it where it is, with{' '}
          <code>tilth template check</code>.
        </p>
      ) : null}
      {plan === null || update.isStale || update.error !== null ? null : plan.isUpToDate ? (
        <p className="text-sm text-ink-2">Nothing to do: it has all that the template has.</p>
      ) : (
        <section aria-label="What an update would change" className="rounded-md border border-line p-4">
          <div className="mb-4 flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
            <div className="min-w-0">
              <h3 className="text-base">An update would change {countsOf(plan.changes)}</h3>
              <p className="mt-0.5 text-sm text-ink-2">
                Nothing was changed yet. A branch leaves your files alone; the command merges into them.
              </p>
            </div>
            <div className="flex max-w-full min-w-0 flex-wrap items-center gap-2">
              <button type="button" className="button button-primary" onClick={() => setAsking(true)}>
                Make it on a branch …
              </button>
              <Command text={`cd ${shellWord(project.root)} && tilth template update`} />
            </div>
          </div>
          {update.branch === null ? null : <Branch root={project.root} branch={update.branch} />}
          <UpdatePlanView plan={plan} />
          <Dialog
            open={isAsking}
            onClose={() => setAsking(false)}
            title={`Update ${project.name} on a branch`}
            lead="The update is committed on a new branch of the project’s repository. Your files and the branch you are on stay as they are."
          >
            <BranchForm
              project={project.name}
              conflictCount={plan.conflictCount}
              suggestion={`template/${(plan.to ?? 'update').slice(0, 9)}`}
              onDone={() => {
                onChange();
              }}
            />
          </Dialog>
        </section>
      )}
    </div>
  );
}

const NotRemembered = ({ update }: { update: TemplateUpdate }) => (
  <div className="text-sm text-ink-2">
    <p>
      {update.hasFolder
        ? 'The project has no .cruft.json. tilth can find the commit and the answers that are nearest:'
        : 'The project has no .cruft.json, and its folder is not on the server’s machine.'}
    </p>
    <div className="mt-2">
      <Command text="tilth template adopt . TEMPLATE" />
    </div>
  </div>
);

function Branch({ root, branch }: { root: string; branch: NonNullable<TemplateUpdate['branch']> }) {
  return (
    <div className="mb-4 rounded-md bg-good-soft px-3 py-2 text-sm">
      <p>
        The branch <code className="text-xs">{branch.name}</code> holds an update
        {branch.commit === null ? null : (
          <>
            {' '}
            as commit <Id text={branch.commit} letters={9} />
          </>
        )}
        , made <When at={branch.at} />
        {branch.conflictCount > 0 ? `; it has ${many(branch.conflictCount, 'conflict')} to resolve` : ''}.
      </p>
      <div className="mt-1.5">
        <Command text={`git -C ${shellWord(root)} diff HEAD...${shellWord(branch.name)}`} isSmall />
      </div>
    </div>
  );
}

function BranchForm(props: {
  project: string;
  conflictCount: number;
  suggestion: string;
  onDone: () => void;
}) {
  const [branch, setBranch] = useState(props.suggestion);
  const [withConflicts, setWithConflicts] = useState(false);
  const [jobId, setJobId] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const job = useJob(jobId, props.onDone);
  const isBusy = job?.state === 'queued' || job?.state === 'running';
  const make = async (): Promise<void> => {
    setError(null);
    setJobId(null);
    try {
      setJobId((await ask<JobStarted>('POST', pathOf(props.project), { branch, withConflicts })).jobId);
    } catch (thrown) {
      setError(thrown);
    }
  };
  if (job?.state === 'succeeded') return <Made job={job} />;
  return (
    <form
      className="flex flex-col gap-4 text-sm"
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      {error === null ? null : <Failure error={error} />}
      {job?.state === 'failed' ? <Failure error={failureOf(job)} /> : null}
      <label className="flex flex-col gap-1 font-medium">
        Name of the branch
        <input
          className="field font-mono font-normal"
          value={branch}
          spellCheck={false}
          onChange={(event) => setBranch(event.target.value)}
        />
      </label>
      {props.conflictCount === 0 ? null : (
        <label className="flex items-start gap-2">
          <input
            type="checkbox"
            className="mt-1 accent-(--accent)"
            checked={withConflicts}
            onChange={(event) => setWithConflicts(event.target.checked)}
          />
          <span>
            Commit {many(props.conflictCount, 'conflict')} with git’s markers, to be resolved on the branch
            <span className="block text-xs text-ink-2">Without this no branch is made.</span>
          </span>
        </label>
      )}
      <div className="flex items-center gap-3" aria-live="polite">
        <button
          type="submit"
          className="button button-primary"
          disabled={isBusy || branch.trim() === '' || (props.conflictCount > 0 && !withConflicts)}
        >
          Make the branch
        </button>
        {isBusy ? <span className="text-ink-2">{job?.progress ?? 'waiting'} …</span> : null}
      </div>
    </form>
  );
}

function Made({ job }: { job: JobView }) {
  const { branch, commit, outcome } = job.output as {
    branch: string;
    commit: string | null;
    outcome: string;
  };
  return outcome === 'up-to-date' ? (
    <p className="text-sm">There was nothing to commit: the project is up to date.</p>
  ) : (
    <div className="flex flex-col gap-3 text-sm">
      <p>
        Done: the branch <code className="text-xs">{branch}</code> has the update
        {commit === null ? '' : ` as commit ${commit.slice(0, 9)}`}.
      </p>
      <div>
        <Command text={`git merge ${shellWord(branch)}`} />
      </div>
    </div>
  );
}
