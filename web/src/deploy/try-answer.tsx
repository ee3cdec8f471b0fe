import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import type { ServedSchema } from '../../../src/deploy/serving/serving-api.ts';
import { segment } from '../platform/api.ts';
import { number, shellWord } from '../platform/format.ts';
import { Copy } from '../parts/basics.tsx';
import { pythonRow, readAnswer, type InferAnswer, type Row } from './prediction-row.ts';
import { VersionLink } from './version-link.tsx';

/** An answer, and who gave it. */
export interface Answered {
  readonly answer: InferAnswer;
  readonly version: string | null;
  readonly requestId: string | null;
  /** what the data plane took, seen from the server, ms */
  readonly ms: number | null;
}

/** The same question elsewhere. */
export function Copies({ endpoint, row }: { endpoint: Endpoint; row: Row }) {
  const plane = endpoint.live[0]?.address ?? 'http://127.0.0.1:5081';
  const url = `${plane}/endpoints/${segment(endpoint.name)}/invocations`;
  const body = `{"dataframe_records": [${JSON.stringify(row)}]}`;
  return (
    <>
      <Copy
        text={`curl -s ${shellWord(url)} -H 'content-type: application/json' -d ${shellWord(body)}`}
        label="curl"
      />
      <Copy
        text={`import requests\n\nanswer = requests.post("${url}", json={"dataframe_records": [${pythonRow(row)}]})\nanswer.raise_for_status()\nprint(answer.json(), answer.headers["x-tilth-version"])`}
        label="Python"
      />
      <Copy
        text={`tilth predict ${shellWord(endpoint.name)} --row ${shellWord(JSON.stringify(row))}`}
        label="CLI"
      />
    </>
  );
}

/** What was predicted, how surely, by which version, how fast. */
export function Said({
  endpoint,
  schema,
  answered,
}: {
  endpoint: Endpoint;
  schema: ServedSchema;
  answered: Answered;
}) {
  const { label, probabilities } = readAnswer(schema, answered.answer);
  return (
    <div className="flex flex-col gap-3 rounded-md bg-sunken p-4 text-sm">
      <p className="flex flex-wrap items-baseline gap-x-3">
        <span className="text-ink-2">Predicted</span>
        <strong className="text-xl font-semibold" data-testid="label">
          {typeof label === 'number' ? number(label, 6) : String(label)}
        </strong>
      </p>
      {probabilities.length === 0 ? null : (
        <ul className="flex max-h-48 flex-col gap-1.5 overflow-y-auto" aria-label="Probabilities">
          {probabilities.map((each) => (
            <li key={each.label} className="grid grid-cols-[minmax(2rem,auto)_1fr_4.5rem] items-center gap-3">
              <span>{each.label}</span>
              <span className="h-2 overflow-hidden rounded-sm bg-line" aria-hidden="true">
                <span className="block h-full bg-accent" style={{ width: `${each.value * 100}%` }} />
              </span>
              <span className="num">{(each.value * 100).toFixed(2)} %</span>
            </li>
          ))}
        </ul>
      )}
      <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-ink-2">
        <span>
          answered by <VersionLink model={endpoint.model} version={Number(answered.version)} />
        </span>
        {answered.ms === null ? null : <span>in {number(answered.ms, 3)} ms, seen from the server</span>}
        {answered.requestId === null ? null : (
          <span className="inline-flex items-center gap-1">
            request <code className="break-all">{answered.requestId}</code>
            <Copy text={answered.requestId} isSmall />
          </span>
        )}
      </p>
    </div>
  );
}
