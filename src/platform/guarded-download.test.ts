import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { guardedDownload } from './guarded-download.ts';

describe('a guarded download', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth download '));
  let server: Server;
  let port = 0;
  let askedInside = 0;
  before(async () => {
    server = createServer((request, response) => {
      if (request.url === '/inside') askedInside += 1;
      if (request.url === '/sent-on')
        response.writeHead(302, { location: `http://127.0.0.1:${port}/file` }).end();
      else if (request.url === '/lured')
        response.writeHead(302, { location: `http://localhost:${port}/inside` }).end();
      else if (request.url === '/for-ever') response.writeHead(302, { location: '/for-ever' }).end();
      else if (request.url === '/other-kind')
        response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      else if (request.url === '/gone') response.writeHead(404).end();
      else response.end('x'.repeat(1000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  let count = 0;
  const fetched = async (
    path: string,
    options: { vouched?: boolean; maxBytes?: number } = {},
  ): Promise<string> => {
    const file = join(folder, String((count += 1)));
    await guardedDownload({
      url: `http://127.0.0.1:${port}${path}`,
      file,
      maxBytes: options.maxBytes ?? 10_000,
      signal: AbortSignal.timeout(5000),
      policy: { vouchedFor: new Set(options.vouched === false ? [] : [`127.0.0.1:${port}`]) },
    });
    return readFileSync(file, 'utf8');
  };

  it('writes what it fetched, also after a redirect', async () => {
    assert.equal((await fetched('/file')).length, 1000);
    assert.equal((await fetched('/sent-on')).length, 1000);
  });

  it('asks nothing of a private host, named at once or by a redirect', async () => {
    await assert.rejects(fetched('/inside', { vouched: false }), { code: 'ADDRESS_REFUSED' });
    await assert.rejects(fetched('/lured'), { code: 'ADDRESS_REFUSED' });
    assert.equal(askedInside, 0);
  });

  it('ends at a size, at too many redirects, at another kind of address and at an error', async () => {
    await assert.rejects(fetched('/file', { maxBytes: 999 }), { code: 'DOWNLOAD_TOO_LARGE' });
    for (const path of ['/for-ever', '/other-kind', '/gone'])
      await assert.rejects(fetched(path), { code: 'DOWNLOAD_FAILED' });
    assert.equal(existsSync(join(folder, 'inside')), false);
  });
});
