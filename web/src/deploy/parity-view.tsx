import type { Parity } from '../../../src/deploy/registry/registry-api.ts';
import { count, number, plain, share } from '../platform/format.ts';
import { Facts, When } from '../parts/basics.tsx';

/** How alike graph and model answered, kind of rows by kind of rows. */
export const ParityView = ({ parity }: { parity: Parity }) => (
  <div className="flex flex-col gap-4">
    <Facts
      facts={[
        { label: 'Rows compared', value: count(parity.rowCount) },
        { label: 'Same label', value: share(parity.labelsEqual, 3) },
        { label: 'Largest difference', value: number(parity.maxError) },
        { label: 'Measured', value: <When at={parity.measuredAt} /> },
      ]}
    />
    <table className="data-table">
      <thead>
        <tr>
          <th className="!pl-0">Rows</th>
          <th className="num">Count</th>
          <th className="num">Same label</th>
          <th className="num !pr-0">Largest difference</th>
        </tr>
      </thead>
      <tbody>
        {parity.parts.map((part) => (
          <tr key={part.kind}>
            <td className="!pl-0">{part.kind}</td>
            <td className="num">{count(part.rowCount)}</td>
            <td
              className={`num ${isBelow(part.labelsEqual, parity.criteria?.labelsEqual) ? 'text-bad' : ''}`}
            >
              {share(part.labelsEqual, 2)}
              {part.flippedCount === 0 ? null : (
                <span className="block text-xs text-ink-2">
                  {count(part.flippedCount)} a float32 step from a jump
                </span>
              )}
            </td>
            <td className="num !pr-0">{number(part.maxError)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    {parity.worstRow === null ? null : (
      <details className="text-sm">
        <summary className="link w-fit">The row with the largest difference</summary>
        <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-xs">
          {Object.entries(parity.worstRow.row).map(([key, value]) => (
            <div key={key} className="contents">
              <dt className="text-ink-3">{key}</dt>
              <dd>{plain(value)}</dd>
            </div>
          ))}
          <dt className="text-ink-3">Python</dt>
          <dd>{plain(parity.worstRow.python)}</dd>
          <dt className="text-ink-3">ONNX</dt>
          <dd>{plain(parity.worstRow.onnx)}</dd>
        </dl>
      </details>
    )}
    <p className="text-xs text-ink-3">
      {parity.runtime}
      {parity.criteria === undefined
        ? ''
        : `; asked for: the same label in ${share(parity.criteria.labelsEqual, 2)} of the rows, probabilities at most ${number(parity.criteria.maxError)} apart`}
    </p>
  </div>
);

const isBelow = (value: number | null, asked: number | undefined): boolean =>
  value !== null && asked !== undefined && value < asked;
