import type { Check, Decision, Rollout } from '../../../src/deploy/endpoints/rollout-api.ts';
import { count, duration, many } from '../platform/format.ts';
import { Badge, When, type Tone } from '../parts/basics.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { VersionLink } from './version-link.tsx';

const stateTone: Readonly<Record<Rollout['state'], Tone>> = {
  running: 'info',
  paused: 'warn',
  watching: 'info',
  promoted: 'good',
  stopped: 'plain',
  'rolled back': 'bad',
  superseded: 'plain',
};

/** A rollout with its steps, what would be decided now, and what was decided on which evidence. */
export const RolloutView = ({ rollout }: { rollout: Rollout }) => (
  <>
    <p className="flex flex-wrap items-center gap-2 text-sm">
      <Badge tone={stateTone[rollout.state]}>{rollout.state}</Badge>
      <span>
        <VersionLink model={rollout.model} version={rollout.version} /> beside champion {rollout.champion}
      </span>
      <span className="text-ink-2">
        begun <When at={rollout.startedAt} /> by {rollout.startedBy}
      </span>
    </p>
    <Steps rollout={rollout} />
    {rollout.now === null ? null : <Now rollout={rollout} now={rollout.now} />}
    <Decisions decisions={rollout.decisions} />
  </>
);

/** Each step as a bar of its share: done, under way, to come. */
function Steps({ rollout }: { rollout: Rollout }) {
  const { plan, step, state } = rollout;
  const isOver = state === 'promoted' || state === 'watching';
  return (
    <ol className="flex gap-1" aria-label="Steps">
      {plan.steps.map((each, index) => {
        const isNow = index === step && !isOver;
        const isDone = index < step || isOver;
        const isReached = isDone || isNow;
        const hasEnded = rollout.now === null && !isOver;
        return (
          <li
            key={each.percent}
            className="min-w-0 flex-1"
            aria-current={isNow && !hasEnded ? 'step' : undefined}
          >
            <div className="flex h-10 items-end rounded-sm bg-sunken" aria-hidden="true">
              <div
                className={`w-full rounded-sm ${isReached ? (hasEnded ? 'bg-line-strong' : isNow ? 'bg-info' : 'bg-accent') : 'bg-line'}`}
                style={{ height: `${Math.max(each.percent, 6)}%` }}
              />
            </div>
            <p
              className={`mt-1 truncate text-center text-xs ${isNow ? 'font-medium text-ink' : 'text-ink-3'}`}
            >
              {each.percent} %
              <span className="sr-only">
                {isDone ? ', done' : isNow ? (hasEnded ? ', ended here' : ', under way') : ', to come'}
              </span>
            </p>
          </li>
        );
      })}
    </ol>
  );
}

/** What would be decided at this moment, by which numbers. */
function Now({
  rollout,
  now: { verdict, evidence },
}: {
  rollout: Rollout;
  now: NonNullable<Rollout['now']>;
}) {
  const step = rollout.plan.steps[rollout.step];
  const wanted = rollout.state === 'watching' ? 0 : (step?.minRequests ?? 0);
  return (
    <div className="flex flex-col gap-2 rounded-md bg-sunken p-3 text-sm">
      <p>
        <strong className="font-medium">{decisionWords[verdict.decision]}.</strong> {verdict.because}
      </p>
      <p className="text-xs text-ink-2">
        this step: {duration(Math.max(0, Date.now() - rollout.stepStartedAt))},{' '}
        {count(evidence.candidate.requestCount)}
        {wanted === 0 ? '' : ` of at least ${count(wanted)}`} requests answered by version {rollout.version},{' '}
        {count(evidence.champion.requestCount)} by version {rollout.champion};{' '}
        {many(evidence.planes.length, 'data plane')}
      </p>
      <Checks checks={verdict.checks} />
    </div>
  );
}

const decisionWords = {
  stay: 'It stays',
  advance: 'It goes on',
  stop: 'It goes back',
  finish: 'It is done',
} as const;

const outcomes: Readonly<Record<Check['outcome'], { icon: IconName; className: string; words: string }>> = {
  holds: { icon: 'check', className: 'text-good', words: 'holds' },
  broken: { icon: 'cross', className: 'text-bad', words: 'broken' },
  'not yet': { icon: 'dash', className: 'text-ink-3', words: 'not known yet' },
};

const Checks = ({ checks }: { checks: readonly Check[] }) =>
  checks.length === 0 ? null : (
    <ul className="flex flex-col gap-1 text-xs">
      {checks.map((check) => {
        const { icon, className, words } = outcomes[check.outcome];
        return (
          <li key={check.rule} className="flex gap-2">
            <Icon name={icon} size={14} className={`mt-px ${className}`} />
            <span className="min-w-0">
              <span className="font-medium">{check.rule}</span> {words}: {check.said}
            </span>
          </li>
        );
      })}
    </ul>
  );

const decisionIcon: Readonly<Record<Decision['what'], IconName>> = {
  started: 'arrow',
  advanced: 'up',
  paused: 'dash',
  resumed: 'arrow',
  promoted: 'check',
  finished: 'check',
  stopped: 'cross',
  'rolled back': 'rollback',
  superseded: 'dash',
};

/** What was decided, by whom, on which evidence; the newest first. */
const Decisions = ({ decisions }: { decisions: readonly Decision[] }) => (
  <ol className="flex flex-col gap-3 text-sm" aria-label="Decisions">
    {[...decisions].reverse().map((each) => (
      <li key={each.number} className="flex gap-2.5">
        <Icon name={decisionIcon[each.what]} className="mt-0.5 text-ink-3" />
        <div className="min-w-0">
          <p>
            <span className="font-medium">{each.what}</span>{' '}
            <span className="text-ink-2">
              by {each.by}
              {each.onBehalfOf === null ? '' : ` for ${each.onBehalfOf}`} · <When at={each.at} />
            </span>
          </p>
          <p className="break-words text-ink-2">{each.because}</p>
          {each.evidence === null ? null : (
            <details className="mt-1 text-xs">
              <summary className="link w-fit">evidence</summary>
              <div className="mt-1 flex flex-col gap-1">
                {(['candidate', 'champion'] as const).map((side) => {
                  const numbers = each.evidence?.[side];
                  return numbers === undefined ? null : (
                    <p key={side} className="text-ink-2">
                      {side}: {count(numbers.requestCount)} requests, {count(numbers.failedCount)} failed,{' '}
                      {count(numbers.refusedCount)} refused, {count(numbers.rowCount)} rows
                    </p>
                  );
                })}
                <Checks checks={each.checks} />
              </div>
            </details>
          )}
        </div>
      </li>
    ))}
  </ol>
);
