import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import { TilthError } from '../../platform/errors.ts';
import { download } from './download.ts';
import { openTemplate, type SourceRequest, type TemplateSource } from './template-source.ts';
import {
  askPython,
  needsCookiecutter,
  realCookiecutter,
  type CookiecutterAnswer,
} from './test-cookiecutter.ts';
import { openArchive } from './zip-archive.ts';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'tilth zips ')));
const home = join(base, 'home');
const theirFolder = join(home, '.cookiecutters');
const ourFolder = join(base, 'ours');
const zips = join(base, 'zips');
let real: ReturnType<typeof realCookiecutter>;
let web: Server;
let address = '';
const asked: { path: string; authorization: string | undefined }[] = [];

before(async () => {
  for (const folder of [home, zips, join(base, 'tmp')]) mkdirSync(folder);
  if (process.env['TILTH_TEST_PYTHON'] === undefined) return;
  real = realCookiecutter();
  await makeArchives();
  web = createServer(answerWith);
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
});

after(() => {
  real?.close();
  web?.close();
  rmSync(base, { recursive: true, force: true });
});

function answerWith(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '';
  asked.push({ path, authorization: request.headers.authorization });
  const file = join(zips, path.split('/').at(-1) ?? '');
  if (path.startsWith('/moved/'))
    response.writeHead(302, { location: path.replace('/moved/', '/there/') }).end();
  else if (path.startsWith('/round/')) response.writeHead(302, { location: path }).end();
  else if (path.startsWith('/out/')) response.writeHead(302, { location: 'file:///etc/passwd' }).end();
  else if (path.startsWith('/cut/')) {
    response.writeHead(200, { 'content-length': 100_000 });
    response.write('PK');
    setTimeout(() => response.destroy(), 20);
  } else if (path.startsWith('/private/') && request.headers.authorization === undefined)
    response.writeHead(401).end('who is there?');
  else if (path.startsWith('/packed/'))
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(readFileSync(file)));
  else if (existsSync(file)) response.end(readFileSync(file));
  else response.writeHead(404).end('<html>nothing here</html>');
}

/** Python writes the plain ones, with every oddity that a zip can have; zip.js those with a password. */
async function makeArchives(): Promise<void> {
  askPython(
    `
import json, os, stat, sys, warnings, zipfile
warnings.simplefilter('ignore')
os.chdir(json.load(sys.stdin))
def entry(name, mode=0o100644, kind=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6)); info.external_attr = mode << 16; info.compress_type = kind
    return info
def pack(name, entries, first='tpl/', comment=b''):
    with zipfile.ZipFile(name, 'w') as z:
        z.comment = comment
        if first: z.writestr(entry(first, 0o40755), '')
        for each, data in entries: z.writestr(each if isinstance(each, zipfile.ZipInfo) else entry(each), data)
template = [('tpl/cookiecutter.json', '{"name": "made"}'), ('tpl/{{cookiecutter.name}}/a.txt', 'a' * 5000)]
pack('good.zip', template + [
  (entry('tpl/{{cookiecutter.name}}/run.sh', 0o100755), '#!/bin/sh\\n'), (entry('tpl/{{cookiecutter.name}}/link', 0o120777), '/etc/passwd'),
  (entry('tpl/stored', 0o100400, zipfile.ZIP_STORED), b'\\x00\\xff' * 300), ('tpl/empty/', ''), ('tpl/é ü.txt', 'ä'),
  ('tpl/./dot//two.txt', 'dots'), ('tpl/back\\\\slash', 'b'), ('tpl/twice', 'first'), ('tpl/twice', 'second'),
  ('tpl/inside/cookiecutter.json', '{}'), ('tpl/large.bin', os.urandom(300000))], comment=b'0123456789012345678901234567890123456789')
pack('nested.zip', [('a/b/cookiecutter.json', '{}')], first='a/b/')
pack('UPPER.ZIP', template)
pack('flat.zip', [('cookiecutter.json', '{}')], first=None)
pack('empty.zip', [], first=None)
pack('other.zip', [('tpl/readme', '')])
pack('climbs.zip', template + [('tpl/../../../climbed', 'x')])
pack('absolute.zip', template + [('/tmp/climbed', 'x')])
pack('drive.zip', template + [('C:/climbed', 'x')])
pack('first-climbs.zip', template, first='../tpl/')
pack('clash.zip', template + [('tpl/file', 'x'), ('tpl/file/below', 'x')])
pack('long.zip', template + [('tpl/' + 'x' * 300, 'x')])
pack('lzma.zip', template + [(entry('tpl/packed', kind=zipfile.ZIP_LZMA), 'x' * 100)])
pack('bomb.zip', template + [('tpl/bomb', b'\\0' * 30_000_000)])
open('text.zip', 'w').write('<html>sign in</html>')
open('nothing.zip', 'w').close()
good = open('good.zip', 'rb').read()
open('cut.zip', 'wb').write(good[:len(good) // 2])
open('before.zip', 'wb').write(b'#!/bin/sh\\nexit\\n' + good)
at = good.index(bytes([0, 255] * 9))
open('flipped.zip', 'wb').write(good[:at] + bytes([good[at] ^ 255]) + good[at + 1:])
print(json.dumps(None))
`,
    zips,
  );
  for (const [name, options] of [
    ['locked.zip', { zipCrypto: true }],
    ['strong.zip', { encryptionStrength: 3 as const }],
  ] as const) {
    const writer = new ZipWriter(new Uint8ArrayWriter(), {
      rawPassword: new TextEncoder().encode('sésame'),
      useWebWorkers: false,
      ...options,
    });
    await writer.add('tpl/', undefined, { directory: true });
    const bytes = (text: string): Uint8ArrayReader => new Uint8ArrayReader(new TextEncoder().encode(text));
    await writer.add('tpl/cookiecutter.json', bytes('{"name": "made"}'));
    await writer.add('tpl/{{cookiecutter.name}}/secret.txt', bytes('secret '.repeat(1000)));
    writeFileSync(join(zips, name), await writer.close());
  }
}

