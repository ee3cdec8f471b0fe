import { Link } from '@tanstack/react-router';
import type { TracePage } from '../../../src/develop/traces/traces-api.ts';
import { useApi, withParams } from '../platform/api.ts';

/** The way from a run to the traces that it made or that were linked to it. */
export function RunTraces({ id }: { id: string }) {
  const filter = `run_id = '${id}'`;
  const query = useApi<TracePage>('/api/v1/traces', { filter, limit: 1 });
  if (query.data === undefined || query.data.traces.length === 0) return '–';
  return (
    <Link to={withParams('/develop/traces', { filter })} className="link">
      see them
    </Link>
  );
}
