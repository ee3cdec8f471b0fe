import { createHash } from 'node:crypto';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { parseDocument } from 'yaml';

/** A file larger than this is compared byte by byte only. */
export const mostBytes = 256 * 1024 * 1024;

/** What a rule takes out of a file before it is compared, because it says when and where it was written, and not what it is. */
export interface Rule {
  readonly name: string;
  /** in a person's words, for the evidence */
  readonly takesOut: string;
  fits(name: string, bytes: Buffer): boolean;
  /** @returns the hash of what stays; undefined where the file is not what it looks like */
  rest(bytes: Buffer): string | undefined;
}

const sha256 = (parts: readonly (Buffer | string)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

const startsWith = (bytes: Buffer, ...magic: readonly number[]): boolean =>
  magic.every((byte, at) => bytes[at] === byte);
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** MLflow gives every run and model a new id, and a time. */
const mlmodel: Rule = {
  name: 'MLmodel ids and time',
  takesOut: 'run_id, model_id, model_uuid, artifact_path and utc_time_created of an MLmodel file',
  fits: (name) => nameOf(name) === 'MLmodel',
  rest: (bytes) => {
    const document = parseDocument(bytes.toString('utf8'));
    if (document.errors.length > 0) return undefined;
    for (const key of ['run_id', 'model_id', 'model_uuid', 'artifact_path', 'utc_time_created'])
      document.delete(key);
    return sha256([document.toString()]);
  },
};

/** Names and contents of an archive's entries, in its order: .npz, .zip, .pt, .keras, .whl, .xlsx. */
const zip: Rule = {
  name: 'times of zip entries',
  takesOut: 'the times that a zip archive (.npz, .zip, .pt, .keras, .xlsx) keeps of its entries',
  fits: (_, bytes) => startsWith(bytes, 0x50, 0x4b, 0x03, 0x04),
  rest: (bytes) => {
    const entries = zipEntries(bytes);
    if (entries === undefined) return undefined;
    const parts = entries.map(
      ({ name, content }) => `${name.toString('hex')} ${sha256([withoutKerasTime(name, content)])}\n`,
    );
    return sha256(parts);
  },
};

/** `metadata.json` of a `.keras` archive says when it was saved. */
function withoutKerasTime(name: Buffer, content: Buffer): Buffer | string {
  if (name.toString() !== 'metadata.json') return content;
  return content.toString('utf8').replace(/"date_saved":\s*"[^"]*"/, '"date_saved": ""');
}

/** @see APPNOTE.TXT of PKWARE, 4.3: central directory and local headers */
function zipEntries(bytes: Buffer): { name: Buffer; content: Buffer }[] | undefined {
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || end + 22 > bytes.length) return undefined;
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  // the larger form keeps its numbers elsewhere
  if (count === 0xffff || at === 0xffffffff) return undefined;
  const entries: { name: Buffer; content: Buffer }[] = [];
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) return undefined;
    const method = bytes.readUInt16LE(at + 10);
    const [packed, size] = [bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 24)];
    const [nameLength, extraLength, commentLength] = [
      bytes.readUInt16LE(at + 28),
      bytes.readUInt16LE(at + 30),
      bytes.readUInt16LE(at + 32),
    ];
    const header = bytes.readUInt32LE(at + 42);
    const name = bytes.subarray(at + 46, at + 46 + nameLength);
    at += 46 + nameLength + extraLength + commentLength;
    if (header + 30 > bytes.length || packed === 0xffffffff || bytes.readUInt32LE(header) !== 0x04034b50)
      return undefined;
    const from = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
    const raw = bytes.subarray(from, from + packed);
    if (method !== 0 && method !== 8) return undefined;
    // an archive that unpacks to more than we read is compared byte by byte, whatever it says of its size
    total += Math.max(size, 1);
    if (total > mostBytes) return undefined;
    try {
      entries.push({
        name,
        content: method === 0 ? raw : inflateRawSync(raw, { maxOutputLength: Math.max(size, 1) }),
      });
    } catch {
      return undefined;
    }
  }
  return entries;
}

/** The header of gzip keeps the time and the name of what was packed. */
const gzip: Rule = {
  name: 'time of gzip',
  takesOut: 'the time and the file name in the header of a gzip file (.csv.gz, .pkl.gz, .nii.gz)',
  fits: (_, bytes) => startsWith(bytes, 0x1f, 0x8b),
  rest: (bytes) => {
    try {
      return sha256([gunzipSync(bytes, { maxOutputLength: mostBytes })]);
    } catch {
      return undefined;
    }
  },
};

/** Drawing programs write their name, their version and the time beside the picture. */
const png: Rule = {
  name: 'texts and times of PNG',
  takesOut: 'the chunks tIME, tEXt, zTXt, iTXt and eXIf of a PNG picture',
  fits: (_, bytes) => startsWith(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
  rest: (bytes) => {
    const kept: Buffer[] = [];
    let at = 8;
    while (at + 12 <= bytes.length) {
      const length = bytes.readUInt32BE(at);
      const chunk = bytes.subarray(at, at + 12 + length);
      if (chunk.length < 12 + length) return undefined;
      if (!/^(?:tIME|tEXt|zTXt|iTXt|eXIf)$/.test(chunk.toString('latin1', 4, 8))) kept.push(chunk);
      at += 12 + length;
    }
    return kept.length === 0 || at !== bytes.length ? undefined : sha256(kept);
  },
};

const pdf: Rule = {
  name: 'dates of PDF',
  takesOut: 'CreationDate and ModDate of a PDF document',
  fits: (_, bytes) => bytes.toString('latin1', 0, 5) === '%PDF-',
  rest: (bytes) => sha256([bytes.toString('latin1').replace(/\/(?:CreationDate|ModDate)\s*\([^)]*\)/g, '')]),
};

const svg: Rule = {
  name: 'date of SVG',
  takesOut: 'dc:date in the metadata of an SVG drawing',
  fits: (name) => name.toLowerCase().endsWith('.svg'),
  rest: (bytes) => sha256([bytes.toString('latin1').replace(/<dc:date>[^<]*<\/dc:date>/g, '')]),
};

/** All there are; a difference that none of them names is a difference. */
export const rules: readonly Rule[] = [mlmodel, zip, gzip, png, pdf, svg];

/**
 * The rule after which two files are equal; undefined where there is none.
 *
 * @param name of the file, with its folders
 */
export function harmlessRule(name: string, one: Buffer, other: Buffer): Rule | undefined {
  const rule = rules.find((each) => each.fits(name, one) && each.fits(name, other));
  const rest = rule?.rest(one);
  return rest !== undefined && rest === rule?.rest(other) ? rule : undefined;
}
