import { useSyncExternalStore } from 'react';

const narrow = matchMedia('(max-width: 639px)');

/** Is this a telephone's width? For what CSS alone can't decide. */
export const useIsNarrow = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      narrow.addEventListener('change', listener);
      return () => narrow.removeEventListener('change', listener);
    },
    () => narrow.matches,
  );
