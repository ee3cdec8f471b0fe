import { createServer } from 'node:net';
import { TilthError } from './errors.ts';

export const portTaken = (port: number, cause?: unknown): TilthError =>
  new TilthError('PORT_TAKEN', 409, `Port ${port} is taken by another program.`, `Choose one: tilth up --port ${port + 10}`, { cause });

/** Does nobody listen there now? */
export const isPortFree = (host: string, port: number): Promise<boolean> =>
  new Promise((answer) => {
    const probe = createServer();
    probe.once('error', () => answer(false));
    probe.listen(port, host, () => probe.close(() => answer(true)));
  });
