import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

/**
 * How much memory idle connections take of a data plane that runs, and whether they survive.
 *
 *     node bench/deploy/idle-connections.ts PID PORT [COUNT]
 */
const [pid = '', port = '', count = '10000'] = process.argv.slice(2);

const memoryKb = (): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
const isAnswered = (socket: Socket): Promise<boolean> =>
  new Promise((resolve) => {
    socket.once('data', (part: Buffer) => resolve(part.toString('latin1', 0, 12) === 'HTTP/1.1 200'));
    socket.write('GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n');
  });

const before = memoryKb();
const sockets: Socket[] = [];
let closedCount = 0;
while (sockets.length < Number(count)) {
  await Promise.all(
    Array.from({ length: 250 }, async () => {
      const socket = connect({ port: Number(port), host: '127.0.0.1' });
      sockets.push(socket);
      socket.once('close', () => closedCount++);
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    }),
  );
}
// all must have begun a request within the time for a head
for (let at = 0; at < sockets.length; at += 500)
  await Promise.all(sockets.slice(at, at + 500).map(isAnswered));
await new Promise((resolve) => setTimeout(resolve, 20_000));
const answered = await Promise.all(sockets.filter((_, index) => index % 50 === 0).map(isAnswered));
console.log(
  JSON.stringify({
    connections: sockets.length,
    closedCount,
    answered: answered.filter(Boolean).length,
    asked: answered.length,
    kibPerConnection: Number(((memoryKb() - before) / sockets.length).toFixed(1)),
  }),
);
process.exit();
