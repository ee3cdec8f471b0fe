import { STATUS_CODES } from 'node:http';
import type { PlaneAnswer } from './exchange.ts';

let date = '';
let dateEndsAt = 0;

/** The Date of RFC 9110, section 6.6.1; made once a second. */
function dateNow(): string {
  const now = Date.now();
  if (now >= dateEndsAt) {
    date = new Date(now).toUTCString();
    dateEndsAt = now - (now % 1000) + 1000;
  }
  return date;
}

/** The head of an answer as it goes over the wire. */
export function headText({ status, type, headers }: PlaneAnswer, bodyBytes: number, isLast: boolean): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: ${type}\r\ncontent-length: ${bodyBytes}\r\ndate: ${dateNow()}\r\n`;
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
  return `${text}connection: ${isLast ? 'close' : 'keep-alive'}\r\n\r\n`;
}
