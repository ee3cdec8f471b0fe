import { share } from '../platform/format.ts';

export interface Bar {
  readonly label: string;
  /** any unit, the same for all bars of a chart */
  readonly size: number;
  /** a second size beside it: the same bin of the version it is compared with */
  readonly before?: number;
  /** all that lies beyond the bins */
  readonly isOpen?: boolean;
}

const width = 180;
const height = 36;

/** A small histogram; each bar says what it is when pointed at, the whole says it in one sentence. */
export function Bars({ bars, label }: { bars: readonly Bar[]; label: string }) {
  const most = Math.max(...bars.flatMap(({ size, before = 0 }) => [size, before]), Number.MIN_VALUE);
  const total = bars.reduce((sum, { size }) => sum + size, 0);
  const wide = width / Math.max(1, bars.length);
  const tall = (size: number): number => (size === 0 ? 0 : Math.max(1, (size / most) * height));
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${width} ${height + 1}`}
      preserveAspectRatio="none"
      className="block h-[37px] w-full max-w-[180px] min-w-[110px]"
    >
      <rect x={0} y={height} width={width} height={1} fill="var(--line)" />
      {bars.map((bar, index) => (
        <g key={index}>
          <title>
            {bar.before === undefined
              ? `${bar.label}: ${share(total === 0 ? 0 : bar.size / total)}`
              : `${bar.label}: ${share(bar.before)} → ${share(bar.size)}`}
          </title>
          <rect x={index * wide} y={0} width={wide} height={height} fill="transparent" />
          {bar.before === undefined ? null : (
            <rect
              x={index * wide}
              y={height - tall(bar.before)}
              width={Math.max(wide * 0.5 - 0.5, 0.5)}
              height={tall(bar.before)}
              fill="var(--line-strong)"
            />
          )}
          <rect
            x={index * wide + (bar.before === undefined ? 0 : wide * 0.5 - 0.5)}
            y={height - tall(bar.size)}
            width={Math.max((bar.before === undefined ? wide : wide * 0.5) - 0.8, 0.5)}
            height={tall(bar.size)}
            fill="var(--accent)"
            opacity={bar.isOpen === true ? 0.45 : 1}
          />
        </g>
      ))}
    </svg>
  );
}
