import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface FileServer {
  readonly url: string;
  /** what was asked: `GET /files/md5/ab/…` */
  readonly asked: string[];
  /** the next so many answers to GET break off after this many bytes */
  breaks: { count: number; after: number };
  /** the next so many requests are answered with this status */
  refusals: { count: number; status: number };
  stop(): Promise<void>;
}

/** A plain web server over a folder: HEAD, GET with ranges, POST and PUT. */
export async function serveFolder(folder: string, authorization?: string): Promise<FileServer> {
  const asked: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = join(folder, decodeURIComponent(request.url ?? '/'));
    asked.push(`${request.method} ${request.url}`);
    if (authorization !== undefined && request.headers.authorization !== authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="data"' }).end();
      return;
    }
    if (server.refusals.count > 0) {
      server.refusals.count -= 1;
      request.resume();
      response.writeHead(server.refusals.status).end();
      return;
    }
    if (request.method === 'PUT' || request.method === 'POST') {
      mkdirSync(dirname(path), { recursive: true });
      await pipeline(request, createWriteStream(`${path}.part`));
      renameSync(`${path}.part`, path);
      response.writeHead(201).end();
      return;
    }
    if (!existsSync(path) || !statSync(path).isFile()) {
      response.writeHead(404).end();
      return;
    }
    const { size } = statSync(path);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': size - start,
      'accept-ranges': 'bytes',
      etag: `"${size}"`,
    });
    if (request.method === 'HEAD' || size === start) response.end();
    else if (server.breaks.count > 0 && size - start > server.breaks.after) {
      server.breaks.count -= 1;
      await pipeline(createReadStream(path, { start, end: start + server.breaks.after - 1 }), response, {
        end: false,
      });
      response.destroy();
    } else await pipeline(createReadStream(path, { start }), response);
  };
  const listening = createServer(
    (request, response) => void answer(request, response).catch(() => response.destroy()),
  );
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const server: FileServer = {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    asked,
    breaks: { count: 0, after: 0 },
    refusals: { count: 0, status: 500 },
    stop: () =>
      new Promise((resolve) => {
        listening.closeAllConnections();
        listening.close(() => resolve());
      }),
  };
  return server;
}
