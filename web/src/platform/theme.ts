import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark' | 'system';
const key = 'tilth.theme';
const listeners = new Set<() => void>();
const dark = matchMedia('(prefers-color-scheme: dark)');
const tell = (): void => listeners.forEach((listener) => listener());
dark.addEventListener('change', tell);

const chosen = (): Theme => {
  const value = localStorage.getItem(key);
  return value === 'light' || value === 'dark' ? value : 'system';
};
const shown = (): 'light' | 'dark' => {
  const theme = chosen();
  return theme === 'system' ? (dark.matches ? 'dark' : 'light') : theme;
};

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** What the user chose. */
export const useTheme = (): Theme => useSyncExternalStore(subscribe, chosen);

/** What is on the screen; canvases redraw when it changes. */
export const useShownTheme = (): 'light' | 'dark' => useSyncExternalStore(subscribe, shown);

export function setTheme(theme: Theme): void {
  if (theme === 'system') {
    localStorage.removeItem(key);
    delete document.documentElement.dataset['theme'];
  } else {
    localStorage.setItem(key, theme);
    document.documentElement.dataset['theme'] = theme;
  }
  tell();
}

export const toggleTheme = (): void => setTheme(shown() === 'dark' ? 'light' : 'dark');

/** A design token's colour, for canvases. */
export const token = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export const seriesCount = 8;
/** Colour of the n-th line, the same for one model version everywhere. */
export const seriesColour = (index: number): string =>
  `var(--series-${(((index % seriesCount) + seriesCount) % seriesCount) + 1})`;
