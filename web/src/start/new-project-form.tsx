import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type {
  JobStarted,
  StartPlace,
  TemplateDescription,
  TemplateProblem,
} from '../../../src/start/new-project/new-project-api.ts';
import { ApiError, ask, useApi } from '../platform/api.ts';
import { many } from '../platform/format.ts';
import { Failure } from '../parts/answer.tsx';
import { Badge, Id, Panel } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';
import { Switch, TemplateQuestion } from './template-question.tsx';
import { TemplateCodePanel } from './template-code.tsx';

/** What names a template: what was typed and sent. */
export interface TemplateWish {
  readonly template: string;
  readonly checkout: string;
  readonly directory: string;
}

export const ownTemplate = 'tilth:ml-project';
const restMs = 350;

const bodyOf = ({ template, checkout, directory }: TemplateWish): Record<string, string> => ({
  template,
  ...(checkout === '' ? {} : { checkout }),
  ...(directory === '' ? {} : { directory }),
});

/** The questions of a template, asked again as answers change; what was fetched once is not fetched again. */
function useDescription(wish: TemplateWish, answers: Readonly<Record<string, unknown>>) {
  const opened = useRef<{ of: string; id: string } | null>(null);
  const of = `${wish.template}\n${wish.checkout}`;
  return useQuery<TemplateDescription, ApiError>({
    queryKey: ['describe', wish, answers],
    queryFn: async ({ signal }) => {
      const kept = opened.current?.of === of ? { opened: opened.current.id } : {};
      const body = { ...bodyOf(wish), ...kept, answers };
      const found = await ask<TemplateDescription>('POST', '/api/v1/templates/describe', body, signal);
      opened.current = { of, id: found.opened };
      return found;
    },
    // while an answer is worked in, the form stays as it was; another template is another form
    placeholderData: (previous, query) =>
      JSON.stringify(query?.queryKey[1]) === JSON.stringify(wish) ? keepPreviousData(previous) : undefined,
    staleTime: Infinity,
    gcTime: 60_000,
    retry: false,
  });
}

/** Starts a new project from any template: which one, its questions, its code, the place. */
export function NewProjectForm({
  wish,
  onWish,
  onStarted,
  isHidden,
}: {
  wish: TemplateWish;
  onWish: (wish: TemplateWish) => void;
  onStarted: (jobId: string) => void;
  /** kept with all that was typed while the job is shown */
  isHidden: boolean;
}) {
  return (
    <div hidden={isHidden} className={isHidden ? '' : 'flex flex-col gap-5'}>
      <TemplateChooser wish={wish} onWish={onWish} />
      <TemplateForm
        key={`${wish.template}\n${wish.checkout}\n${wish.directory}`}
        wish={wish}
        onWish={onWish}
        onStarted={onStarted}
      />
    </div>
  );
}

function TemplateChooser({ wish, onWish }: { wish: TemplateWish; onWish: (wish: TemplateWish) => void }) {
  const [typed, setTyped] = useState(wish);
  useEffect(() => setTyped(wish), [wish]);
  const [isMore, setMore] = useState(wish.checkout !== '' || wish.directory !== '');
  const isSame = JSON.stringify(typed) === JSON.stringify(wish);
  const set = (part: Partial<TemplateWish>): void => setTyped({ ...typed, ...part });
  return (
    <Panel title="Template">
      <form
        className="flex flex-col gap-3 text-sm"
        onSubmit={(event) => {
          event.preventDefault();
          onWish({
            template: typed.template.trim() === '' ? ownTemplate : typed.template.trim(),
            checkout: typed.checkout.trim(),
            directory: typed.directory.trim(),
          });
        }}
      >
        <div className="flex flex-wrap items-end gap-3">
          <label className="flex min-w-0 flex-1 basis-80 flex-col gap-1 font-medium">
            Address
            <input
              className="field w-full font-normal"
              value={typed.template}
              list="known-templates"
              spellCheck={false}
              autoComplete="off"
              placeholder="gh:owner/name, https://… or a folder"
              onChange={(event) => set({ template: event.target.value })}
            />
            <datalist id="known-templates">
              <option value={ownTemplate}>ours</option>
            </datalist>
          </label>
          <button type="submit" className={`button ${isSame ? '' : 'button-primary'}`}>
            Show its questions
          </button>
        </div>
        {isMore ? (
          <div className="flex flex-wrap gap-3">
            <label className="flex min-w-0 flex-1 basis-40 flex-col gap-1 font-medium">
              Branch, tag or commit
              <input
                className="field w-full font-normal"
                value={typed.checkout}
                spellCheck={false}
                placeholder="its default branch"
                onChange={(event) => set({ checkout: event.target.value })}
              />
            </label>
            <label className="flex min-w-0 flex-1 basis-40 flex-col gap-1 font-medium">
              Folder in the repository
              <input
                className="field w-full font-normal"
                value={typed.directory}
                spellCheck={false}
                placeholder="where cookiecutter.json is"
                onChange={(event) => set({ directory: event.target.value })}
              />
            </label>
          </div>
        ) : (
          <button type="button" className="button button-quiet -ml-2 w-fit" onClick={() => setMore(true)}>
            Another branch or folder …
          </button>
        )}
        {typed.template === ownTemplate ? (
          <p className="text-xs text-ink-2">
            Ours: data, pipeline, tracked training, a served model, tests and CI that work from the first
            minute. Or any other in cookiecutter’s format.
          </p>
        ) : null}
      </form>
    </Panel>
  );
}

