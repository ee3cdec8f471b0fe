import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sticky } from '../serving-api.ts';
import {
  columns,
  endpointOf,
  late1,
  late2,
  post,
  rowAt,
  startControlPlane,
  startTestPlane,
} from '../test-control-plane.ts';

const share = (canary: number) => [
  { version: 1, variant: 'champion' as const, weight: 1 - canary },
  { version: 2, variant: 'canary' as const, weight: canary },
];

for (const sticky of [
  { by: 'key' },
  { by: 'header', name: 'X-User' },
  { by: 'column', name: 'distance' },
] satisfies Sticky[]) {
  test(`callers keep their version by ${sticky.by}, and a growing canary keeps those who met it`, async (context) => {
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([{ ...endpointOf('late', 'late', share(0.3)), sticky }], [late1, late2]);
    const { address } = await startTestPlane(context, control);
    const ask = async (user: number, again: number): Promise<string | null> => {
      const [delay, , carrier] = rowAt(again % 200);
      const body = {
        dataframe_split: {
          columns,
          data: [
            [
              sticky.by === 'column' ? delay : (delay ?? 0) + again,
              sticky.by === 'column' ? user : 100 + again,
              carrier,
            ],
          ],
        },
        params: sticky.by === 'key' ? { tilth_keys: [`user-${user}`] } : {},
      };
      const headers: Record<string, string> = sticky.by === 'header' ? { 'x-user': `user-${user}` } : {};
      const answer = await post(`${address}/endpoints/late/invocations`, body, headers);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.headers.get('x-tilth-version');
    };
    const users = Array.from({ length: 120 }, (_, user) => user);
    const first = await Promise.all(users.map((user) => ask(user, 1)));
    for (const again of [2, 3])
      assert.deepEqual(await Promise.all(users.map((user) => ask(user, again))), first);
    const met = first.filter((version) => version === '2').length;
    // 36 of 120 are expected; outside 18 to 56 in fewer than 1 of 1,000 tries (scipy.stats.binom.interval(0.999, 120, 0.3) = 20..54)
    assert.ok(met > 18 && met < 56, `${met} of 120`);
    control.publish([{ ...endpointOf('late', 'late', share(0.6)), sticky, revision: 2 }], [late1, late2]);
    let later: (string | null)[] = first;
    for (let tries = 0; tries < 100 && later.filter((version) => version === '2').length === met; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      later = await Promise.all(users.map((user) => ask(user, 4)));
    }
    assert.ok(later.filter((version) => version === '2').length > met);
    for (const [user, version] of first.entries()) if (version === '2') assert.equal(later[user], '2');
  });
}
