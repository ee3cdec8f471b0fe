import { TilthError } from '../../platform/errors.ts';

export const eventInvalid = (problems: readonly string[]): TilthError =>
  new TilthError(
    'OPENLINEAGE_EVENT_INVALID',
    400,
    `This is not an OpenLineage event that can be kept: ${problems.join('; ')}.`,
    'Events follow https://openlineage.io/spec/2-0-2/OpenLineage.json',
    { details: problems },
  );