function TemplateForm({
  wish,
  onWish,
  onStarted,
}: {
  wish: TemplateWish;
  onWish: (wish: TemplateWish) => void;
  onStarted: (jobId: string) => void;
}) {
  const [answers, setAnswers] = useState<Readonly<Record<string, unknown>>>({});
  const settled = useSettled(answers, restMs);
  const query = useDescription(wish, settled);
  // answers that the template can't be asked with leave the form as it was
  const last = useRef<TemplateDescription | undefined>(undefined);
  last.current = query.data ?? last.current;
  const description = last.current;
  if (description === undefined) {
    if (query.error !== null) {
      return <NotDescribed error={query.error} onDirectory={(directory) => onWish({ ...wish, directory })} />;
    }
    return (
      <Panel title="Questions">
        <p className="text-sm text-ink-2" role="status" aria-busy="true">
          Fetching {wish.template} …
        </p>
      </Panel>
    );
  }
  if (description.templates.length > 0) {
    return (
      <NestedChoice
        templates={description.templates}
        onChoose={(directory) => onWish({ ...wish, directory })}
      />
    );
  }
  return (
    <QuestionsForm
      wish={wish}
      description={description}
      answers={answers}
      onAnswers={setAnswers}
      isWorking={query.isFetching || settled !== answers}
      error={query.error}
      onStarted={onStarted}
      onRefresh={() => void query.refetch()}
    />
  );
}

/** What did not change for a while. */
function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** Why there are no questions; where the repository holds templates in folders, these can be chosen. */
function NotDescribed({ error, onDirectory }: { error: ApiError; onDirectory: (directory: string) => void }) {
  const inside = (error.details as { templates?: unknown } | undefined)?.templates;
  const folders = Array.isArray(inside) ? inside.map(String) : [];
  if (folders.length > 0) {
    return (
      <NestedChoice
        templates={folders.map((directory) => ({ directory, title: directory, description: null }))}
        onChoose={onDirectory}
      />
    );
  }
  return <Failure error={error} />;
}

