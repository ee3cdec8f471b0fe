import { BaseEdge, type Edge, type EdgeProps } from '@xyflow/react';
import { boxWidth } from './graph-box.tsx';
import type { Point } from './graph-layout.ts';

export type Routed = Edge<{ readonly passes: readonly Point[] }, 'routed'>;

const bend = (from: Point, to: Point): string => {
  const middle = (from.x + to.x) / 2;
  return `C${middle},${from.y} ${middle},${to.y} ${to.x},${to.y}`;
};

/** A line that goes straight through the columns between its ends, at the place kept for it. */
export function GraphLine({ id, sourceX, sourceY, targetX, targetY, data, ...rest }: EdgeProps<Routed>) {
  let at: Point = { x: sourceX, y: sourceY };
  let path = `M${at.x},${at.y}`;
  for (const pass of data?.passes ?? []) {
    const end = { x: pass.x + boxWidth, y: pass.y };
    path += `${bend(at, pass)}L${end.x},${end.y}`;
    at = end;
  }
  path += bend(at, { x: targetX, y: targetY });
  return (
    <BaseEdge
      id={id}
      path={path}
      labelX={(at.x + targetX) / 2}
      labelY={(at.y + targetY) / 2}
      label={rest.label}
      {...(rest.labelStyle === undefined ? {} : { labelStyle: rest.labelStyle })}
      {...(rest.labelBgStyle === undefined ? {} : { labelBgStyle: rest.labelBgStyle })}
      {...(rest.style === undefined ? {} : { style: rest.style })}
      {...(rest.markerEnd === undefined ? {} : { markerEnd: rest.markerEnd })}
    />
  );
}
