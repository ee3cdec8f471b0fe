import { useState } from 'react';
import { segment } from '../platform/api.ts';
import { useSend } from '../platform/send.ts';
import { Failure } from '../parts/answer.tsx';
import { Panel } from '../parts/basics.tsx';
import { Markdown } from '../parts/markdown.tsx';

/** The tag that MLflow's own page keeps a run's description in. */
export const noteTag = 'mlflow.note.content';

/** What a person says of a run, in Markdown; MLflow's clients see the same. */
export function RunNotes({ id, text }: { id: string; text: string }) {
  const [draft, setDraft] = useState<string | null>(null);
  const { send, isBusy, error, forget } = useSend(() => setDraft(null));
  const save = (): void => void send('PUT', `/api/v1/runs/${segment(id)}/note`, { text: draft ?? '' });
  return (
    <Panel
      title="Notes"
      aside={
        draft === null ? (
          <button type="button" className="button h-7" onClick={() => setDraft(text)}>
            {text === '' ? 'Write' : 'Edit'}
          </button>
        ) : null
      }
    >
      {draft === null ? (
        text === '' ? (
          <p className="text-sm text-ink-2">What was tried, and what came of it: nobody wrote it down yet.</p>
        ) : (
          <Markdown text={text} />
        )
      ) : (
        <div className="flex flex-col gap-3">
          {error === null ? null : <Failure error={error} />}
          <textarea
            className="field min-h-32 w-full font-mono text-sm"
            aria-label="Notes in Markdown"
            // the writer asked for it
            // oxlint-disable-next-line jsx-a11y/no-autofocus
            autoFocus
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) save();
            }}
          />
          <div className="flex items-center gap-2">
            <button type="button" className="button button-primary" disabled={isBusy} onClick={save}>
              Save
            </button>
            <button
              type="button"
              className="button button-quiet"
              onClick={() => {
                setDraft(null);
                forget();
              }}
            >
              Leave it
            </button>
            <span className="text-xs text-ink-3">Markdown; Ctrl Enter saves</span>
          </div>
        </div>
      )}
    </Panel>
  );
}