function NestedChoice({
  templates,
  onChoose,
}: {
  templates: TemplateDescription['templates'];
  onChoose: (directory: string) => void;
}) {
  return (
    <Panel title="Which template?" aside={`${many(templates.length, 'template')} in this repository`} flush>
      <ul className="divide-y divide-line">
        {templates.map((template) => (
          <li key={template.directory}>
            <button
              type="button"
              className="flex w-full items-center gap-3 px-4 py-3 text-left hover:bg-sunken"
              onClick={() => onChoose(template.directory)}
            >
              <span className="min-w-0 flex-1">
                <span className="font-medium">{template.title}</span>
                {template.description === null ? null : (
                  <span className="block text-sm text-ink-2">{template.description}</span>
                )}
                {template.title === template.directory ? null : (
                  <code className="block text-xs text-ink-3">{template.directory}</code>
                )}
              </span>
              <Icon name="arrow" className="text-ink-3" />
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/**
 * Templates refuse an answer by naming a variable that is not there, `port_must_be_a_number`: what follows the name of
 * a question is said at its field.
 */
function problemIn(error: ApiError, { questions }: TemplateDescription): TemplateProblem | undefined {
  const missing =
    error.code === 'TEMPLATE_VARIABLE_UNDEFINED' ? /attribute '(\w+)'/.exec(error.message)?.[1] : undefined;
  const name = questions
    .map((question) => question.name)
    .filter((each) => missing?.startsWith(`${each}_`))
    .toSorted((one, other) => other.length - one.length)[0];
  if (name === undefined || missing === undefined) return undefined;
  return { name, message: `It ${missing.slice(name.length + 1).replaceAll('_', ' ')}.` };
}

function QuestionsForm(props: {
  wish: TemplateWish;
  description: TemplateDescription;
  answers: Readonly<Record<string, unknown>>;
  onAnswers: (answers: Readonly<Record<string, unknown>>) => void;
  isWorking: boolean;
  error: ApiError | null;
  onStarted: (jobId: string) => void;
  onRefresh: () => void;
}) {
  const { wish, description, answers, onAnswers } = props;
  const place = useApi<StartPlace>('/api/v1/projects-place').data;
  const [folder, setFolder] = useState('');
  const [runsCode, setRunsCode] = useState(false);
  const [usesGit, setUsesGit] = useState(true);
  const [installs, setInstalls] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  // what was allowed was this code; other code is not allowed by it
  useEffect(() => setRunsCode(false), [description.digest]);
  const found = props.error === null ? undefined : problemIn(props.error, description);
  const problems = new Map(
    (found === undefined ? description.problems : [found]).map((problem) => [problem.name, problem]),
  );
  const isOurs = wish.template.startsWith('tilth:');
  const mayInstall = isOurs || runsCode || (description.code.length === 0 && (place?.mayRunCode ?? false));
  const start = async (): Promise<void> => {
    setError(null);
    setSending(true);
    try {
      const body = {
        ...bodyOf(wish),
        opened: description.opened,
        digest: description.digest,
        answers,
        folder,
        runsCode: runsCode || (installs && mayInstall && !isOurs),
        usesGit,
        installs: installs && mayInstall,
      };
      props.onStarted((await ask<JobStarted>('POST', '/api/v1/projects/start', body)).jobId);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setSending(false);
    }
  };
  const fieldError = error instanceof ApiError && error.code === 'PROJECT_PLACE_REFUSED' ? error : null;
  return (
    <form
      className="flex flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <Panel
        title="Questions"
        aside={
          <>
            {props.isWorking ? <span role="status">working it in …</span> : null}
            <span className="break-all">{description.template}</span>
            {description.commit === null ? null : <Id text={description.commit} letters={9} />}
            {description.directory === null ? null : <Badge>{description.directory}</Badge>}
          </>
        }
      >
        {props.error === null || found !== undefined ? null : (
          <div className="mb-4">
            <Failure error={props.error} />
          </div>
        )}
        {description.questions.length === 0 ? (
          <p className="text-sm text-ink-2">This template asks nothing.</p>
        ) : (
          <div className="grid gap-x-8 gap-y-4 lg:grid-cols-2">
            {description.questions.map((question) => (
              <TemplateQuestion
                key={question.name}
                question={question}
                given={answers[question.name]}
                problem={problems.get(question.name)}
                onAnswer={(value) => onAnswers({ ...answers, [question.name]: value })}
                onForget={() => {
                  const { [question.name]: _gone, ...rest } = answers;
                  onAnswers(rest);
                }}
              />
            ))}
          </div>
        )}
      </Panel>
      <TemplateCodePanel
        description={description}
        isAllowed={runsCode}
        mayAllow={place?.mayRunCode ?? false}
        onChange={setRunsCode}
      />
      <Panel title="Place">
        <div className="flex flex-col gap-4 text-sm">
          <label className="flex flex-col gap-1 font-medium">
            Folder on the server’s machine
            <input
              className="field w-full font-mono text-xs font-normal aria-invalid:border-bad"
              value={folder}
              spellCheck={false}
              placeholder={place?.folder ?? ''}
              aria-invalid={fieldError !== null}
              aria-describedby="place-hint"
              onChange={(event) => setFolder(event.target.value)}
            />
            <span id="place-hint" className="text-xs font-normal text-ink-2">
              The project’s own folder is made in it, with the name that the template gives it.{' '}
              {place === undefined
                ? ''
                : place.mayLeave
                  ? `Empty: ${place.folder}. A whole path may be another place.`
                  : `A folder below ${place.folder}.`}
            </span>
          </label>
          {fieldError === null ? null : (
            <p role="alert" className="text-xs text-bad">
              {fieldError.message} <span className="text-ink-2">{fieldError.hint}</span>
            </p>
          )}
          <label className="flex items-start gap-3">
            <Switch isOn={usesGit} onChange={setUsesGit} />
            <span>
              <span className="font-medium">Make it a git repository</span>
              <span className="block text-ink-2">With everything in its first commit; updates need it.</span>
            </span>
          </label>
          <label className="flex items-start gap-3">
            <Switch isOn={installs && mayInstall} isDisabled={!mayInstall} onChange={setInstalls} />
            <span>
              <span className="font-medium">Install its environment</span>
              <span className="block text-ink-2">
                {mayInstall
                  ? `With Poetry from the committed lock, which takes minutes. Poetry is put into tilth’s own folder where there is none.${isOurs || runsCode ? '' : ' The build of the project itself is code of the template: it runs too.'}`
                  : 'It runs the template’s own build: allow its code above first.'}
              </span>
            </span>
          </label>
        </div>
      </Panel>
      {error === null || fieldError !== null ? null : <Failure error={error} />}
      {error instanceof ApiError && error.code === 'TEMPLATE_CHANGED' ? (
        <button type="button" className="button w-fit" onClick={props.onRefresh}>
          Look at it again
        </button>
      ) : null}
      <div className="flex flex-wrap items-center gap-3">
        <button
          type="submit"
          className="button button-primary"
          disabled={
            isSending ||
            props.isWorking ||
            props.error !== null ||
            problems.size > 0 ||
            place?.mayStart === false
          }
        >
          <Icon name="start" />
          Start the project
        </button>
        <span className="text-sm text-ink-2" aria-live="polite">
          {place?.mayStart === false
            ? 'It takes a maintainer or an admin to start a project here.'
            : problems.size > 0
              ? `${many(problems.size, 'answer')} to correct first.`
              : description.code.length > 0 && !runsCode
                ? 'The code of the template will not run.'
                : ''}
        </span>
      </div>
    </form>
  );
}