const ours = (template: string, more: Partial<SourceRequest> = {}): Promise<TemplateSource> =>
  openTemplate({ template, abbreviations: {}, cookiecuttersFolder: `${ourFolder}/`, ...more });

const theirs = (
  template: string,
  more: { password?: string; input?: string } = {},
): Promise<CookiecutterAnswer> =>
  real.run({
    args: [template, ...(more.input === undefined ? ['--no-input'] : []), '-f', '-o', join(base, 'out')],
    folder: base,
    home,
    environment: {
      // what they unpack stays there, to be looked at
      TMPDIR: join(base, 'tmp'),
      ...(more.password === undefined ? {} : { COOKIECUTTER_REPO_PASSWORD: more.password }),
    },
    ...(more.input === undefined ? {} : { input: more.input }),
  });

async function refusal(work: Promise<unknown>): Promise<TilthError> {
  try {
    await work;
  } catch (thrown) {
    assert.ok(thrown instanceof TilthError, String(thrown));
    return thrown;
  }
  return assert.fail('nothing was refused');
}

const treeOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .map((entry): [string, string] => {
        const path = join(entry.parentPath, entry.name);
        const mode = (statSync(path).mode & 0o777).toString(8);
        const content = entry.isDirectory() ? 'folder' : `${entry.isFile()} ${readFileSync(path, 'base64')}`;
        return [relative(folder, path), `${mode} ${content}`];
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

/** What Python's zipfile makes of it, which is what cookiecutter renders from. */
function theirTree(name: string): Record<string, string> {
  const folder = mkdtempSync(join(base, 'python-'));
  askPython(
    'import json, sys, zipfile; a, b = json.load(sys.stdin); zipfile.ZipFile(a).extractall(b); print(0)',
    [join(zips, name), folder],
  );
  return treeOf(folder);
}

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tilth-template-'));

test(
  'an archive is unpacked as cookiecutter unpacks it: modes, links, odd names',
  needsCookiecutter,
  async () => {
    for (const name of ['good.zip', 'UPPER.ZIP', 'before.zip']) {
      const source = await ours(join(zips, name));
      const answer = await theirs(join(zips, name));
      assert.equal(answer.status, 0, answer.output);
      assert.deepEqual(treeOf(join(source.folder, '..')), theirTree(name), name);
      assert.deepEqual([source.name, source.commit, source.repository], ['tpl', null, undefined]);
      assert.equal(source.template, join(zips, name));
      source.close();
      assert.equal(existsSync(join(source.folder, '..')), false);
    }
    const inside = await ours(join(zips, 'good.zip'), { directory: 'inside' });
    assert.equal(inside.name, 'inside');
    inside.close();
    const nested = await ours(join(zips, 'nested.zip'));
    assert.equal(nested.name, 'b');
    nested.close();
  },
);

test('names that are not marked as UTF-8 are read in the code page of DOS', needsCookiecutter, async () => {
  const latin = readFileSync(join(zips, 'good.zip'))
    .toString('latin1')
    .replaceAll('\u00c3\u00a9 \u00c3\u00bc.txt', '\u0082 \u0081.extxt');
  // bit 11 says UTF-8
  const bytes = Buffer.from(latin, 'latin1');
  for (const [mark, flags] of [
    ['PK\u0003\u0004', 6],
    ['PK\u0001\u0002', 8],
  ] as const)
    for (let at = bytes.indexOf(mark, 0, 'latin1'); at >= 0; at = bytes.indexOf(mark, at + 4, 'latin1'))
      bytes.writeUInt16LE(bytes.readUInt16LE(at + flags) & ~0x800, at + flags);
  writeFileSync(join(zips, 'dos.zip'), bytes);
  const source = await ours(join(zips, 'dos.zip'));
  assert.ok(existsSync(join(source.folder, 'é ü.extxt')));
  assert.deepEqual(treeOf(join(source.folder, '..')), theirTree('dos.zip'));
  source.close();
});

test(
  'what is no template archive is refused in the words of cookiecutter, and nothing is left behind',
  needsCookiecutter,
  async () => {
    const before = leftovers();
    for (const name of ['flat.zip', 'empty.zip', 'text.zip', 'nothing.zip', 'cut.zip', 'flipped.zip']) {
      const answer = await theirs(join(zips, name));
      assert.equal(answer.status, 1, name);
      const fault = await refusal(ours(join(zips, name)));
      assert.ok(
        fault.message.startsWith(answer.output.trimEnd()),
        `${fault.message}\nis not\n${answer.output}`,
      );
      assert.equal(fault.code, 'TEMPLATE_ARCHIVE_REFUSED');
    }
    const answer = await theirs(join(zips, 'other.zip'));
    const fault = await refusal(ours(join(zips, 'other.zip')));
    const withoutFolder = (text: string): string => text.trimEnd().replace(/\n.*\/tpl$/, '\nFOLDER/tpl');
    assert.equal(withoutFolder(fault.message), withoutFolder(answer.output));
    assert.equal((await refusal(ours('nowhere.zip'))).code, 'TEMPLATE_ARCHIVE_REFUSED');
    assert.deepEqual(leftovers(), before);
  },
);

test(
  'an archive that climbs out, clashes with itself or is packed by other means is refused whole',
  needsCookiecutter,
  async () => {
    const before = leftovers();
    for (const name of ['climbs.zip', 'absolute.zip', 'drive.zip', 'first-climbs.zip'])
      assert.match((await refusal(ours(join(zips, name)))).message, /leads out of its folder/, name);
    assert.equal(existsSync('/tmp/climbed'), false);
    for (const name of ['clash.zip', 'long.zip'])
      assert.equal((await refusal(ours(join(zips, name)))).code, 'TEMPLATE_NOT_FETCHED', name);
    assert.match(
      (await refusal(ours(join(zips, 'lzma.zip')))).message,
      /not a valid zip archive: tpl\/packed/,
    );
    assert.deepEqual(leftovers(), before);
  },
);

test(
  'an archive that grows beyond the limit is stopped, whatever sizes it states',
  needsCookiecutter,
  async () => {
    const into = join(base, 'bomb');
    const limits = { bytes: 1_000_000, entries: 10 };
    await assert.rejects(openArchive(join(zips, 'bomb.zip'), limits), { kind: 'too-big' });
    const bytes = readFileSync(join(zips, 'bomb.zip'));
    const stated = Buffer.alloc(4);
    stated.writeUInt32LE(30_000_000);
    for (let at = bytes.indexOf(stated); at >= 0; at = bytes.indexOf(stated, at + 1))
      bytes.writeUInt32LE(10, at);
    writeFileSync(join(zips, 'liar.zip'), bytes);
    await assert.rejects(async () =>
      (await openArchive(join(zips, 'liar.zip'), limits)).unpack(into, undefined),
    );
    assert.ok(statSync(join(into, 'tpl', 'bomb')).size <= 1_000_000);
    await assert.rejects(openArchive(join(zips, 'good.zip'), { bytes: 1e9, entries: 3 }), {
      kind: 'too-big',
    });
  },
);

test(
  'a protected archive opens with its password, from the environment or asked for up to three times',
  needsCookiecutter,
  async () => {
    const before = leftovers();
    const locked = join(zips, 'locked.zip');
    const answer = await theirs(locked, { password: 'sésame' });
    assert.equal(answer.status, 0, answer.output);
    for (const name of ['locked.zip', 'strong.zip']) {
      const source = await ours(join(zips, name), { password: 'sésame' });
      assert.equal(
        readFileSync(join(source.folder, '{{cookiecutter.name}}/secret.txt'), 'utf8'),
        'secret '.repeat(1000),
      );
      source.close();
    }
    // one wrong password of 256 gets past the check byte and breaks cookiecutter
    const wrong = ['wrong', 'worse', 'worst'];
    let refused = await theirs(locked, { password: wrong[0] ?? '' });
    while (refused.output.includes('Traceback') && wrong.length > 1) {
      wrong.shift();
      refused = await theirs(locked, { password: wrong[0] ?? '' });
    }
    assert.equal((await refusal(ours(locked, { password: wrong[0] }))).message, refused.output.trimEnd());
    const unasked = await theirs(locked);
    assert.equal((await refusal(ours(locked))).message, unasked.output.trimEnd());
    process.env['COOKIECUTTER_REPO_PASSWORD'] = 'sésame';
    (await ours(locked)).close();
    delete process.env['COOKIECUTTER_REPO_PASSWORD'];
    const typing = (...passwords: string[]): Pick<SourceRequest, 'ask'> => ({
      ask: {
        yesNo: () => assert.fail('asked'),
        secret: async () => passwords.shift() ?? assert.fail('asked too often'),
      },
    });
    (await ours(locked, typing('a', 'b', 'sésame'))).close();
    const fault = await refusal(ours(locked, typing('a', 'b', 'c', 'sésame')));
    assert.equal(fault.message, 'Invalid password provided for protected repository');
    assert.deepEqual(leftovers(), before);
  },
);

test(
  'an archive at an address is kept under its name, and fetched anew the next time',
  needsCookiecutter,
  async () => {
    for (const path of ['/good.zip', '/moved/good.zip', '/packed/good.zip']) {
      const source = await ours(address + path);
      assert.equal(source.template, address + path);
      source.close();
      const answer = await theirs(address + path);
      assert.equal(answer.status, 0, answer.output);
    }
    assert.deepEqual(readdirSync(ourFolder), readdirSync(theirFolder));
    assert.deepEqual(readFileSync(join(ourFolder, 'good.zip')), readFileSync(join(theirFolder, 'good.zip')));
    const kept = readFileSync(join(ourFolder, 'good.zip'));
    const before = leftovers();
    for (const path of [
      '/none/good.zip'.replace('good', 'none'),
      '/out/good.zip',
      '/round/good.zip',
      '/cut/good.zip',
      '/text.zip',
    ]) {
      const fault = await refusal(ours(address + path));
      assert.match(fault.code, /TEMPLATE_NOT_FETCHED|TEMPLATE_ARCHIVE_REFUSED/, path);
      if (path.endsWith('good.zip')) assert.match(fault.hint ?? '', /Use it: tilth start .*good\.zip/);
    }
    for (const other of ['file:///tmp/good.zip', 'git@host:good.zip', 'git+https://host/good.zip'])
      assert.equal((await refusal(ours(other))).code, 'TEMPLATE_ADDRESS_REFUSED');
    const theirFault = await theirs(`${address}/text.zip`);
    const fault = await refusal(ours(`${address}/text.zip`));
    assert.ok(fault.message.startsWith(theirFault.output.trimEnd()));
    assert.deepEqual(readFileSync(join(ourFolder, 'good.zip')), kept);
    assert.deepEqual(readdirSync(ourFolder), ['good.zip']);
    assert.deepEqual(leftovers(), before);
    const reused = await ours(`${address}/none/good.zip`, {
      ask: { yesNo: async (question) => !question.startsWith('You') },
    });
    reused.close();
  },
);

test('passwords of an address go to its host alone and are not written down', needsCookiecutter, async () => {
  asked.length = 0;
  const source = await ours(`${address.replace('//', '//me:se%20cret@')}/private/good.zip`);
  source.close();
  assert.equal(source.template, `${address}/private/good.zip`);
  assert.equal(asked.at(-1)?.authorization, `Basic ${Buffer.from('me:se cret').toString('base64')}`);
  const elsewhere = createServer((request, response) => {
    asked.push({ path: request.url ?? '', authorization: request.headers.authorization });
    response.end('x');
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const away = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/x.zip`;
  const forward = createServer((_request, response) => response.writeHead(302, { location: away }).end());
  await new Promise<void>((resolve) => forward.listen(0, '127.0.0.1', resolve));
  const from = `http://me:secret@127.0.0.1:${(forward.address() as AddressInfo).port}/x.zip`;
  const limits = { bytes: 100, silenceMs: 1000 };
  await download(from, join(base, 'got'), limits);
  assert.equal(asked.at(-1)?.authorization, undefined);
  const netrc = join(base, 'netrc');
  writeFileSync(
    netrc,
    'machine elsewhere login a password b\nmachine 127.0.0.1\n login me\n password from-netrc\n',
  );
  process.env['NETRC'] = netrc;
  await download(away, join(base, 'got'), limits);
  delete process.env['NETRC'];
  assert.equal(asked.at(-1)?.authorization, `Basic ${Buffer.from('me:from-netrc').toString('base64')}`);
  // a proxy is asked for the whole address
  process.env['http_proxy'] = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  await download('http://template.invalid/x.zip', join(base, 'got'), limits);
  delete process.env['http_proxy'];
  assert.equal(asked.at(-1)?.path, 'http://template.invalid/x.zip');
  for (const server of [elsewhere, forward]) server.close();
});

test('a download ends when it is too large or falls silent', needsCookiecutter, async () => {
  const server = createServer((request, response) => {
    response.writeHead(200);
    if (request.url === '/large') response.end(Buffer.alloc(10_000));
    else response.write('slow');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const limits = { bytes: 9000, silenceMs: 200 };
  await assert.rejects(download(`${at}/large`, join(base, 'got'), limits), /larger than/);
  await assert.rejects(download(`${at}/slow`, join(base, 'got'), limits), /no answer for 0.2 s/);
  server.closeAllConnections();
  server.close();
});

test('a folder as template loads no archive library and starts no process', needsCookiecutter, async () => {
  const folder = join(base, 'local');
  mkdirSync(folder);
  writeFileSync(join(folder, 'cookiecutter.json'), '{}');
  chmodSync(folder, 0o755);
  symlinkSync(folder, join(base, 'linked'));
  const script = `
    import { syncBuiltinESMExports } from 'node:module';
    import child from 'node:child_process';
    child.spawn = () => { throw new Error('a process'); };
    syncBuiltinESMExports();
    const { openTemplate } = await import(${JSON.stringify(join(import.meta.dirname, 'template-source.ts'))});
    const { name } = await openTemplate({ template: process.argv[1], abbreviations: {} });
    const loaded = process.moduleLoadList.length;
    console.log(name);
  `;
  const run = spawn(process.execPath, ['--input-type=module', '-e', script, '--', folder], {
    env: { ...process.env, NODE_DEBUG: 'esm' },
  });
  let said = '';
  run.stdout.on('data', (part) => (said += String(part)));
  run.stderr.on('data', (part) => (said += String(part)));
  await new Promise((resolve) => run.on('close', resolve));
  assert.match(said, /^local$/m);
  assert.doesNotMatch(said, /zip\.js/);
});
