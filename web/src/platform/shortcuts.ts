import { useEffect } from 'react';

export interface Section {
  readonly key: string;
  readonly name: string;
  readonly path: string;
  readonly says: string;
}

/** The sections of the page in the order of the life cycle; `g` and the key goes there. */
export const sections: readonly Section[] = [
  { key: 'b', name: 'Board', path: '/', says: 'all five practices at a glance' },
  { key: 's', name: 'Start', path: '/start', says: 'projects and their templates' },
  { key: 'd', name: 'Develop', path: '/develop/runs', says: 'runs, data, pipelines' },
  { key: 'e', name: 'Deploy', path: '/deploy/models', says: 'versions, gates, endpoints' },
  { key: 'm', name: 'Monitor', path: '/monitor', says: 'performance, drift, alerts' },
  { key: 'a', name: 'Maintain', path: '/maintain/retrainings', says: 'retraining, cards, handover, audit' },
  { key: 't', name: 'Team', path: '/team', says: 'people, roles, words' },
];

export const otherShortcuts: readonly { keys: string; does: string }[] = [
  { keys: '?', does: 'Show this list' },
  { keys: 'Ctrl K', does: 'Go to anything' },
  { keys: '/', does: 'Filter what is on the screen' },
  { keys: 'Alt M', does: 'Light or dark' },
  { keys: 'Esc', does: 'Close, or leave the filter' },
];

interface Actions {
  readonly go: (path: string) => void;
  readonly palette: () => void;
  readonly help: () => void;
  readonly theme: () => void;
}

const chordMs = 1200;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The page's keys. Keys that a person types into a field stay with the field. */
export function useShortcuts(actions: Actions): void {
  useEffect(() => {
    let chordAt = 0;
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        actions.palette();
        return;
      }
      if (event.altKey && !event.ctrlKey && event.code === 'KeyM') {
        event.preventDefault();
        actions.theme();
        return;
      }
      if (
        event.key === 'Escape' &&
        isTyping(event.target) &&
        (event.target as HTMLElement).hasAttribute('data-filter')
      ) {
        (event.target as HTMLElement).blur();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('[role="dialog"]') !== null) return;
      if (Date.now() - chordAt < chordMs) {
        chordAt = 0;
        const section = sections.find((each) => each.key === event.key);
        if (section !== undefined) {
          event.preventDefault();
          actions.go(section.path);
          return;
        }
      }
      if (event.key === 'g') chordAt = Date.now();
      else if (event.key === '?') {
        event.preventDefault();
        actions.help();
      } else if (event.key === '/') {
        const filter = document.querySelector<HTMLElement>('[data-filter]');
        if (filter === null) return;
        event.preventDefault();
        filter.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [actions]);
}
