import { useState } from 'react';
import type { RetrainingView } from '../../../src/maintain/retraining/retraining-api.ts';
import type { GateReport } from '../../../src/deploy/registry/registry-api.ts';
import { GateTable, Refusal } from '../deploy/gate.tsx';
import { VersionLink } from '../deploy/version-link.tsx';
import { useApi } from '../platform/api.ts';
import { absolute, days, readable } from '../platform/format.ts';
import { Badge, Copy, Empty, Facts, Panel, When, type Tone } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Icon } from '../parts/icon.tsx';
import { JobLog } from './jobs-page.tsx';

const tone: Readonly<Record<RetrainingView['state'], Tone>> = {
  training: 'info',
  shadow: 'info',
  judging: 'info',
  'awaiting-approval': 'warn',
  promoted: 'good',
  refused: 'plain',
  failed: 'bad',
};

export function RetrainingsPage() {
  const retrainings = useApi<RetrainingView[]>('/api/v1/retrainings');
  return (
    <ListPage
      title="Retrainings"
      lead="Each is started by an alert, a schedule or a person; its candidate is promoted only when the gate passes."
      cli="tilth retrain"
      query={retrainings}
      filter="Filter by model or state"
      wordsOf={(each) => `${each.model} ${each.state} ${each.cause.kind}`}
      isCards
      empty={
        <Empty title="No model has been retrained yet" command="tilth retrain MODEL">
          An alert named in the model’s <code>retraining.on</code> starts one by itself.
        </Empty>
      }
    >
      {(list) => list.map((each) => <Retraining key={each.id} retraining={each} />)}
    </ListPage>
  );
}

/** The last part of a branch is what tells it from the others. */
const BranchName = ({ name }: { name: string }) => (
  <span className="flex items-center">
    <code className="truncate text-xs" title={name}>
      {name.slice(name.lastIndexOf('/') + 1)}
    </code>
    <Copy text={name} label="Copy the branch" isSmall />
  </span>
);

function Retraining({ retraining }: { retraining: RetrainingView }) {
  const [shown, setShown] = useState<'gate' | 'log' | null>(null);
  const gate = retraining.gate as GateReport | null;
  return (
    <Panel
      title={
        retraining.candidate === null
          ? `${retraining.model}, no candidate yet`
          : `${retraining.model} version ${retraining.candidate}`
      }
      id={retraining.id}
      aside={
        <>
          <Badge tone={tone[retraining.state]}>{retraining.state}</Badge>
          <When at={retraining.createdAt} />
        </>
      }
    >
      <Facts
        facts={[
          {
            label: 'Started by',
            value: `${retraining.cause.kind}${retraining.cause.kind === 'person' ? `: ${retraining.requestedBy}` : `: ${retraining.cause.id}`}`,
          },
          {
            label: 'Trained on',
            value: days(Date.parse(retraining.trainedFrom), Date.parse(retraining.trainedTo)),
          },
          {
            label: 'Champion then',
            value: <VersionLink model={retraining.model} version={retraining.champion} />,
          },
          {
            label: 'Candidate',
            value: <VersionLink model={retraining.model} version={retraining.candidate} />,
          },
          { label: 'Shadow', value: days(retraining.shadowFrom, retraining.shadowUntil) },
          {
            label: 'Branch',
            value: retraining.branch === null ? '–' : <BranchName name={retraining.branch} />,
          },
        ]}
      />
      <ol className="mt-5 flex flex-col gap-x-5 xl:flex-row">
        {retraining.steps.map((step, index) => {
          const isLast = index === retraining.steps.length - 1;
          const ended = step.state === 'failed' ? 'bad' : step.state === 'promoted' ? 'good' : 'plain';
          return (
            <li
              key={`${step.at}-${index}`}
              className="relative flex min-w-0 flex-1 gap-3 pb-3 xl:flex-col xl:gap-1.5"
            >
              {isLast ? null : (
                <span
                  aria-hidden="true"
                  className="absolute top-4 bottom-0 left-[7px] w-px bg-line xl:top-[11px] xl:-right-5 xl:bottom-auto xl:left-4 xl:h-px xl:w-auto"
                />
              )}
              <span
                aria-hidden="true"
                className={`mt-1 grid size-[15px] shrink-0 place-items-center rounded-full border ${
                  ended === 'bad'
                    ? 'border-bad text-bad'
                    : ended === 'good'
                      ? 'border-good text-good'
                      : 'border-line-strong text-ink-3'
                } bg-surface`}
              >
                {isLast && ended === 'plain' ? (
                  <span className="size-1.5 rounded-full bg-current" />
                ) : (
                  <Icon name={ended === 'bad' ? 'cross' : 'check'} size={9} />
                )}
              </span>
              <span className="min-w-0">
                <span className="font-medium">{step.state}</span>
                <span className="ml-2 text-xs text-ink-3" title={absolute(step.at)}>
                  <When at={step.at} />
                </span>
                <span className="block text-sm break-words text-ink-2">{readable(step.note)}</span>
              </span>
            </li>
          );
        })}
      </ol>
      {gate === null || gate.passed ? null : <Refusal gate={gate} className="mb-4" />}
      <div className="flex flex-wrap gap-2">
        {gate === null ? null : (
          <button
            type="button"
            className="button"
            aria-expanded={shown === 'gate'}
            onClick={() => setShown(shown === 'gate' ? null : 'gate')}
          >
            <Icon name={gate.passed ? 'check' : 'cross'} className={gate.passed ? 'text-good' : 'text-bad'} />
            Gate {gate.passed ? 'passed' : 'not passed'}
          </button>
        )}
        {retraining.jobId === null ? null : (
          <button
            type="button"
            className="button"
            aria-expanded={shown === 'log'}
            onClick={() => setShown(shown === 'log' ? null : 'log')}
          >
            Job log
          </button>
        )}
      </div>
      {shown === 'gate' && gate !== null ? (
        <div className="mt-4 -mx-4 border-t border-line">
          <GateTable report={gate} />
        </div>
      ) : null}
      {shown === 'log' && retraining.jobId !== null ? (
        <div className="mt-4">
          <JobLog id={retraining.jobId} />
        </div>
      ) : null}
    </Panel>
  );
}
