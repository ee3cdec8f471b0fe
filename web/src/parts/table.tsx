import type { ReactNode } from 'react';

/** A column's heading; figures stand to the right. */
export interface Head {
  readonly name: string;
  readonly isFigure?: boolean;
  /** read out, not seen: a column of buttons */
  readonly isHidden?: boolean;
}

export const figure = (name: string): Head => ({ name, isFigure: true });
export const unseen = (name: string): Head => ({ name, isHidden: true });

/** Rows under their headings; scrolls sideways where it is wider than its panel. */
export const Table = ({
  heads,
  caption,
  children,
}: {
  heads: readonly (string | Head)[];
  caption?: string;
  children: ReactNode;
}) => (
  <div className="overflow-x-auto">
    <table className="data-table">
      {caption === undefined ? null : <caption className="sr-only">{caption}</caption>}
      <thead>
        <tr>
          {heads.map((each) => {
            const head: Head = typeof each === 'string' ? { name: each } : each;
            return (
              <th key={head.name} className={head.isFigure === true ? 'num' : undefined}>
                {head.isHidden === true ? <span className="sr-only">{head.name}</span> : head.name}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);
