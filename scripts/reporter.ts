import type { TestEvent } from 'node:test/reporters';
import { relative } from 'node:path';

/** One line per test as it ends, failures whole at the end, and the closing line that CI reads. */
export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let passedCount = 0;
  let failedCount = 0;
  let skippedCount = 0;
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
