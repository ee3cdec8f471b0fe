import { firstHash, hashEvent, type AuditEvent } from '../../platform/events.ts';

/** What a walk over the whole log found. */
export interface Verdict {
  readonly isSound: boolean;
  readonly eventCount: number;
  /** hash of the newest event: whoever noted it earlier can tell that nothing before it changed */
  readonly head: string;
  /** the first event that does not fit, and why */
  readonly fault: { readonly seq: number; readonly reason: string } | null;
}

/** Checks the chain event by event; needs only the one before, so it can stream. */
export class ChainWalk {
  #head = firstHash;
  #seq = 0;
  #count = 0;
  #fault: Verdict['fault'] = null;

  /** @param dataJson the event's data exactly as stored */
  next(event: Omit<AuditEvent, 'data'>, dataJson: string): void {
    this.#count += 1;
    if (this.#fault === null) this.#fault = this.#faultOf(event, dataJson);
    this.#head = event.hash;
    this.#seq = event.seq;
  }

  verdict(): Verdict {
    return { isSound: this.#fault === null, eventCount: this.#count, head: this.#head, fault: this.#fault };
  }

  #faultOf(event: Omit<AuditEvent, 'data'>, dataJson: string): Verdict['fault'] {
    const { seq } = event;
    if (seq !== this.#seq + 1) return { seq, reason: `event ${this.#seq + 1} is missing` };
    if (event.previous !== this.#head) return { seq, reason: 'it does not follow the event before it' };
    if (event.hash !== hashEvent(event.previous, { ...event, data: undefined }, dataJson)) {
      return { seq, reason: 'its content is not what was written' };
    }
    return null;
  }
}
