import type { Cell, RowField } from './prediction-row.ts';

interface Shape {
  readonly cells: readonly { readonly field: RowField; readonly value: Cell | undefined }[];
  readonly textOf: (name: string) => string;
  readonly onType: (name: string, value: string) => void;
}

const mostWithoutScrolling = 36;

const says = { text: 'text', 'yes-no': 'yes or no', whole: 'whole number', number: 'number' } as const;

/** A field for each value of a row, by its type. */
export const RowFields = ({ cells, textOf, onType }: Shape) => (
  <div
    className={`grid grid-cols-2 gap-3 p-0.5 sm:grid-cols-3 ${cells.length > mostWithoutScrolling ? 'max-h-96 overflow-y-auto' : ''}`}
  >
    {cells.map(({ field, value }) => (
      <label key={field.name} className="flex min-w-0 flex-col gap-1 text-sm font-medium">
        <span className="truncate" title={field.name}>
          {field.name}
        </span>
        {field.kind === 'yes-no' ? (
          <select
            className="field w-full font-normal"
            value={textOf(field.name)}
            onChange={(event) => onType(field.name, event.target.value)}
          >
            {field.isNullable ? <option value="">missing</option> : null}
            <option value="true">yes</option>
            <option value="false">no</option>
          </select>
        ) : (
          <input
            className="field w-full font-normal"
            inputMode={field.kind === 'text' ? 'text' : 'decimal'}
            value={textOf(field.name)}
            placeholder={field.isNullable ? 'missing' : says[field.kind]}
            aria-invalid={value === undefined}
            aria-description={`${says[field.kind]}${field.isNullable ? ', may be missing' : ''}`}
            onChange={(event) => onType(field.name, event.target.value)}
          />
        )}
      </label>
    ))}
  </div>
);
