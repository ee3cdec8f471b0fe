import { createContext, Script } from 'node:vm';
import { badRequest, messageOf } from '../../platform/errors.ts';

const patienceMs = 500;
const search = new Script('const regular = new RegExp(pattern, "u"); values.filter((value) => regular.test(value))');

/**
 * The texts in which a regular expression of a user fits somewhere.
 *
 * @throws BAD_REQUEST for what is none, and for one that takes longer than half a second: some take for ever
 */
export function matching(values: readonly string[], pattern: string): string[] {
  try {
    return [...(search.runInContext(createContext({ values, pattern }), { timeout: patienceMs }) as string[])];
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw badRequest(`The regular expression ${JSON.stringify(pattern)} takes too long.`, 'Write it without a repetition inside a repetition, or use LIKE.');
    }
    throw badRequest(`Invalid regular expression ${JSON.stringify(pattern)}: ${messageOf(cause)}`);
  }
}
