import { TilthError } from '../../../platform/errors.ts';
import type { RequestHead } from './exchange.ts';

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Keeps pages of a browser on the same machine out of a server on loopback (DNS rebinding, foreign origins).
 *
 * @throws HOST_REFUSED, ORIGIN_REFUSED
 */
export function refuseStrangers(request: Pick<RequestHead, 'header'>): void {
  const host = request.header('host') ?? '';
  if (!loopbackNames.has(hostname(host)))
    throw refused('HOST_REFUSED', `The host ${JSON.stringify(host)} is not this server's.`);
  const origin = request.header('origin');
  if (origin !== undefined && !loopbackNames.has(hostname(origin.replace(/^https?:\/\//, '')))) {
    throw refused('ORIGIN_REFUSED', `A page of ${origin} may not call this server.`);
  }
}

const hostname = (host: string): string => host.toLowerCase().replace(/:\d+$/, '');

const refused = (code: string, message: string): TilthError =>
  new TilthError(code, 403, message, 'Use the address that the data plane printed at its start.');
