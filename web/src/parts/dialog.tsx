import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { Icon } from './icon.tsx';

interface DialogShape {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly lead?: ReactNode;
  readonly children: ReactNode;
  readonly wide?: boolean;
  /** at the top, for search */
  readonly high?: boolean;
}

/** A question over the page; Escape and the cross close it, the focus stays inside and returns. */
export const Dialog = ({ open, onClose, title, lead, wide = false, high = false, children }: DialogShape) => (
  <Radix.Root open={open} onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}>
    <Radix.Portal>
      <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
      <Radix.Content
        {...(lead === undefined ? { 'aria-describedby': undefined } : {})}
        className={`card fixed left-1/2 z-50 flex max-h-[calc(100dvh-32px)] w-[calc(100vw-32px)] -translate-x-1/2 flex-col overflow-hidden shadow-high ${
          wide ? 'max-w-2xl' : 'max-w-lg'
        } ${high ? 'top-[10vh] max-h-[80vh]' : 'top-1/2 -translate-y-1/2'}`}
      >
        <div className="flex items-start justify-between gap-4 px-5 pt-4">
          <div>
            <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
            {lead === undefined ? null : (
              <Radix.Description className="mt-1 text-sm text-ink-2">{lead}</Radix.Description>
            )}
          </div>
          <Radix.Close className="button button-quiet -mr-2 h-7 px-1.5" aria-label="Close">
            <Icon name="cross" />
          </Radix.Close>
        </div>
        <div className="min-h-0 overflow-y-auto px-5 pt-3 pb-5">{children}</div>
      </Radix.Content>
    </Radix.Portal>
  </Radix.Root>
);
