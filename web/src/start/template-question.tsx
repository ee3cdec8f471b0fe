import { useId, type ReactNode } from 'react';
import type { Question, TemplateProblem } from '../../../src/start/new-project/new-project-api.ts';
import { plain } from '../platform/format.ts';
import { Icon } from '../parts/icon.tsx';

interface Asked {
  readonly question: Question;
  /** undefined: not answered, so that the template's default holds */
  readonly given: unknown;
  readonly problem: TemplateProblem | undefined;
  readonly onAnswer: (value: unknown) => void;
  readonly onForget: () => void;
}

const fewChoices = 5;

/** One question of a template; what is not answered shows what the template proposes. */
export function TemplateQuestion(asked: Asked) {
  const id = useId();
  const { question, problem } = asked;
  const hint = `${id}-hint`;
  const describedBy = problem === undefined ? undefined : hint;
  const isList = question.kind === 'choice' && question.choices.length <= fewChoices;
  const head = (
    <span className="flex flex-wrap items-baseline gap-x-2">
      <span className="font-medium">{question.question}</span>
      {question.question === question.name ? null : (
        <code className="text-xs text-ink-3">{question.name}</code>
      )}
    </span>
  );
  return (
    <div className="flex flex-col gap-1.5 text-sm">
      <div className="flex items-start justify-between gap-3">
        {isList ? (
          <span id={`${id}-label`}>{head}</span>
        ) : (
          <label htmlFor={id} className="min-w-0">
            {head}
          </label>
        )}
        {asked.given === undefined ? null : (
          <button
            type="button"
            className="button button-quiet h-6 shrink-0 px-1.5 text-xs"
            onClick={asked.onForget}
            aria-label={`Take the default of ${question.name}`}
          >
            <Icon name="rollback" size={12} />
            default
          </button>
        )}
      </div>
      <Field {...asked} id={id} describedBy={describedBy} labelledBy={`${id}-label`} />
      {problem === undefined ? null : (
        <p id={hint} role="alert" className="text-xs text-bad">
          {problem.message}
          {problem.hint === undefined ? null : <span className="text-ink-2"> {problem.hint}</span>}
        </p>
      )}
    </div>
  );
}

interface FieldShape extends Asked {
  readonly id: string;
  readonly labelledBy: string;
  readonly describedBy: string | undefined;
}

function Field(props: FieldShape): ReactNode {
  const { question, given, problem, onAnswer, id } = props;
  const value = given === undefined ? question.value : given;
  const common = {
    id,
    name: question.name,
    'aria-invalid': problem !== undefined,
    'aria-describedby': props.describedBy,
  };
  if (question.kind === 'yes-no') {
    return (
      <Switch {...common} isOn={value === true} onChange={onAnswer} words={value === true ? 'yes' : 'no'} />
    );
  }
  if (question.kind === 'choice') {
    const chosen = question.choices.findIndex((choice) => same(choice.value, value));
    if (question.choices.length > fewChoices) {
      return (
        <select
          {...common}
          className="field w-full"
          value={chosen}
          onChange={(event) => onAnswer(question.choices[Number(event.target.value)]?.value)}
        >
          {question.choices.map((choice, index) => (
            <option key={plain(choice.value)} value={index}>
              {choice.label}
            </option>
          ))}
        </select>
      );
    }
    return (
      <div
        role="radiogroup"
        aria-labelledby={props.labelledBy}
        aria-describedby={props.describedBy}
        className="flex flex-wrap gap-x-5 gap-y-1.5"
      >
        {question.choices.map((choice, index) => (
          <label key={plain(choice.value)} className="flex items-center gap-1.5">
            <input
              type="radio"
              name={`${id}-${question.name}`}
              className="accent-(--accent)"
              checked={index === chosen}
              onChange={() => onAnswer(choice.value)}
            />
            {choice.label}
          </label>
        ))}
      </div>
    );
  }
  if (question.kind === 'json') {
    const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
    return (
      <textarea
        {...common}
        className="field w-full font-mono text-xs aria-invalid:border-bad"
        spellCheck={false}
        rows={Math.min(14, Math.max(3, text.split('\n').length))}
        value={text}
        onChange={(event) => onAnswer(event.target.value)}
      />
    );
  }
  return (
    <input
      {...common}
      className="field w-full aria-invalid:border-bad"
      autoComplete="off"
      spellCheck={false}
      value={value === null || value === undefined ? '' : plainText(value)}
      onChange={(event) => onAnswer(event.target.value)}
    />
  );
}

const plainText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const same = (one: unknown, other: unknown): boolean =>
  one === other || JSON.stringify(one) === JSON.stringify(other);

/** Yes or no, as one key. */
export const Switch = ({
  isOn,
  onChange,
  words,
  isDisabled = false,
  ...rest
}: {
  id?: string;
  isOn: boolean;
  onChange: (isOn: boolean) => void;
  words?: ReactNode;
  isDisabled?: boolean;
}) => (
  <span className="flex items-center gap-2">
    <input
      {...rest}
      type="checkbox"
      role="switch"
      checked={isOn}
      disabled={isDisabled}
      onChange={(event) => onChange(event.target.checked)}
      className="relative h-5 w-9 shrink-0 cursor-pointer appearance-none rounded-full bg-line-strong transition-colors before:absolute before:top-0.5 before:left-0.5 before:size-4 before:rounded-full before:bg-surface before:transition-transform checked:bg-accent checked:before:translate-x-4 disabled:cursor-not-allowed disabled:opacity-50"
    />
    {words === undefined ? null : (
      <span className="text-ink-2" aria-hidden="true">
        {words}
      </span>
    )}
  </span>
);
