import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import type { WhoAmI } from '../../../src/team/people-api.ts';
import { useApi } from '../platform/api.ts';
import { followEvents, useLiveState } from '../platform/live.ts';
import { places } from '../platform/places.ts';
import { otherShortcuts, sections, useShortcuts, type Section } from '../platform/shortcuts.ts';
import { toggleTheme, useShownTheme } from '../platform/theme.ts';
import { setToken, useToken } from '../platform/token.ts';
import { Failure } from './answer.tsx';
import { Dialog } from './dialog.tsx';
import { Icon, type IconName } from './icon.tsx';
import { Palette } from './palette.tsx';

/** Everything around a screen: navigation, search, who acts, and the keys. */
export function Shell() {
  const client = useQueryClient();
  const token = useToken();
  useEffect(() => {
    void client.invalidateQueries({ queryKey: ['api'] });
    return followEvents(client);
  }, [client, token]);

  const [open, setOpen] = useState<'palette' | 'help' | 'menu' | 'token' | null>(null);
  const navigate = useNavigate();
  const { pathname } = useLocation();
  useEffect(() => setOpen(null), [pathname]);
  const actions = useMemo(
    () => ({
      go: (path: string) => void navigate({ to: path }),
      palette: () => setOpen('palette'),
      help: () => setOpen('help'),
      theme: toggleTheme,
    }),
    [navigate],
  );
  useShortcuts(actions);
  const close = (): void => setOpen(null);

  return (
    <div className="flex min-h-dvh flex-col lg:flex-row">
      <a href="#main" className="skip-link">
        Skip to the content
      </a>
      <nav
        aria-label="Sections"
        className="sticky top-0 hidden h-dvh w-56 shrink-0 flex-col border-r border-line bg-surface lg:flex"
      >
        <Wordmark className="px-5 pt-5 pb-4" />
        <Navigation path={pathname} />
        <div className="mt-auto border-t border-line p-3">
          <Live />
          <WhoActs onOpen={() => setOpen('token')} />
        </div>
      </nav>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b border-line bg-surface px-3 sm:px-6 lg:bg-ground">
          <button
            type="button"
            className="button button-quiet px-1.5 lg:hidden"
            aria-label="Menu"
            onClick={() => setOpen('menu')}
          >
            <Icon name="menu" size={20} />
          </button>
          <Wordmark className="lg:hidden" />
          <Crumbs path={pathname} />
          <div className="ml-auto flex items-center gap-1">
            <button
              type="button"
              onClick={() => setOpen('palette')}
              className="button justify-start border-line text-ink-2 max-sm:border-transparent max-sm:px-2 sm:w-52"
              aria-label="Go to anything"
              aria-keyshortcuts="Control+K"
            >
              <Icon name="search" />
              <span className="hidden sm:inline">Go to …</span>
              <kbd className="ml-auto hidden text-2xs sm:inline">Ctrl K</kbd>
            </button>
            <ThemeButton />
            <button
              type="button"
              className="button button-quiet hidden px-2 sm:inline-flex"
              aria-label="Keyboard shortcuts"
              onClick={() => setOpen('help')}
            >
              <Icon name="keyboard" size={18} />
            </button>
          </div>
        </header>
        <main id="main" tabIndex={-1} className="min-w-0 flex-1 px-3 py-5 outline-none sm:px-6 sm:py-7">
          <Outlet />
        </main>
      </div>
      <Dialog open={open === 'menu'} onClose={close} title="Sections">
        <Navigation path={pathname} />
        <div className="mt-3 border-t border-line pt-3">
          <Live />
          <WhoActs onOpen={() => setOpen('token')} />
        </div>
      </Dialog>
      <Palette
        open={open === 'palette'}
        onClose={close}
        go={actions.go}
        help={actions.help}
        actAs={() => setOpen('token')}
      />
      <Dialog open={open === 'help'} onClose={close} title="Keyboard shortcuts">
        <Shortcuts />
      </Dialog>
      <Dialog
        open={open === 'token'}
        onClose={close}
        title="Act as"
        lead="What you do on this page is recorded under the person whose token you use. The token stays in this tab and ends with it."
      >
        <TokenForm onDone={close} />
      </Dialog>
    </div>
  );
}

const Wordmark = ({ className = '' }: { className?: string }) => (
  <Link to="/" className={`flex items-center gap-2 ${className}`} aria-label="tilth: the board">
    <img src="/mark.svg" alt="" width={24} height={24} />
    <span className="text-xl leading-none font-semibold tracking-tight">tilth</span>
  </Link>
);

const isInside = (section: Section, path: string): boolean =>
  section.path === '/' ? path === '/' : path.startsWith(`/${section.path.split('/')[1]}`);

