import { useRef, useState } from 'react';
import type { Endpoint } from '../../../src/deploy/endpoints/endpoint-api.ts';
import type { ModelVersion } from '../../../src/deploy/registry/registry-api.ts';
import type { ServedSchema } from '../../../src/deploy/serving/serving-api.ts';
import type { PredictionPage } from '../../../src/monitor/predictions/prediction-api.ts';
import { askWhole, segment, useApi } from '../platform/api.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Empty, Panel, Segmented } from '../parts/basics.tsx';
import { cellOf, exampleRow, fieldsOf, inferBody, type InferAnswer, type Row } from './prediction-row.ts';
import { RowFields } from './row-fields.tsx';
import { Copies, Said, type Answered } from './try-answer.tsx';

/** Ask the endpoint with a row of one's own. */
export function TryPrediction({ endpoint }: { endpoint: Endpoint }) {
  const champion = endpoint.targets.find((target) => target.variant === 'champion')?.version;
  const version = useApi<ModelVersion>(
    champion === undefined ? null : `/api/v1/models/${segment(endpoint.model)}/versions/${champion}`,
  );
  const newest = useApi<PredictionPage>(`/api/v1/models/${segment(endpoint.model)}/predictions`, {
    limit: 1,
  });
  if (champion === undefined || newest.isPending) return null;
  return (
    <Answer query={version}>
      {(data) =>
        data.schema === null ? (
          <Panel title="Try a prediction" flush>
            <Empty title={`Version ${data.version} says nothing of what it takes.`} />
          </Panel>
        ) : (
          <Form
            // another schema is another form
            key={data.schemaHash}
            endpoint={endpoint}
            schema={data.schema}
            known={newest.data?.predictions[0]?.features}
          />
        )
      }
    </Answer>
  );
}

function Form({
  endpoint,
  schema,
  known,
}: {
  endpoint: Endpoint;
  schema: ServedSchema;
  known: Readonly<Record<string, unknown>> | null | undefined;
}) {
  const fields = fieldsOf(schema);
  // the example stays what it was first: predictions that come in meanwhile must not move what is typed
  const first = useRef(exampleRow(fields, known)).current;
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>({});
  const [text, setText] = useState<string | null>(null);
  const [face, setFace] = useState<'fields' | 'json'>('fields');
  const [answered, setAnswered] = useState<Answered | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);

  const cells = fields.map((field) => {
    const own = typed[field.name];
    return { field, value: own === undefined ? (first[field.name] ?? null) : cellOf(field, own) };
  });
  const wrong = cells.filter((cell) => cell.value === undefined).map((cell) => cell.field.name);
  const fromFields = Object.fromEntries(cells.map((cell) => [cell.field.name, cell.value ?? null]));
  const shownText = text ?? JSON.stringify(fromFields, null, 2);
  const row: Row | null = face === 'json' ? parsed(shownText) : wrong.length > 0 ? null : fromFields;
  const choose = (next: 'fields' | 'json'): void => {
    // what was typed in one is there in the other
    const read = face === 'json' ? parsed(shownText) : null;
    if (read !== null)
      setTyped(Object.fromEntries(Object.entries(read).map(([key, value]) => [key, textOf(value)])));
    setText(null);
    setFace(next);
  };
  const send = async (): Promise<void> => {
    if (row === null) return;
    setBusy(true);
    setError(null);
    try {
      const { answer, headers } = await askWhole<InferAnswer>(
        'POST',
        `/api/v1/endpoints/${segment(endpoint.name)}/infer`,
        inferBody(schema, row),
      );
      const ms = headers.get('server-timing')?.match(/plane;dur=([\d.]+)/)?.[1];
      setAnswered({
        answer,
        version: headers.get('x-tilth-version'),
        requestId: headers.get('x-tilth-request-id'),
        ms: ms === undefined ? null : Number(ms),
      });
    } catch (thrown) {
      setAnswered(null);
      setError(thrown);
    }
    setBusy(false);
  };
  return (
    <Panel title="Try a prediction" aside={row === null ? null : <Copies endpoint={endpoint} row={row} />}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <div>
          <Segmented
            label="Shown as"
            value={face}
            options={[
              { value: 'fields', label: 'Fields' },
              { value: 'json', label: 'JSON' },
            ]}
            onChange={choose}
          />
        </div>
        {face === 'json' ? (
          <label className="flex flex-col gap-1 text-sm font-medium">
            One row, as JSON
            <textarea
              className="field h-64 font-mono text-xs font-normal"
              spellCheck={false}
              value={shownText}
              aria-invalid={row === null}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
        ) : (
          <RowFields
            cells={cells}
            textOf={(name) => typed[name] ?? textOf(first[name] ?? null)}
            onType={(name, value) => setTyped({ ...typed, [name]: value })}
          />
        )}
        <div className="flex flex-wrap items-center gap-3">
          <button type="submit" className="button button-primary" disabled={isBusy || row === null}>
            Ask
          </button>
          <span className={`text-xs ${row === null ? 'text-bad' : 'text-ink-3'}`} role="status">
            {row !== null
              ? 'It is logged like every other prediction.'
              : face === 'json'
                ? 'This is not a JSON object.'
                : `Not a value: ${wrong.join(', ')}`}
          </span>
        </div>
      </form>
      <div aria-live="polite" className="mt-4">
        {error === null ? null : <Failure error={error} />}
        {answered === null ? null : <Said endpoint={endpoint} schema={schema} answered={answered} />}
      </div>
    </Panel>
  );
}

const textOf = (value: Row[string]): string => (value === null ? '' : String(value));

function parsed(text: string): Row | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : null;
  } catch {
    return null;
  }
}
