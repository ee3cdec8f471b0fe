import { TilthError } from '../../platform/errors.ts';

export const alertNotFound = (id: string): TilthError =>
  new TilthError('ALERT_NOT_FOUND', 404, `There is no alert ${JSON.stringify(id)}.`, 'See which there are: tilth alert list');
