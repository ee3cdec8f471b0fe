import type { TestEvent } from 'node:test/reporters';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Names a file through which the passes of one `npm test` add up. */
const tally = process.env['TILTH_TEST_TALLY'];

const countedBefore = (): { passedCount: number; failedCount: number; skippedCount: number } =>
  tally !== undefined && existsSync(tally)
    ? (JSON.parse(readFileSync(tally, 'utf8')) as ReturnType<typeof countedBefore>)
    : { passedCount: 0, failedCount: 0, skippedCount: 0 };

/** One line per test as it ends, failures whole at the end, and the closing line that CI reads. */
export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let { passedCount, failedCount, skippedCount } = countedBefore();
  const failures: string[] = [];
  for await (const event of events) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') continue;
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { name, file, nesting, details, skip } = event.data;
    if (details.type === 'suite') continue;
    const where = file === undefined ? '' : relative(process.cwd(), file);
    const line = `${'  '.repeat(nesting)}${name}  (${where}, ${Math.round(details.duration_ms)} ms)`;
    if (event.type === 'test:fail') {
      failedCount += 1;
      failures.push(`✗ ${name}\n  ${where}\n${textOf((details as { error: unknown }).error)}`);
      yield `✗ ${line}\n`;
    } else if (skip !== undefined && skip !== false) {
      skippedCount += 1;
      yield `- ${line}  skipped: ${typeof skip === 'string' ? skip : 'no reason given'}\n`;
    } else {
      passedCount += 1;
      yield `✓ ${line}\n`;
    }
  }
  if (failures.length > 0) yield `\n${failures.join('\n\n')}\n`;
  if (tally !== undefined) writeFileSync(tally, JSON.stringify({ passedCount, failedCount, skippedCount }));
  yield `\n${passedCount} passed, ${failedCount} failed${skippedCount > 0 ? `, ${skippedCount} skipped` : ''}\n`;
}

function textOf(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return text
    .split('\n')
    .slice(0, 25)
    .map((line) => `    ${line}`)
    .join('\n');
}
