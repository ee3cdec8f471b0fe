/** `postgres://NAME:PASSWORD@HOST:5432/DATABASE`; what is none is the path of a SQLite file. */
export const isPostgresAddress = (where: string): boolean => /^postgres(?:ql)?:/i.test(where);

/** An address as it may be shown: without its password and settings. */
export function shownAddress(address: string): string {
  try {
    const { hostname, port, pathname } = new URL(address);
    return `${decodeURIComponent(hostname) || 'this machine'}${port === '' ? '' : `:${port}`}${pathname}`;
  } catch {
    return 'the address that was given';
  }
}
