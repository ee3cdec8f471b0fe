import { Link } from '@tanstack/react-router';
import type { LineageEdge } from '../../../src/develop/lineage/lineage-api.ts';
import { many } from '../platform/format.ts';
import { Badge } from '../parts/basics.tsx';
import { Table } from '../parts/table.tsx';
import { addressOf, kindNames, nameOf, stateTone } from './lineage-names.ts';
import { keyOf, type Placed } from './lineage-shape.ts';

const mostRows = 500;

/** The same as the picture, as a list: what a thing came from, furthest first, and what came from it. */
export function LineageList({
  placed,
  edges,
  onFocus,
}: {
  placed: readonly Placed[];
  edges: readonly LineageEdge[];
  onFocus: (key: string) => void;
}) {
  const rows = placed.toSorted((left, right) => left.steps - right.steps).slice(0, mostRows);
  const names = new Map(placed.map(({ node }) => [keyOf(node), nameOf(node)]));
  return (
    <>
      <Table heads={['Where', 'Thing', 'Kind', 'State', 'Comes from', 'Look']} caption="Lineage as a list">
        {rows.map(({ node, steps }) => {
          const key = keyOf(node);
          const address = addressOf(node);
          const from = edges.filter(({ to }) => keyOf(to) === key);
          return (
            <tr key={key} className={steps === 0 ? 'bg-accent-soft' : ''}>
              <td className="text-sm whitespace-nowrap text-ink-2">
                {steps === 0 ? 'this' : `${many(Math.abs(steps), 'step')} ${steps < 0 ? 'before' : 'after'}`}
              </td>
              <td className="max-w-[260px] min-w-[110px] break-words">
                {address === undefined ? (
                  nameOf(node)
                ) : (
                  <Link to={address.to} search={(address.search ?? {}) as never} className="link">
                    {nameOf(node)}
                  </Link>
                )}
                {node.detail === null ? null : (
                  <span className="block text-xs text-ink-3">{node.detail}</span>
                )}
              </td>
              <td className="whitespace-nowrap">{kindNames[node.kind]}</td>
              <td>
                {node.state === null ? (
                  '–'
                ) : (
                  <Badge tone={stateTone[node.state] ?? 'plain'}>{node.state}</Badge>
                )}
              </td>
              <td className="min-w-[180px] text-sm text-ink-2">
                {from.length === 0
                  ? '–'
                  : from
                      .slice(0, 3)
                      .map((edge) => `${names.get(keyOf(edge.from)) ?? ''} (${edge.relation})`)
                      .join(', ')}
                {from.length > 3 ? ` and ${from.length - 3} more` : ''}
              </td>
              <td>
                {steps === 0 ? null : (
                  <button type="button" className="link text-sm" onClick={() => onFocus(key)}>
                    around it
                  </button>
                )}
              </td>
            </tr>
          );
        })}
      </Table>
      {placed.length > mostRows ? (
        <p className="border-t border-line px-4 py-3 text-sm text-ink-2">
          {many(placed.length - mostRows, 'thing')} further away are not listed: choose fewer steps.
        </p>
      ) : null}
    </>
  );
}
