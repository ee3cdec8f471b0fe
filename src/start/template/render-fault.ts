import { TilthError, messageOf } from '../../platform/errors.ts';
import { toJson } from './context.ts';
import type { Variables } from './engine-options.ts';
import { EngineCannot, TemplateFault, UndefinedUsed } from './jinja/faults.ts';
import { projectNotWritten, templateInvalid, templateUndefined } from './template-errors.ts';

/** Faults of the disk, not of the template. */
const ofTheDisk = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'EMFILE', 'ENFILE']);

/**
 * What went wrong, in the user's terms.
 *
 * @param doing "create file 'x'", as cookiecutter says it
 */
export function faultAt(doing: string, thrown: unknown, variables?: Variables): unknown {
  if (thrown instanceof TilthError) return thrown;
  if (thrown instanceof UndefinedUsed)
    return templateUndefined(doing, thrown.message, toJson(variables?.get('cookiecutter') ?? null), thrown);
  if (thrown instanceof TemplateFault || thrown instanceof EngineCannot)
    return templateInvalid(`Unable to ${doing}`, thrown.message, thrown);
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined;
  if (code === undefined) return thrown;
  return ofTheDisk.has(code)
    ? projectNotWritten(doing, messageOf(thrown), thrown)
    : templateInvalid(`Unable to ${doing}`, messageOf(thrown), thrown);
}
