import { Handle, Position, type Node, type NodeProps } from '@xyflow/react';
import { Link } from '@tanstack/react-router';

export interface GraphNode {
  readonly id: string;
  readonly kind: string;
  readonly label: string;
  readonly detail?: string;
  /** where it is shown in full */
  readonly address?: { readonly to: string; readonly search?: Readonly<Record<string, string>> } | undefined;
  readonly tone?: 'plain' | 'accent' | 'bad' | 'info' | 'good' | 'warn';
  /** stands for many things */
  readonly isBundle?: boolean;
  /** something goes on in it right now */
  readonly isBusy?: boolean;
}

export const boxWidth = 208;
export const boxHeight = 60;

export type Boxed = Node<
  GraphNode & { isChosen?: boolean; onChoose?: (id: string) => void } & Record<string, unknown>,
  'thing'
>;

const edgeTone = {
  plain: 'border-l-line-strong',
  accent: 'border-l-accent',
  bad: 'border-l-bad',
  info: 'border-l-info',
  good: 'border-l-good',
  warn: 'border-l-warn',
} as const;

const hidden = '!size-1 !min-h-0 !min-w-0 !border-0 !bg-transparent';

/** One box: what it is, its name, a detail; a click chooses it, the arrow in its corner opens it. */
export function GraphBox({ data }: NodeProps<Boxed>) {
  const { id, kind, label, detail, address, tone = 'plain', onChoose } = data;
  const said = [kind, label, detail].filter((each) => each !== undefined).join(', ');
  const body = (
    <>
      <span className="block truncate text-2xs text-ink-3">{kind}</span>
      <span className="block truncate text-sm font-medium">{label}</span>
      {detail === undefined ? null : (
        <span className={`block truncate text-2xs text-ink-2 ${data.isBusy === true ? 'animate-pulse' : ''}`}>
          {detail}
        </span>
      )}
    </>
  );
  const inner =
    'flex h-full w-full min-w-0 flex-col justify-center rounded-md px-3 text-left hover:text-accent';
  return (
    <div
      className={`relative rounded-md border border-l-4 bg-surface text-ink ${edgeTone[tone]} ${
        data.isChosen === true ? 'border-y-accent border-r-accent shadow-high' : 'border-y-line border-r-line'
      } ${data.isBundle === true ? 'border-dashed' : ''}`}
      style={{ width: boxWidth, height: boxHeight }}
      title={said}
    >
      <Handle type="target" position={Position.Left} className={hidden} />
      {onChoose === undefined ? (
        address === undefined ? (
          <div className={inner} data-box={id} tabIndex={0}>
            {body}
          </div>
        ) : (
          <Link to={address.to} search={(address.search ?? {}) as never} className={inner} data-box={id}>
            {body}
          </Link>
        )
      ) : (
        <button
          type="button"
          className={`${inner} nopan ${address === undefined ? '' : 'pr-7'}`}
          data-box={id}
          aria-label={said}
          aria-pressed={data.isChosen === true}
          onClick={() => onChoose(id)}
        >
          {body}
        </button>
      )}
      {onChoose === undefined || address === undefined ? null : (
        <Link
          to={address.to}
          search={(address.search ?? {}) as never}
          className="nopan absolute top-1 right-1 rounded-sm px-1 text-2xs text-ink-3 hover:text-accent"
          aria-label={`Open ${said}`}
        >
          ↗
        </Link>
      )}
      <Handle type="source" position={Position.Right} className={hidden} />
    </div>
  );
}
