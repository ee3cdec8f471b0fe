/** Who acts: a person or service by token, this machine's user on loopback, or the program itself. */
export interface Actor {
  /** id of the person; `local` on loopback without a team, `tilth` for the program's own jobs */
  readonly id: string;
  readonly kind: 'person' | 'local' | 'system';
  readonly name: string;
  /** titles and bundles that `can()` reads */
  readonly roles: readonly string[];
}

/** Jobs and schedules act as the program; the event's data names what caused them. */
export const systemActor: Actor = { id: 'tilth', kind: 'system', name: 'tilth', roles: ['system'] };
