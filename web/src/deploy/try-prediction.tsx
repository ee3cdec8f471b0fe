import { useRef, useState } from 'react';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import type { ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import type { PredictionPage } from '../../../src/monitor/predictions/prediction-api.ts';
import { ask, segment, useApi } from '../platform/api.ts';
import { shellWord } from '../platform/format.ts';
import { Failure } from '../parts/answer.tsx';
import { Copy, Panel } from '../parts/basics.tsx';

/** Ask the endpoint with a row of one's own; begins with the newest row that was asked, or with empty values. */
export function TryPrediction({ endpoint }: { endpoint: Endpoint }) {
  const champion = endpoint.targets.find((target) => target.variant === 'champion')?.version;
  const version = useApi<ModelVersion>(
    champion === undefined ? null : `/api/v1/models/${segment(endpoint.model)}/versions/${champion}`,
  );
  const newest = useApi<PredictionPage>(`/api/v1/models/${segment(endpoint.model)}/predictions`, {
    limit: 1,
  });
  const [typed, setTyped] = useState<string | null>(null);
  const [answer, setAnswer] = useState<unknown>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);

  const isReady = !newest.isPending && !version.isPending;
  const example = newest.data?.predictions[0]?.features ?? emptyRow(version.data);
  const first = useRef<string | null>(null);
  // the example stays what it was first: predictions that come in meanwhile must not move the text
  if (isReady) first.current ??= JSON.stringify(example, null, 2);
  const text = typed ?? first.current ?? '{}';
  const row = parsed(text);
  const oneLine = row === null ? text : JSON.stringify(row);
  const plane = endpoint.live[0]?.address ?? 'http://127.0.0.1:5081';
  const url = `${plane}/endpoints/${segment(endpoint.name)}/invocations`;
  const body = `{"dataframe_records": [${oneLine}]}`;
  const send = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      setAnswer(
        await ask('POST', `/api/v1/endpoints/${segment(endpoint.name)}/invocations`, {
          dataframe_records: [row],
        }),
      );
    } catch (thrown) {
      setAnswer(null);
      setError(thrown);
    }
    setBusy(false);
  };
  return (
    <Panel
      title="Try a prediction"
      aside={
        <>
          <Copy
            text={`curl -s ${shellWord(url)} -H 'content-type: application/json' -d ${shellWord(body)}`}
            label="curl"
          />
          <Copy
            text={`import requests\n\nanswer = requests.post("${url}", json={"dataframe_records": [${pythonOf(row)}]})\nprint(answer.json())`}
            label="Python"
          />
          <Copy text={`tilth predict ${shellWord(endpoint.name)} --row ${shellWord(oneLine)}`} label="CLI" />
        </>
      }
    >
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label className="flex flex-col gap-1 text-sm font-medium">
          One row, as JSON
          <textarea
            className="field h-48 font-mono text-xs font-normal"
            spellCheck={false}
            value={text}
            aria-invalid={row === null}
            onChange={(event) => setTyped(event.target.value)}
          />
        </label>
        <div className="flex flex-wrap items-center gap-3">
          <button type="submit" className="button button-primary" disabled={isBusy || row === null}>
            Ask
          </button>
          {row === null ? <span className="text-sm text-bad">This is not a JSON object.</span> : null}
          <span className="text-xs text-ink-3">It is logged like every other prediction.</span>
        </div>
      </form>
      <div aria-live="polite" className="mt-3">
        {error === null ? null : <Failure error={error} />}
        {answer === null ? null : (
          <pre className="overflow-x-auto rounded-md bg-sunken p-3 text-xs">
            {JSON.stringify(answer, null, 2)}
          </pre>
        )}
      </div>
    </Panel>
  );
}

const emptyRow = (version: ModelVersion | undefined): Record<string, number | string | boolean> =>
  Object.fromEntries(
    (version?.schema?.inputs ?? []).map((input) => [
      input.name,
      input.datatype === 'BYTES' ? '' : input.datatype === 'BOOL' ? false : 0,
    ]),
  );

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** A JSON row as Python writes it. */
const pythonOf = (row: Record<string, unknown> | null): string =>
  row === null
    ? '{}'
    : `{${Object.entries(row)
        .map(
          ([key, value]) =>
            `${JSON.stringify(key)}: ${value === null ? 'None' : value === true ? 'True' : value === false ? 'False' : JSON.stringify(value)}`,
        )
        .join(', ')}}`;
