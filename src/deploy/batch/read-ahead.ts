/** Asks for the next before the last is done with: one is always on its way. */
export async function* readAhead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = source.next();
  try {
    for (let read = await next; read.done !== true; read = await next) {
      next = source.next();
      // it is told of where it is waited for
      next.catch(() => undefined);
      yield read.value;
    }
  } finally {
    await next.catch(() => undefined);
    await source.return(undefined);
  }
}
