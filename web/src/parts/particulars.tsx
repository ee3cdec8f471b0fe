import { plain, spoken } from '../platform/format.ts';

/** An event's data as words; the whole of it when pointed at. */
export function Particulars({ data }: { data: unknown }) {
  const entries =
    typeof data === 'object' && data !== null
      ? Object.entries(data).filter(([, value]) => value !== null)
      : [];
  if (entries.length === 0) return null;
  return (
    <span className="line-clamp-2 text-xs break-words text-ink-2" title={JSON.stringify(data, null, 2)}>
      {entries.map(([key, value]) => `${spoken(key)} ${plain(value)}`).join(' · ')}
    </span>
  );
}
