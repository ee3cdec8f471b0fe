import type { Added } from './add-data.ts';

/** One line about what was added. */
export function describeAdded(one: Added): string {
  const extent = one.nfiles === undefined ? `${one.size} bytes` : `${one.nfiles} files, ${one.size} bytes`;
  const kept = {
    passed: one.isRemembered ? ', contract kept (checked before)' : ', contract kept',
    broken: '',
    none: '',
  };
  return `${one.path}  ${one.md5}  ${extent}${kept[one.contractState]}`;
}
