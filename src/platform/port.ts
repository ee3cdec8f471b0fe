import { TilthError } from './errors.ts';

export const portTaken = (port: number, cause: unknown): TilthError =>
  new TilthError('PORT_TAKEN', 409, `Port ${port} is taken by another program.`, `Choose one: tilth up --port ${port + 10}`, { cause });
