import { Link } from '@tanstack/react-router';
import { segment } from '../platform/api.ts';

/** A version's number as a way to it. */
export const VersionLink = ({ model, version }: { model: string; version: number | null | undefined }) =>
  version === null || version === undefined ? (
    <>–</>
  ) : (
    <Link to={`/deploy/models/${segment(model)}/${version}`} className="link whitespace-nowrap">
      version {version}
    </Link>
  );
