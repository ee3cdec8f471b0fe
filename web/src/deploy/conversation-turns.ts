import type { ApprovalConversation } from '../../../src/deploy/registry/registry-api.ts';

/** One thing that happened to a request. */
export interface Turn {
  readonly key: string;
  readonly at: number;
  readonly by: string | null;
  readonly did: string;
  readonly text: string | null;
  readonly icon: 'arrow' | 'person' | 'check' | 'cross' | 'rollback' | 'dash';
  readonly tone: 'good' | 'bad' | 'warn' | 'plain';
}

const ends = {
  granted: { did: 'approved', icon: 'check', tone: 'good' },
  refused: { did: 'rejected', icon: 'cross', tone: 'bad' },
  withdrawn: { did: 'took the request back', icon: 'rollback', tone: 'plain' },
} as const;

/** Everything that happened to a request, in the order in which it did. */
export function turnsOf(request: ApprovalConversation): Turn[] {
  const turns: Turn[] = [
    {
      key: 'request',
      at: request.requestedAt,
      by: request.requestedBy,
      did: 'asked for approval',
      text: request.message,
      icon: 'arrow',
      tone: 'plain',
    },
    ...request.comments.map((each) => ({
      key: each.id,
      at: each.at,
      by: each.by,
      did: 'commented',
      text: each.text,
      icon: 'person' as const,
      tone: 'plain' as const,
    })),
  ];
  const { state, by, at, reason } = request;
  if (by !== null && at !== null) {
    // an approval that became void or expired was granted before
    const end = state === 'refused' || state === 'withdrawn' ? ends[state] : ends.granted;
    turns.push({ key: 'decision', at, by, text: reason, ...end });
  }
  if (request.voidedAt !== null) {
    const what = request.changed.length === 0 ? '' : `: ${request.changed.join(', ')} changed`;
    const did = `It became void${what}`;
    turns.push({ key: 'void', at: request.voidedAt, by: null, did, text: null, icon: 'dash', tone: 'warn' });
  }
  if (state === 'expired' && request.expiresAt !== null) {
    const did = 'It expired';
    turns.push({
      key: 'expired',
      at: request.expiresAt,
      by: null,
      did,
      text: null,
      icon: 'dash',
      tone: 'warn',
    });
  }
  return turns.sort((a, b) => a.at - b.at);
}
