import { useState } from 'react';
import type { Comparison } from '../../../src/deploy/endpoints/comparison-api.ts';
import type { Endpoint, RouteRevision } from '../../../src/deploy/endpoints/endpoint-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count, number, shellWord } from '../platform/format.ts';
import { Failure } from '../parts/answer.tsx';
import { Badge, Copy, Panel, Segmented, type Tone } from '../parts/basics.tsx';

const followMs = 5000;

const verdictTone: Readonly<Record<Comparison['verdict'], Tone>> = {
  'not yet': 'plain',
  better: 'good',
  worse: 'bad',
  'no difference that matters': 'info',
};

const metrics = [
  { value: 'accuracy', label: 'Accuracy' },
  { value: 'brier', label: 'Brier' },
  { value: 'other', label: 'Outcome …' },
] as const;
type Choice = (typeof metrics)[number]['value'];

/** Canary and champion by what came of their answers; nothing where the endpoint never had a canary. */
export function ComparisonPanel({ endpoint }: { endpoint: Endpoint }) {
  const [choice, setChoice] = useState<Choice>('accuracy');
  const [outcome, setOutcome] = useState('');
  const metric = choice === 'other' ? outcome.trim() : choice;
  const routes = useApi<RouteRevision[]>(`/api/v1/endpoints/${segment(endpoint.name)}/routes`);
  const hadCanary = (routes.data ?? []).some((each) =>
    each.targets.some((target) => target.variant === 'canary'),
  );
  const query = useApi<Comparison>(
    metric === '' || !hadCanary ? null : `/api/v1/endpoints/${segment(endpoint.name)}/compare`,
    { metric },
    { every: followMs },
  );
  const { data, error } = query;
  if (!hadCanary || (data === undefined && error === null && choice !== 'other')) return null;
  return (
    <Panel
      title="Comparison"
      aside={
        <>
          <Segmented<Choice> label="By" value={choice} options={metrics} onChange={setChoice} />
          <Copy
            text={`tilth endpoint compare ${shellWord(endpoint.name)} --metric ${shellWord(metric)}`}
            label="CLI"
          />
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {choice === 'other' ? (
          <label className="flex flex-col gap-1 text-sm font-medium">
            Name of the outcome that was told of
            <input
              className="field font-normal"
              value={outcome}
              onChange={(event) => setOutcome(event.target.value)}
            />
          </label>
        ) : null}
        {error === null ? null : <Failure error={error} />}
        {data === undefined || metric === '' ? null : <Found comparison={data} />}
      </div>
    </Panel>
  );
}

const Found = ({ comparison }: { comparison: Comparison }) => (
  <>
    <p className="flex flex-wrap items-center gap-2 text-sm">
      <Badge tone={verdictTone[comparison.verdict]}>{comparison.verdict}</Badge>
      <span>
        {comparison.metric} of version {comparison.candidate.version} less that of version{' '}
        {comparison.champion.version}; {comparison.isHigherBetter ? 'more' : 'less'} is better
      </span>
    </p>
    <Interval comparison={comparison} />
    <dl className="grid grid-cols-2 gap-x-6 gap-y-2 text-sm">
      {([comparison.candidate, comparison.champion] as const).map((side, index) => (
        <div key={side.version}>
          <dt className="text-xs text-ink-3">
            {index === 0 ? 'Candidate' : 'Champion'}, version {side.version}
          </dt>
          <dd>
            {number(side.mean)} <span className="text-ink-2">of {count(side.count)} outcomes</span>
          </dd>
        </div>
      ))}
    </dl>
    <details className="text-xs text-ink-2">
      <summary className="link w-fit">What the numbers take for granted</summary>
      <ul className="mt-1 list-disc pl-4">
        {comparison.assumptions.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </details>
  </>
);

/** The difference with its interval, beside the differences that do not matter. */
function Interval({ comparison }: { comparison: Comparison }) {
  const { effect, low, high, smallestEffect, confidence, pValue, verdict } = comparison;
  if (effect === null || low === null || high === null)
    return <p className="text-sm text-ink-2">Too little is known to say how large the difference is.</p>;
  const reach = Math.max(Math.abs(low), Math.abs(high), smallestEffect * 1.5) * 1.1;
  const place = (value: number): number => 50 + (Math.max(-reach, Math.min(reach, value)) / reach) * 50;
  const colour = verdict === 'better' ? 'bg-good' : verdict === 'worse' ? 'bg-bad' : 'bg-info';
  return (
    <figure>
      <div
        className="relative h-12"
        role="img"
        aria-label={`The difference is ${number(effect)}, between ${number(low)} and ${number(high)}`}
      >
        <div
          className="absolute inset-y-0 rounded-sm bg-sunken"
          style={{
            left: `${place(-smallestEffect)}%`,
            width: `${place(smallestEffect) - place(-smallestEffect)}%`,
          }}
        />
        <div className="absolute inset-y-0 w-px bg-line-strong" style={{ left: '50%' }} />
        <div
          className={`absolute top-[21px] h-1.5 rounded-full opacity-50 ${colour}`}
          style={{ left: `${place(low)}%`, width: `${Math.max(place(high) - place(low), 0.5)}%` }}
        />
        <div
          className={`absolute top-4 size-4 -translate-x-1/2 rounded-full border-2 border-surface ${colour}`}
          style={{ left: `${place(effect)}%` }}
        />
      </div>
      <div className="flex justify-between text-xs text-ink-3" aria-hidden="true">
        <span>{number(-reach, 2)}</span>
        <span>0</span>
        <span>+{number(reach, 2)}</span>
      </div>
      <figcaption className="mt-1 text-xs text-ink-2">
        {number(effect)} ({number(low)} to {number(high)} at {confidence * 100} %
        {pValue === null ? '' : `, p ${pValue < 0.0001 ? 'below 0.0001' : number(pValue, 2)}`}), valid
        whenever it is read. Shaded: up to {number(smallestEffect)}, which does not matter.
      </figcaption>
    </figure>
  );
}
