import { Link } from '@tanstack/react-router';
import type { AliasStay } from '../../../src/deploy/registry/registry-api.ts';
import { segment } from '../platform/api.ts';
import { absolute } from '../platform/format.ts';
import { useNow } from '../platform/now.ts';
import { useUrlState } from '../platform/url.ts';
import { holderAt, placedStays } from './alias-stays.ts';
import { AliasBadge } from './version-badges.tsx';
import { VersionLink } from './version-link.tsx';

const fewestForLabel = 0.05;

/** Which version held which alias, as bars over time; the table below says the same. */
export function AliasTimeline({ model, stays }: { model: string; stays: readonly AliasStay[] }) {
  const now = useNow();
  const { from, rows } = placedStays(stays, now);
  return (
    <div className="border-b border-line px-4 py-4">
      <ul className="flex flex-col gap-2">
        {rows.map(({ alias, stays: placed }) => (
          <li key={alias} className="flex items-center gap-3">
            <span className="w-24 shrink-0">
              <AliasBadge alias={alias} />
            </span>
            <div className="relative h-7 min-w-0 flex-1 rounded-sm bg-sunken">
              {placed.map(({ stay, start, width }) => (
                <Link
                  key={`${stay.fromAt}/${stay.version}`}
                  to={`/deploy/models/${segment(model)}/${stay.version}`}
                  title={`version ${stay.version}, ${absolute(stay.fromAt)} – ${stay.toAt === null ? 'now' : absolute(stay.toAt)}`}
                  aria-label={`version ${stay.version} was ${alias} from ${absolute(stay.fromAt)} until ${stay.toAt === null ? 'now' : absolute(stay.toAt)}`}
                  className="absolute inset-y-0 flex items-center justify-center overflow-hidden rounded-sm border-r-2 border-surface text-xs font-medium text-surface"
                  style={{
                    left: `${start * 100}%`,
                    width: `max(${width * 100}%, 4px)`,
                    background: `var(--series-${((stay.version - 1) % 8) + 1})`,
                  }}
                >
                  {width < fewestForLabel ? '' : stay.version}
                </Link>
              ))}
            </div>
          </li>
        ))}
      </ul>
      <p className="mt-1 flex justify-between gap-3 pl-27 text-xs text-ink-3">
        <span>{absolute(from)}</span>
        <span>now</span>
      </p>
      <AtMoment model={model} stays={stays} />
    </div>
  );
}

/** “Which version was champion when”: a moment to choose, in UTC, and the answer. */
function AtMoment({ model, stays }: { model: string; stays: readonly AliasStay[] }) {
  const [at, setAt] = useUrlState('at');
  const moment = at === '' ? null : Date.parse(`${at}Z`);
  const stay = moment === null ? undefined : holderAt(stays, 'champion', moment);
  return (
    <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2 text-sm">
      <label className="flex flex-wrap items-center gap-2">
        Who was champion at
        <input
          type="datetime-local"
          step="1"
          className="field"
          value={at}
          onChange={(event) => setAt(event.target.value)}
        />
        <span className="text-ink-3">UTC</span>
      </label>
      <span role="status">
        {moment === null || Number.isNaN(moment) ? null : stay === undefined ? (
          'nobody'
        ) : (
          <>
            <VersionLink model={model} version={stay.version} />
            <span className="text-ink-2">
              , made so by {stay.by}
              {stay.approval === null ? '' : `, approved by ${stay.approval.by ?? 'nobody'}`}
            </span>
          </>
        )}
      </span>
    </div>
  );
}
