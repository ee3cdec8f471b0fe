import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type {
  Finding,
  MetricNoise,
  Output,
  Reproduction,
  Reproductions,
} from '../../../src/develop/reproduce/reproduce-api.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Command, Panel, When, type Tone } from '../parts/basics.tsx';
import { segment, useApi } from '../platform/api.ts';

const verdicts: Readonly<Record<Reproduction['verdict'], readonly [Tone, string]>> = {
  'bit-identical': ['good', 'bit-identical'],
  'within-noise': ['good', 'within noise'],
  differs: ['bad', 'differs'],
  failed: ['warn', 'could not be run'],
};

/** Every time that a run was done again: what it came to, why, and what that rests on. */
export function ReproductionsOf({ runId }: { runId: string }) {
  const query = useApi<Reproductions>(`/api/v1/runs/${segment(runId)}/reproductions`);
  const last = query.data?.reproductions[0];
  const badge = last === undefined ? undefined : verdicts[last.verdict];
  return (
    <Panel
      title="Was it done again?"
      aside={badge === undefined ? null : <Badge tone={badge[0]}>{badge[1]}</Badge>}
      flush
    >
      <Answer query={query}>
        {({ reproductions }) =>
          reproductions.length === 0 ? (
            <div className="px-4 py-3 text-sm text-ink-2">
              <p className="mb-2">
                Not yet. It takes a clean checkout, and says whether the same comes out, bit by bit:
              </p>
              <Command text={`tilth reproduce ${runId}`} isSmall />
            </div>
          ) : (
            <ul className="divide-y divide-line text-sm">
              {reproductions.map((each, at) => (
                <One key={each.id} made={each} isOpen={at === 0} />
              ))}
            </ul>
          )
        }
      </Answer>
    </Panel>
  );
}

const One = ({ made, isOpen }: { made: Reproduction; isOpen: boolean }) => (
  <li className="px-4 py-2">
    <details open={isOpen}>
      <summary className="cursor-pointer">
        <span className="break-words">{made.summary}</span>{' '}
        <span className="text-ink-3">
          <When at={made.at} /> by {made.by}, as {made.place.user}
        </span>
      </summary>
      <div className="mt-2 flex flex-col gap-3">
        {made.findings.map((finding) => (
          <Why key={finding.cause} finding={finding} />
        ))}
        {made.failure === null ? null : (
          <div>
            <pre className="max-h-48 overflow-auto rounded-sm bg-sunken p-2 text-xs whitespace-pre-wrap">
              {made.failure.output || made.failure.message}
            </pre>
            <p className="mt-1 text-xs text-ink-2">{made.failure.todo}</p>
          </div>
        )}
        {made.likeness === null ? null : <Outputs outputs={made.likeness.outputs} />}
        {made.likeness === null ? null : <Ingredients made={made} />}
        {made.noise === null ? null : <Noises metrics={made.noise.metrics} caveat={made.noise.caveat} />}
        <Lines title="Tried" lines={made.experiments.map(({ said }) => said)} />
        <Lines title="Notes" lines={made.notes} />
        {made.againId === null ? null : (
          <Link to={`/develop/runs/${segment(made.againId)}`} className="link">
            The run that did it again
          </Link>
        )}
      </div>
    </details>
  </li>
);

const Why = ({ finding: { cause, certainty, because, todo } }: { finding: Finding }) => (
  <div>
    <p>
      <Badge tone={certainty === 'shown' ? 'bad' : 'warn'}>{cause}</Badge>{' '}
      <span className="text-ink-2">{certainty}</span>
    </p>
    <p className="mt-1 break-words">{because}</p>
    {todo === null ? null : <p className="text-xs text-ink-2">{todo}</p>}
  </div>
);

const shownOutputs = 30;

/** Those that are not simply equal, and all metrics. */
function Outputs({ outputs }: { outputs: readonly Output[] }) {
  const told = outputs
    .filter(({ kind, state }) => state !== 'equal' || kind === 'metric')
    .slice(0, shownOutputs);
  if (told.length === 0) return null;
  return (
    <Grid head={['output', 'recorded', 'found', '']}>
      {told.map(({ kind, name, recorded, found, state, rule }) => (
        <Row
          key={`${kind} ${name}`}
          cells={[name, short(recorded), short(found), rule === null ? state : `${state} ${rule}`]}
          isBad={isBad(state)}
        />
      ))}
    </Grid>
  );
}

const isBad = (state: string): boolean => state === 'differs' || state.startsWith('only');

function Ingredients({ made }: { made: Reproduction }) {
  const told = (made.likeness?.ingredients ?? []).filter(({ state }) => state !== 'equal');
  if (told.length === 0)
    return <p className="text-ink-2">Everything that was recorded was found as it was.</p>;
  return (
    <Grid head={['ingredient', 'recorded', 'found', '']}>
      {told.slice(0, shownOutputs).map(({ subject, name, recorded, found, state }) => (
        <Row
          key={`${subject} ${name}`}
          cells={[`${subject}: ${name}`, short(recorded), short(found), state]}
          isBad={state === 'differs'}
        />
      ))}
    </Grid>
  );
}

const Noises = ({ metrics, caveat }: { metrics: readonly MetricNoise[]; caveat: string }) => (
  <div>
    <Grid head={['metric', 'recorded', 'found', 'other seeds', '']}>
      {metrics.map(({ name, recorded, found, low, high, isInside }) => (
        <Row
          key={name}
          cells={[
            name,
            short(recorded),
            short(found),
            `${short(low)} to ${short(high)}`,
            isInside ? 'within' : 'outside',
          ]}
          isBad={!isInside}
        />
      ))}
    </Grid>
    <p className="mt-1 text-xs text-ink-2">{caveat}</p>
  </div>
);

const Grid = ({ head, children }: { head: readonly string[]; children: ReactNode }) => (
  <div className="overflow-x-auto">
    <table className="w-full text-left text-xs">
      <thead className="text-ink-3">
        <tr>
          {head.map((each) => (
            <th key={each} className="py-1 pr-3 font-normal">
              {each}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);

const Row = ({ cells, isBad: isMarked }: { cells: readonly string[]; isBad: boolean }) => (
  <tr className="border-t border-line">
    {cells.map((cell, at) => (
      <td
        key={at}
        className={`max-w-64 truncate py-1 pr-3 ${isMarked && at === cells.length - 1 ? 'text-bad' : ''}`}
        title={cell}
      >
        {cell}
      </td>
    ))}
  </tr>
);

const Lines = ({ title, lines }: { title: string; lines: readonly string[] }) =>
  lines.length === 0 ? null : (
    <div>
      <p className="text-xs text-ink-3">{title}</p>
      <ul className="list-disc pl-4 text-xs text-ink-2">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );

function short(value: number | string | null): string {
  if (value === null) return '–';
  if (typeof value === 'number') return String(Number(value.toPrecision(10)));
  return /^[0-9a-f]{32,}/.test(value) ? value.slice(0, 8) : value;
}
