import { useState } from 'react';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import type { ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { useSend } from '../platform/send.ts';
import { RouteBars } from './route-words.tsx';
import { ReasonField, SendLine, SentForm } from './sent-form.tsx';
import { VersionChoices } from './version-choices.tsx';

type StickyKind = 'off' | NonNullable<Endpoint['sticky']>['by'];

/** Who answers what share, shifted: what is asked for shows beside what is; the server decides. */
export function RouteForm({ endpoint, onDone }: { endpoint: Endpoint; onDone: () => void }) {
  const versions = useApi<ModelVersion[]>(`/api/v1/models/${segment(endpoint.model)}/versions`);
  const { send, error, isBusy } = useSend(onDone);
  const of = (variant: string) => endpoint.targets.filter((target) => target.variant === variant);
  const [champion, setChampion] = useState(String(of('champion')[0]?.version ?? ''));
  const [canary, setCanary] = useState(String(of('canary')[0]?.version ?? ''));
  const [percent, setPercent] = useState(String(Math.round((of('canary')[0]?.weight ?? 0.1) * 1e4) / 100));
  const [shadows, setShadows] = useState(() => of('shadow').map((target) => target.version));
  const [sticky, setSticky] = useState<StickyKind>(endpoint.sticky?.by ?? 'off');
  const [stickyName, setStickyName] = useState(
    endpoint.sticky === null || endpoint.sticky.by === 'key' ? '' : endpoint.sticky.name,
  );
  const [reason, setReason] = useState('');
  const numbers = (versions.data ?? []).map((each) => each.version);
  const named = stickyName.trim();
  return (
    <SentForm
      error={error}
      onSend={() => {
        void send('PUT', `/api/v1/endpoints/${segment(endpoint.name)}/route`, {
          ...(champion === '' ? {} : { champion: Number(champion) }),
          canary: canary === '' ? null : { version: Number(canary), share: Number(percent) / 100 },
          shadows,
          sticky: sticky === 'off' ? null : sticky === 'key' ? { by: 'key' } : { by: sticky, name: named },
          ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
        });
      }}
    >
      <label className="flex flex-col gap-1 font-medium">
        Champion
        <select
          className="field font-normal"
          value={champion}
          onChange={(event) => setChampion(event.target.value)}
        >
          <option value="">as it is</option>
          <VersionChoices versions={versions.data} />
        </select>
      </label>
      <label className="flex flex-col gap-1 font-medium">
        Canary
        <select
          className="field font-normal"
          value={canary}
          onChange={(event) => setCanary(event.target.value)}
        >
          <option value="">none</option>
          <VersionChoices versions={versions.data} />
        </select>
      </label>
      <fieldset disabled={canary === ''} className={canary === '' ? 'opacity-60' : ''}>
        <legend className="font-medium">Share of the canary</legend>
        <div className="mt-1 flex items-center gap-3">
          <input
            type="range"
            aria-label="Share of the canary"
            className="min-w-0 flex-1 accent-(--accent)"
            min="1"
            max="99"
            step="1"
            value={percent}
            onChange={(event) => setPercent(event.target.value)}
          />
          <input
            className="field w-20 font-normal"
            aria-label="Share of the canary in percent"
            type="number"
            min="0.1"
            max="99.9"
            step="any"
            required
            value={percent}
            onChange={(event) => setPercent(event.target.value)}
          />
          <span className="text-ink-2">%</span>
        </div>
      </fieldset>
      <fieldset>
        <legend className="font-medium">Shadows</legend>
        <div className="mt-1 flex max-h-24 flex-wrap gap-x-4 gap-y-1 overflow-y-auto">
          {numbers.map((each) => (
            <label key={each} className="flex items-center gap-1.5">
              <input
                type="checkbox"
                className="accent-(--accent)"
                checked={shadows.includes(each)}
                onChange={(event) =>
                  setShadows(
                    event.target.checked ? [...shadows, each] : shadows.filter((other) => other !== each),
                  )
                }
              />
              version {each}
            </label>
          ))}
        </div>
      </fieldset>
      <div className="flex flex-wrap gap-3">
        <label className="flex min-w-40 flex-1 flex-col gap-1 font-medium">
          Callers keep their version by
          <select
            className="field font-normal"
            value={sticky}
            onChange={(event) => setSticky(event.target.value as StickyKind)}
          >
            <option value="off">nothing: each request is drawn</option>
            <option value="key">the key of the row</option>
            <option value="header">a header</option>
            <option value="column">an input column</option>
          </select>
        </label>
        {sticky === 'header' || sticky === 'column' ? (
          <label className="flex min-w-32 flex-1 flex-col gap-1 font-medium">
            Name of the {sticky}
            <input
              className="field font-normal"
              required
              value={stickyName}
              onChange={(event) => setStickyName(event.target.value)}
            />
          </label>
        ) : null}
      </div>
      <ReasonField value={reason} onChange={setReason} />
      <div className="rounded-md bg-sunken p-3">
        <p className="mb-2 text-xs text-ink-3">Now, until the server confirms another route</p>
        <RouteBars endpoint={endpoint} />
      </div>
      <SendLine isBusy={isBusy}>Change the route</SendLine>
    </SentForm>
  );
}
