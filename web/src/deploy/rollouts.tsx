import { useState } from 'react';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import type { Rollout, Steering } from '../../../src/deploy/endpoints/rollout-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { shellWord } from '../platform/format.ts';
import { Answer } from '../parts/answer.tsx';
import { Copy, Empty, Panel, When } from '../parts/basics.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Confirm } from './act.tsx';
import { RolloutForm } from './rollout-form.tsx';
import { RolloutView } from './rollout-view.tsx';

const followMs = 1000;

/** The rollout under way with its steps and evidence, what can be done with it, and those before. */
export function Rollouts({ endpoint }: { endpoint: Endpoint }) {
  const query = useApi<Rollout[]>(
    `/api/v1/endpoints/${segment(endpoint.name)}/rollouts`,
    {},
    { every: followMs },
  );
  const [asking, setAsking] = useState<Steering | 'start' | null>(null);
  const newest = query.data?.[0];
  const active = newest?.now === null ? undefined : newest;
  const close = (): void => setAsking(null);
  const canStart = active === undefined && endpoint.targets.length > 0 && !endpoint.isStopped;
  return (
    <Panel
      title="Rollout"
      aside={
        <>
          <Copy text={`tilth endpoint canary ${shellWord(endpoint.name)}`} label="CLI" />
          {canStart ? (
            <button type="button" className="button" onClick={() => setAsking('start')}>
              Roll a version out …
            </button>
          ) : null}
        </>
      }
      flush
    >
      <Answer
        query={query}
        empty={
          <Empty
            title="No version was rolled out by steps yet"
            command={`tilth endpoint canary ${shellWord(endpoint.name)} VERSION`}
          >
            A version begins with few of the requests and gets more while nothing stops it.
          </Empty>
        }
      >
        {(list) => (
          <div className="divide-y divide-line">
            {list.map((rollout, index) =>
              index === 0 ? (
                <div key={rollout.id} className="flex flex-col gap-4 p-4">
                  <RolloutView rollout={rollout} />
                  {rollout.now === null ? null : <Steer state={rollout.state} onAsk={setAsking} />}
                </div>
              ) : (
                <details key={rollout.id} className="p-4 text-sm">
                  <summary>
                    version {rollout.version}: {rollout.state},{' '}
                    <When at={rollout.endedAt ?? rollout.startedAt} />
                  </summary>
                  <div className="mt-3 flex flex-col gap-4">
                    <RolloutView rollout={rollout} />
                  </div>
                </details>
              ),
            )}
          </div>
        )}
      </Answer>
      <Dialog
        open={asking === 'start'}
        onClose={close}
        title={`Roll a version out at ${endpoint.name}`}
        lead="It goes on by itself, step by step, and back by itself when a rule is broken. Empty fields are as tilth.yaml says."
      >
        <RolloutForm endpoint={endpoint} onDone={close} />
      </Dialog>
      {asking === null || asking === 'start' || active === undefined ? null : (
        <Dialog
          open
          onClose={close}
          title={`${steerings[asking].label} the rollout of version ${active.version}`}
          lead={steerings[asking].says(active)}
        >
          <Confirm
            path={`/api/v1/endpoints/${segment(endpoint.name)}/rollout/${asking}`}
            label={steerings[asking].label}
            isDanger={asking === 'stop'}
            isReasonOptional={asking === 'resume'}
            onDone={close}
          />
        </Dialog>
      )}
    </Panel>
  );
}

const steerings: Readonly<Record<Steering, { label: string; says: (rollout: Rollout) => string }>> = {
  pause: {
    label: 'Pause',
    says: () => 'The share stays as it is. What stops it, stops it also while it is paused.',
  },
  resume: { label: 'Resume', says: () => 'The step under way begins anew.' },
  promote: {
    label: 'Promote',
    says: ({ version }) =>
      `Version ${version} becomes champion and answers everybody, at once. It must be approved for that.`,
  },
  stop: {
    label: 'Stop',
    says: ({ version, champion }) =>
      `Version ${version} answers nobody any more; all goes to version ${champion}, at once.`,
  },
};

function Steer({ state, onAsk }: { state: Rollout['state']; onAsk: (steering: Steering) => void }) {
  const choices: Steering[] =
    state === 'watching' ? ['promote', 'stop'] : [state === 'paused' ? 'resume' : 'pause', 'promote', 'stop'];
  return (
    <div className="flex flex-wrap gap-2">
      {choices.map((each) => (
        <button
          key={each}
          type="button"
          className={`button ${each === 'stop' ? 'button-danger' : ''}`}
          onClick={() => onAsk(each)}
        >
          {steerings[each].label} …
        </button>
      ))}
    </div>
  );
}
