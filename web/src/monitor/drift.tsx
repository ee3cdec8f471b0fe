import type { TimeWindow } from './windows.ts';
export function DriftPanel(_props: { model: string; windows: readonly TimeWindow[]; extent: readonly [number, number] | undefined; gutter: number; hover: number | null; onHover: (index: number | null) => void }) { return null; }