function Navigation({ path }: { path: string }) {
  return (
    <ul className="flex flex-col gap-0.5 px-3">
      {sections.map((section) => {
        const isHere = isInside(section, path);
        const below = places.filter((place) => place.section === section.name);
        return (
          <li key={section.path}>
            <Link
              to={section.path}
              aria-current={isHere ? 'page' : undefined}
              aria-keyshortcuts={`g ${section.key}`}
              className={`flex h-8 items-center gap-2.5 rounded-md px-2 ${
                isHere
                  ? 'bg-accent-soft font-medium text-accent'
                  : 'text-ink-2 hover:bg-sunken hover:text-ink'
              }`}
            >
              <Icon name={section.name.toLowerCase() as IconName} size={18} />
              {section.name}
            </Link>
            {isHere && below.length > 0 ? (
              <ul className="my-1 ml-[17px] flex flex-col border-l border-line pl-2.5">
                {below.map((place) => (
                  <li key={place.path}>
                    <Link
                      to={place.path}
                      aria-current={path.startsWith(place.path) ? 'page' : undefined}
                      className={`flex h-7 items-center rounded-md px-2 text-sm ${
                        path.startsWith(place.path)
                          ? 'font-medium text-ink'
                          : 'text-ink-2 hover:bg-sunken hover:text-ink'
                      }`}
                    >
                      {place.name}
                    </Link>
                  </li>
                ))}
              </ul>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}

/** Where one is, as words of the common language. */
function Crumbs({ path }: { path: string }) {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 0) return null;
  return (
    <ol aria-label="Where you are" className="hidden min-w-0 items-center gap-1.5 text-sm text-ink-2 md:flex">
      {parts.map((part, index) => {
        const isLast = index === parts.length - 1;
        const words = decodeURIComponent(part);
        return (
          <li key={parts.slice(0, index + 1).join('/')} className="flex min-w-0 items-center gap-1.5">
            {index === 0 ? null : (
              <span aria-hidden="true" className="text-ink-3">
                /
              </span>
            )}
            {isLast ? (
              <span className="truncate text-ink" aria-current="page">
                {words}
              </span>
            ) : (
              <Link
                to={`/${parts.slice(0, index + 1).join('/')}`}
                className="truncate hover:text-ink hover:underline"
              >
                {words}
              </Link>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function ThemeButton() {
  const shown = useShownTheme();
  return (
    <button
      type="button"
      className="button button-quiet px-2"
      onClick={toggleTheme}
      aria-label={shown === 'dark' ? 'Light colours' : 'Dark colours'}
    >
      <Icon name={shown === 'dark' ? 'sun' : 'moon'} size={18} />
    </button>
  );
}

const liveWords = { live: 'Live', connecting: 'Connecting …', away: 'Server away' } as const;

function Live() {
  const state = useLiveState();
  const colour = state === 'live' ? 'bg-good' : state === 'away' ? 'bg-bad' : 'bg-line-strong';
  return (
    <p className="flex h-7 items-center gap-2 px-2 text-xs text-ink-2" role="status">
      <span className={`size-2 rounded-full ${colour}`} aria-hidden="true" />
      {liveWords[state]}
    </p>
  );
}

function WhoActs({ onOpen }: { onOpen: () => void }) {
  const me = useApi<WhoAmI>('/api/v1/me');
  return (
    <button type="button" className="button button-quiet w-full justify-start gap-2" onClick={onOpen}>
      <Icon name="person" />
      <span className="truncate">
        {me.data === undefined ? 'Act as …' : me.data.kind === 'local' ? 'Local user' : me.data.name}
      </span>
    </button>
  );
}

/** The token box: who the page acts as. */
export function TokenForm({ onDone }: { onDone?: () => void }) {
  const token = useToken();
  const [typed, setTyped] = useState('');
  const me = useApi<WhoAmI>('/api/v1/me');
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        setToken(typed.trim());
        setTyped('');
        onDone?.();
      }}
    >
      {me.error === null ? null : <Failure error={me.error} />}
      {me.data === undefined || me.error !== null ? null : (
        <p className="text-sm">
          Now: <strong>{me.data.name}</strong> ({me.data.roles.join(', ')}).
        </p>
      )}
      <label className="flex flex-col gap-1 text-sm font-medium">
        Token
        <input
          type="password"
          autoComplete="off"
          className="field font-normal"
          value={typed}
          placeholder="tilth_pat_…"
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      <div className="flex gap-2">
        <button type="submit" className="button button-primary" disabled={typed.trim() === ''}>
          Use this token
        </button>
        {token === '' ? null : (
          <button type="button" className="button" onClick={() => setToken('')}>
            Back to the local user
          </button>
        )}
      </div>
    </form>
  );
}

const Shortcuts = () => (
  <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 text-sm">
    {[
      ...sections.map((each) => ({ keys: `g ${each.key}`, does: `${each.name}: ${each.says}` })),
      ...otherShortcuts,
    ].map((each) => (
      <div key={each.keys} className="contents">
        <dt>
          <kbd className="rounded-sm border border-line bg-sunken px-1.5 py-0.5 text-xs">{each.keys}</kbd>
        </dt>
        <dd className="text-ink-2">{each.does}</dd>
      </div>
    ))}
  </dl>
);
