import type { Reader } from '../../platform/database/database.ts';
import { ChainWalk, type Verdict } from './audit.ts';

const pageSize = 5000;

/** Walks the whole log in pages, so that memory does not grow with it. */
export async function verifyLog(read: Reader): Promise<Verdict> {
  const walk = new ChainWalk();
  let afterSeq = 0;
  for (;;) {
    const page = await read.selectFrom('event').selectAll().where('seq', '>', afterSeq).orderBy('seq').limit(pageSize).execute();
    for (const event of page) walk.next(event, event.data);
    const last = page.at(-1);
    if (last === undefined) return walk.verdict();
    afterSeq = last.seq;
  }
}
