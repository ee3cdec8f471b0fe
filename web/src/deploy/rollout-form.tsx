import { useState } from 'react';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import type { NewRollout } from '../../../src/deploy/endpoints/rollout-api.ts';
import type { ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { useSend } from '../platform/send.ts';
import { ReasonField, SendLine, SentForm } from './sent-form.tsx';
import { VersionChoices } from './version-choices.tsx';

const fields = {
  minutes: { label: 'Minutes of each step', min: 0 },
  minRequests: { label: 'Requests of each step', min: 0 },
  watch: { label: 'Minutes it is watched then', min: 0 },
  errorRate: { label: 'Failed requests it may have, %', min: 0 },
  p99Ratio: { label: 'Times slower it may be (p99)', min: 1 },
} as const;
type Field = keyof typeof fields;

/** Begins a rollout; what is left empty is as the project declares it. */
export function RolloutForm({ endpoint, onDone }: { endpoint: Endpoint; onDone: () => void }) {
  const versions = useApi<ModelVersion[]>(`/api/v1/models/${segment(endpoint.model)}/versions`);
  const { send, error, isBusy } = useSend(onDone);
  const [version, setVersion] = useState('');
  const [steps, setSteps] = useState('');
  const [given, setGiven] = useState<Readonly<Partial<Record<Field, string>>>>({});
  const [reason, setReason] = useState('');
  const champion = endpoint.targets.find((target) => target.variant === 'champion')?.version;
  return (
    <SentForm
      error={error}
      onSend={() => {
        const wanted = rolloutOf({ version, steps, given, reason });
        void send('POST', `/api/v1/endpoints/${segment(endpoint.name)}/rollouts`, wanted);
      }}
    >
      <label className="flex flex-col gap-1 font-medium">
        Version
        <select
          className="field font-normal"
          required
          value={version}
          onChange={(event) => setVersion(event.target.value)}
        >
          <option value="">choose …</option>
          <VersionChoices versions={versions.data?.filter((each) => each.version !== champion)} />
        </select>
      </label>
      <label className="flex flex-col gap-1 font-medium">
        Steps, in percent of the requests
        <input
          className="field font-normal"
          value={steps}
          placeholder="1, 5, 25, 50, 100"
          pattern="\s*\d+(\.\d+)?(\s*[,\s]\s*\d+(\.\d+)?)*\s*"
          title="growing numbers up to 100, with commas between"
          onChange={(event) => setSteps(event.target.value)}
        />
      </label>
      <div className="grid gap-3 sm:grid-cols-2">
        {(Object.keys(fields) as Field[]).map((field) => (
          <label key={field} className="flex flex-col gap-1 font-medium">
            {fields[field].label}
            <input
              className="field font-normal"
              type="number"
              step="any"
              min={fields[field].min}
              placeholder="as declared"
              value={given[field] ?? ''}
              onChange={(event) => setGiven({ ...given, [field]: event.target.value })}
            />
          </label>
        ))}
      </div>
      <ReasonField value={reason} onChange={setReason} />
      <SendLine isBusy={isBusy} isDisabled={version === ''}>
        Begin the rollout
      </SendLine>
    </SentForm>
  );
}

const minuteMs = 60_000;

/** What was typed as the server takes it; empty fields are left out. */
export function rolloutOf(typed: {
  version: string;
  steps: string;
  given: Readonly<Partial<Record<Field, string>>>;
  reason: string;
}): NewRollout {
  const numberOf = (field: Field): number | undefined =>
    (typed.given[field] ?? '') === '' ? undefined : Number(typed.given[field]);
  const steps = typed.steps.split(/[\s,]+/).filter((each) => each !== '');
  const minutes = numberOf('minutes');
  const minRequests = numberOf('minRequests');
  const watch = numberOf('watch');
  const errorRate = numberOf('errorRate');
  const p99Ratio = numberOf('p99Ratio');
  return {
    version: Number(typed.version),
    ...(steps.length === 0 ? {} : { steps: steps.map(Number) }),
    ...(minutes === undefined ? {} : { everyMs: Math.round(minutes * minuteMs) }),
    ...(minRequests === undefined ? {} : { minRequests }),
    ...(watch === undefined ? {} : { watchMs: Math.round(watch * minuteMs) }),
    ...(errorRate === undefined && p99Ratio === undefined
      ? {}
      : {
          stop: {
            ...(errorRate === undefined ? {} : { errorRate: errorRate / 100 }),
            ...(p99Ratio === undefined ? {} : { p99Ratio }),
          },
        }),
    ...(typed.reason.trim() === '' ? {} : { reason: typed.reason.trim() }),
  };
}
