const servers: readonly { readonly name: string; readonly start: RegExp; readonly host: RegExp }[] = [
  { name: 'fastapi dev', start: /\bfastapi["',\s]+dev\b/, host: /--host\b/ },
  { name: 'uvicorn', start: /(?:^|[\s"'/])uvicorn(?=["',\s]+[\w.:"'-])/, host: /--host\b|--uds\b|--fd\b/ },
  { name: 'flask run', start: /\bflask["',\s]+run\b/, host: /--host\b|-h\b/ },
];

/** The server of a command that listens to 127.0.0.1 unless told otherwise, where it isn't told. */
export function loopbackServer(command: string): string | undefined {
  // gunicorn takes uvicorn as a kind of worker and has its own address
  if (/\bgunicorn\b/.test(command)) return undefined;
  return servers.find(({ start, host }) => start.test(command) && !host.test(command))?.name;
}

/** The command with `--host 0.0.0.0`, in the form it is written in: a shell's, or a list of words. */
export function withOpenHost(text: string): string | undefined {
  if (!/\bfastapi["',\s]+dev\b|\bflask["',\s]+run\b|\buvicorn\b/.test(text)) return undefined;
  const edited = text.replace(
    /(\bfastapi)(["',\s]+)(dev)(["']?)|(\bflask)(["',\s]+)(run)(["']?)|(\buvicorn)(["']?)/,
    (found: string) => (/["']$/.test(found) ? `${found}, "--host", "0.0.0.0"` : `${found} --host 0.0.0.0`),
  );
  return edited;
}
