import { useApi } from '../platform/api.ts';
import type { JobView } from '../../../src/platform/job-api.ts';
import { duration, plain, spoken } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Copy, Empty, Page, Panel, When, type Tone } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';

const tone: Readonly<Record<JobView['state'], Tone>> = {
  queued: 'plain',
  running: 'info',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'warn',
};

export function JobsPage() {
  const jobs = useApi<JobView[]>('/api/v1/jobs', {}, { every: 3000 });
  const [chosen, setChosen] = useUrlState('job');
  return (
    <Page
      title="Jobs"
      name="Jobs"
      lead="Long work: conversions, evaluations, retrainings. It survives a restart of the server."
      cli={`curl -s ${location.origin}/api/v1/jobs`}
    >
      <Panel title="Jobs" flush>
        <Answer
          query={jobs}
          empty={
            <Empty title="No job has run yet">
              Registering a model version or starting a retraining makes one.
            </Empty>
          }
        >
          {(list) => (
            <Table
              heads={[
                'Job',
                'State',
                'Doing, or what came of it',
                'Asked by',
                'Begun',
                figure('Took'),
                'Log',
              ]}
            >
              {list.map((job) => (
                <tr key={job.id} aria-selected={job.id === chosen}>
                  <td>
                    <span className="font-medium">{job.kind}</span>
                    <span className="block text-xs break-all text-ink-3">{job.key}</span>
                  </td>
                  <td>
                    <Badge tone={tone[job.state]}>{job.state}</Badge>
                    {job.attempt > 1 ? (
                      <span className="ml-1.5 text-xs text-ink-3">attempt {job.attempt}</span>
                    ) : null}
                  </td>
                  <td className="max-w-[420px] min-w-[200px] break-words text-ink-2">
                    {job.error ?? job.progress ?? outcomeOf(job)}
                  </td>
                  <td>{job.requestedBy}</td>
                  <td>
                    <When at={job.startedAt} />
                  </td>
                  <td className="num whitespace-nowrap">
                    {job.startedAt === null ? '–' : duration((job.finishedAt ?? Date.now()) - job.startedAt)}
                  </td>
                  <td>
                    <button
                      type="button"
                      className="button h-6 px-2 text-xs"
                      onClick={() => setChosen(job.id === chosen ? '' : job.id)}
                    >
                      {job.id === chosen ? 'Hide' : 'Show'}
                    </button>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Answer>
      </Panel>
      {chosen === '' ? null : <JobLog id={chosen} />}
    </Page>
  );
}

const outcomeOf = (job: JobView): string => {
  const output = typeof job.output === 'object' && job.output !== null ? Object.entries(job.output) : [];
  const words = output
    .filter(([, value]) => typeof value !== 'object')
    .map(([key, value]) => `${spoken(key)} ${plain(value)}`);
  return words.length === 0 ? '–' : words.join(' · ');
};

/** What a job wrote, followed while it runs. */
export function JobLog({ id }: { id: string }) {
  const log = useApi<string>(`/api/v1/jobs/${id}/log`, {}, { every: 2000 });
  return (
    <Panel
      title="Log"
      aside={<Copy text={`curl -s ${location.origin}/api/v1/jobs/${id}/log`} label="Copy as curl" />}
      flush
    >
      <Answer query={log} empty={<Empty title="This job has written nothing." />}>
        {(answer) => (
          <pre className="max-h-[480px] overflow-auto p-4 text-xs whitespace-pre-wrap" tabIndex={0}>
            {answer === '' ? 'Nothing written yet.' : answer}
          </pre>
        )}
      </Answer>
    </Panel>
  );
}
