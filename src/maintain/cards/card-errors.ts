import { TilthError } from '../../platform/errors.ts';
import { shellWord } from '../../platform/shell.ts';

export const noVersionYet = (model: string): TilthError =>
  new TilthError('MODEL_HAS_NO_VERSION', 404, `The model ${model} has no version, so there is nothing to write a card of.`, `Register one: tilth model register ${shellWord(model)} --run RUN_ID`);

export const cardOutdated = (file: string, model: string, version: number): TilthError =>
  new TilthError(
    'MODEL_CARD_OUTDATED',
    409,
    `${file} is not the card of ${model} version ${version} as the record stands now.`,
    `Write it again: tilth model card ${shellWord(model)} ${version} --out ${shellWord(file)}`,
  );
