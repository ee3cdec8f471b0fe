import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { segmentsOf } from '../platform/blobs/blobs.ts';
import { createApi, type Api } from '../platform/http.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

const headers = {
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** The built page: its files, and its one HTML file for every other address (deep links). */
export function pageRoutes(folder: string): Api {
  const api = createApi();
  api.get('*', async (context) => {
    const segments = segmentsOf(decodeURIComponent(context.req.path.slice(1)));
    const wanted = join(folder, ...segments);
    const isFile = extname(wanted) in types && existsSync(wanted);
    const file = isFile ? wanted : join(folder, 'index.html');
    if (!existsSync(file)) {
      return context.text('The page is not built yet. Build it with: npm run build\n', 503);
    }
    // built file names carry a hash of their content; the HTML that names them does not
    const cache = isFile && segments[0] === 'assets' ? 'public, max-age=31536000, immutable' : 'no-cache';
    return context.body(await readFile(file), 200, {
      ...headers,
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'cache-control': cache,
    });
  });
  return api;
}
