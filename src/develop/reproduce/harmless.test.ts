import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { harmlessRule, mostBytes } from './harmless.ts';
import { needsPython, python } from './test-project.ts';

const chunk = (name: string, data: string): Buffer => {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), Buffer.from(data, 'latin1')]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length - 4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
};
const png = (text: string, pixels: string): Buffer =>
  Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', 'size'),
    chunk('tEXt', text),
    chunk('IDAT', pixels),
    chunk('IEND', ''),
  ]);
const ruleOf = (name: string, one: string | Buffer, other: string | Buffer): string | undefined =>
  harmlessRule(name, Buffer.from(one), Buffer.from(other))?.name;

test('what says when and where a file was written does not count, what it is does', () => {
  assert.equal(ruleOf('a.png', png('Date 1', 'x'), png('Date 2', 'x')), 'texts and times of PNG');
  assert.equal(ruleOf('a.png', png('Date 1', 'x'), png('Date 1', 'y')), undefined);
  const model = (id: string, flavour: string): string =>
    `run_id: ${id}\nmodel_uuid: ${id}\nutc_time_created: '${id}'\nflavors:\n  ${flavour}: {}\n`;
  assert.equal(ruleOf('model/MLmodel', model('a', 'sklearn'), model('b', 'sklearn')), 'MLmodel ids and time');
  assert.equal(ruleOf('model/MLmodel', model('a', 'sklearn'), model('a', 'xgboost')), undefined);
  const packed = (text: string, time: number): Buffer => {
    const bytes = gzipSync(text);
    bytes.writeUInt32LE(time, 4);
    return bytes;
  };
  assert.equal(ruleOf('a.csv.gz', packed('a,b', 1), packed('a,b', 2)), 'time of gzip');
  assert.equal(ruleOf('a.csv.gz', packed('a,b', 1), packed('a,c', 1)), undefined);
  assert.equal(
    ruleOf('a.pdf', '%PDF-1.4 /CreationDate (D:1) x', '%PDF-1.4 /CreationDate (D:2) x'),
    'dates of PDF',
  );
  assert.equal(
    ruleOf('a.svg', '<svg><dc:date>1</dc:date></svg>', '<svg><dc:date>2</dc:date></svg>'),
    'date of SVG',
  );
  assert.equal(
    ruleOf('a.json', '{"at": 1}', '{"at": 2}'),
    undefined,
    'a file of which no rule is known differs',
  );
});

test('a zip archive is its names and contents, as Python writes it', needsPython, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-zip-'));
  const script = `
import sys, zipfile
path, year, text, method = sys.argv[1:]
with zipfile.ZipFile(path, "w", int(method)) as archive:
    archive.writestr(zipfile.ZipInfo("weights.npy", (int(year), 1, 2, 3, 4, 6)), text * 50, int(method))
    archive.writestr(zipfile.ZipInfo("metadata.json", (int(year), 1, 2, 3, 4, 6)), '{"date_saved": "' + year + '"}', int(method))
`;
  const zip = (year: number, text: string, method = 8): Buffer => {
    const path = join(folder, 'a.zip');
    execFileSync(python, ['-c', script, path, String(year), text, String(method)]);
    return readFileSync(path);
  };
  try {
    assert.equal(ruleOf('a.keras', zip(1999, 'x'), zip(2020, 'x')), 'times of zip entries');
    assert.equal(ruleOf('a.npz', zip(1999, 'x', 0), zip(2020, 'x', 0)), 'times of zip entries');
    assert.equal(ruleOf('a.keras', zip(1999, 'x'), zip(1999, 'y')), undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a picture that breaks off, or that something hangs on to, is another picture', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.uint8Array({ minLength: 1, maxLength: 30 }), (at, noise) => {
      const whole = png('Date 1', 'x');
      assert.equal(ruleOf('a.png', whole, whole.subarray(0, Math.min(at, whole.length - 1))), undefined);
      assert.equal(ruleOf('a.png', whole, Buffer.concat([whole, noise])), undefined);
    }),
  );
});

test('no damaged file breaks a rule', () => {
  const wholes = [png('a', 'x'), gzipSync('text'), Buffer.from('PK\u0003\u0004PK\u0005\u0006', 'latin1')];
  fc.assert(
    fc.property(
      fc.constantFrom(...wholes),
      fc.nat(60),
      fc.uint8Array({ maxLength: 8 }),
      (bytes, at, noise) => {
        assert.doesNotThrow(() =>
          harmlessRule('a.bin', bytes, Buffer.concat([bytes.subarray(0, at), noise])),
        );
      },
    ),
  );
});

test('a file that unpacks to very much is compared as it is', () => {
  const packed = gzipSync(Buffer.alloc(mostBytes + 1));
  const later = Buffer.from(packed);
  later.writeUInt32LE(7, 4);
  assert.equal(ruleOf('a.gz', packed, later), undefined);
});
