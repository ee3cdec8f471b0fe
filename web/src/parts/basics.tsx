import { useEffect, useState, type ReactNode } from 'react';
import { absolute, ago } from '../platform/format.ts';
import { useNow } from '../platform/now.ts';
import { Icon, type IconName } from './icon.tsx';

export type Tone = 'plain' | 'good' | 'info' | 'warn' | 'bad' | 'accent';

const toneClass: Readonly<Record<Tone, string>> = {
  plain: 'bg-sunken text-ink-2',
  good: 'bg-good-soft text-good',
  info: 'bg-info-soft text-info',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
  accent: 'bg-accent-soft text-accent',
};

/** A short state in words; the colour only repeats them. */
export const Badge = ({
  tone = 'plain',
  icon,
  children,
}: {
  tone?: Tone;
  icon?: IconName;
  children: ReactNode;
}) => (
  <span
    className={`inline-flex h-5 items-center gap-1 rounded-sm px-1.5 text-xs font-medium whitespace-nowrap ${toneClass[tone]}`}
  >
    {icon === undefined ? null : <Icon name={icon} size={12} />}
    {children}
  </span>
);

/** A moment: how long ago, and the exact time when pointed at. */
export function When({ at }: { at: number | null | undefined }) {
  const now = useNow();
  if (at === null || at === undefined) return <span className="text-ink-3">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={absolute(at)} className="whitespace-nowrap">
      {ago(at, now)}
    </time>
  );
}

/** Copies a text and says so. */
export function Copy({
  text,
  label = 'Copy',
  className = '',
  isSmall = false,
}: {
  text: string;
  label?: string;
  className?: string;
  isSmall?: boolean;
}) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <button
      type="button"
      className={`button button-quiet relative h-6 px-1.5 text-xs ${className}`}
      title={text}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      aria-label={`${label}: ${text}`}
    >
      <Icon name={isCopied ? 'check' : 'copy'} size={13} />
      <span aria-live="polite" className={isSmall ? 'sr-only' : ''}>
        {isCopied ? 'Copied' : label}
      </span>
    </button>
  );
}

/** A command as it is typed, ready to copy. */
export const Command = ({ text, isSmall = false }: { text: string; isSmall?: boolean }) => (
  <span className="inline-flex max-w-full items-center gap-1 rounded-md border border-line bg-sunken py-0.5 pr-0.5 pl-2.5">
    <code
      className={`min-w-0 py-1 text-xs text-ink ${isSmall ? 'break-words' : 'overflow-x-auto whitespace-nowrap'}`}
    >
      <span className="text-ink-3 select-none">$ </span>
      {text}
    </code>
    <Copy text={text} isSmall={isSmall} />
  </span>
);

/** Nothing here yet: what will be, and the next command to type. */
export const Empty = ({
  title,
  children,
  command,
}: {
  title: string;
  children?: ReactNode;
  command?: string;
}) => (
  <div className="flex flex-col items-start gap-3 px-4 py-8 sm:px-6">
    <div>
      <p className="font-medium">{title}</p>
      {children === undefined ? null : <div className="mt-1 max-w-prose text-sm text-ink-2">{children}</div>}
    </div>
    {command === undefined ? null : <Command text={command} />}
  </div>
);

interface Shown {
  readonly title: string;
  readonly children: ReactNode;
  readonly aside?: ReactNode;
  readonly id?: string;
  /** no inner padding: a table or a chart goes to the edges */
  readonly flush?: boolean;
  readonly className?: string;
}

/** One subject on a page. */
export const Panel = ({ title, aside, id, flush = false, className = '', children }: Shown) => (
  <section className={`card min-w-0 ${className}`} aria-label={title} id={id}>
    <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b border-line px-4 py-2">
      <h2 className="text-base">{title}</h2>
      {aside === undefined ? null : (
        <div className="flex flex-wrap items-center gap-2 text-sm text-ink-2">{aside}</div>
      )}
    </header>
    <div className={flush ? 'min-w-0' : 'p-4'}>{children}</div>
  </section>
);

interface PageShape {
  readonly title: ReactNode;
  readonly name: string;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  /** the same on the command line */
  readonly cli?: string;
  readonly children: ReactNode;
}

/** A screen: its name, what it says, what can be done, and the command that does the same. */
export function Page({ title, name, lead, actions, cli, children }: PageShape) {
  useEffect(() => {
    document.title = `${name} · tilth`;
  }, [name]);
  return (
    <div className="mx-auto flex w-full max-w-[1440px] flex-col gap-5">
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          <h1 className="flex flex-wrap items-center gap-x-3 gap-y-1 break-words">{title}</h1>
          {lead === undefined ? null : <div className="mt-1 max-w-[92ch] text-ink-2">{lead}</div>}
        </div>
        <div className="flex max-w-full min-w-0 flex-wrap items-center gap-2">
          {actions}
          {cli === undefined ? null : (
            <Copy text={cli} label="Copy as CLI" className="h-8 border-line px-2.5" />
          )}
        </div>
      </header>
      {children}
    </div>
  );
}

export interface Fact {
  readonly label: string;
  readonly value: ReactNode;
}

/** Label and value pairs in columns that fill the width. */
export const Facts = ({ facts }: { facts: readonly Fact[] }) => (
  <dl className="grid grid-cols-[repeat(auto-fill,minmax(150px,1fr))] gap-x-6 gap-y-3">
    {facts.map((fact) => (
      <div key={fact.label} className="min-w-0">
        <dt className="text-xs text-ink-3">{fact.label}</dt>
        <dd className="mt-0.5 break-words">{fact.value}</dd>
      </div>
    ))}
  </dl>
);

/** One choice of a few, beside each other. */
export function Segmented<T extends string>(props: {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}) {
  return (
    <div
      role="radiogroup"
      aria-label={props.label}
      className="inline-flex max-w-full overflow-x-auto rounded-md border border-line bg-sunken p-0.5"
    >
      {props.options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === props.value}
          onClick={() => props.onChange(option.value)}
          className={`h-7 rounded-sm px-2.5 text-sm whitespace-nowrap ${
            option.value === props.value
              ? 'bg-surface font-medium text-ink shadow-card'
              : 'text-ink-2 hover:text-ink'
          }`}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}

/** The filter box of a screen; `/` goes there. */
export const FilterBox = (props: {
  value: string;
  onChange: (value: string) => void;
  placeholder: string;
  className?: string;
}) => (
  <span className={`relative inline-flex min-w-0 ${props.className ?? 'w-64'}`}>
    <Icon name="search" size={14} className="pointer-events-none absolute top-2.5 left-2.5 text-ink-3" />
    <input
      type="search"
      data-filter
      className="field w-full pr-7 pl-8"
      value={props.value}
      placeholder={props.placeholder}
      aria-label={props.placeholder}
      onChange={(event) => props.onChange(event.target.value)}
    />
    <kbd
      aria-hidden="true"
      className="pointer-events-none absolute top-1.5 right-2 hidden rounded-sm border border-line px-1 text-2xs text-ink-3 sm:block"
    >
      /
    </kbd>
  </span>
);

/** Content hashes and ids: the first letters, the whole when pointed at. */
export const Id = ({ text, letters = 8 }: { text: string; letters?: number }) => (
  <code className="text-xs text-ink-2" title={text}>
    {text.slice(0, letters)}
  </code>
);
