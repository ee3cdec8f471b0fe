/**
 * The look of the first bytes of a file that is neither plain text nor of a known format. Shares are of all bytes, 0..1;
 * tests that a text encoding can read them are 0 or 1, and 0 for fewer than ten bytes, except for UTF-8.
 *
 * @see binaryornot 0.6 (helpers.py), whose classifier was trained on these
 */
interface Look {
  readonly null: number;
  /** below 32 except tab and line ends */
  readonly control: number;
  readonly ascii: number;
  readonly high: number;
  /** of the bytes at even, at odd places */
  readonly evenNull: number;
  readonly oddNull: number;
  /** of the bytes, in bits */
  readonly entropy: number;
  /** the longest run of printable characters */
  readonly run: number;
  readonly bom16le: number;
  readonly utf8: number;
  readonly utf16le: number;
  readonly utf16be: number;
  readonly big5: number;
  readonly shiftJis: number;
  readonly eucKr: number;
}

/** Where the look is at most the bound the third item decides, else the fourth. */
type Decision = boolean | readonly [keyof Look, number, Decision, Decision];

const [binary, text] = [true, false];

/** Bounds of binaryornot 0.6 (tree.py); branches that end alike are one. */
const withoutControls: Decision = [
  'run',
  0.000977,
  [
    'utf8',
    0.5,
    ['eucKr', 0.5, ['entropy', 1.953445, binary, ['entropy', 2.74947, text, binary]], text],
    text,
  ],
  [
    'utf8',
    0.5,
    [
      'run',
      0.063636,
      ['entropy', 2.021329, binary, text],
      [
        'entropy',
        3.047898,
        text,
        [
          'ascii',
          0.758706,
          [
            'run',
            0.134848,
            [
              'high',
              0.633612,
              ['entropy', 3.851786, text, ['high', 0.483333, text, ['run', 0.129167, binary, text]]],
              ['ascii', 0.145455, text, binary],
            ],
            [
              'big5',
              0.5,
              [
                'entropy',
                3.572021,
                ['high', 0.49, ['ascii', 0.651515, text, binary], binary],
                [
                  'ascii',
                  0.615079,
                  ['shiftJis', 0.5, binary, ['run', 0.176923, text, binary]],
                  ['run', 0.252381, text, binary],
                ],
              ],
              ['entropy', 3.889752, binary, text],
            ],
          ],
          text,
        ],
      ],
    ],
    text,
  ],
];

const lowEntropy: Decision = [
  'run',
  0.022678,
  ['ascii', 0.000977, ['evenNull', 0.001953, text, binary], binary],
  ['control', 0.095455, ['run', 0.306818, text, binary], text],
];

const littleAscii: Decision = [
  'high',
  0.79057,
  [
    'control',
    0.485714,
    [
      'entropy',
      3.540884,
      [
        'entropy',
        3.528408,
        ['ascii', 0.316667, ['ascii', 0.286364, binary, ['utf16le', 0.5, text, binary]], binary],
        text,
      ],
      ['ascii', 0.446657, binary, ['run', 0.066638, ['ascii', 0.450099, text, binary], binary]],
    ],
    text,
  ],
  text,
];

const muchAscii: Decision = [
  'high',
  0.425959,
  [
    'high',
    0.394552,
    [
      'entropy',
      4.209417,
      [
        'entropy',
        4.175213,
        ['high', 0.100962, text, ['high', 0.248047, binary, ['run', 0.106443, text, binary]]],
        text,
      ],
      binary,
    ],
    [
      'run',
      0.082906,
      text,
      [
        'control',
        0.025,
        text,
        ['entropy', 3.520764, text, ['control', 0.1225, binary, ['null', 0.033333, text, binary]]],
      ],
    ],
  ],
  [
    'run',
    0.098599,
    ['control', 0.012902, binary, text],
    [
      'entropy',
      4.453697,
      [
        'high',
        0.472136,
        ['run', 0.121324, text, ['run', 0.302885, ['entropy', 3.539612, text, binary], text]],
        binary,
      ],
      binary,
    ],
  ],
];

const fewNulls: Decision = [
  'utf8',
  0.5,
  ['entropy', 3.264621, lowEntropy, ['bom16le', 0.5, ['ascii', 0.455534, littleAscii, muchAscii], text]],
  ['control', 0.45, ['control', 0.006212, binary, text], binary],
];

const manyNulls: Decision = [
  'high',
  0.082843,
  [
    'oddNull',
    0.282534,
    text,
    [
      'entropy',
      3.088801,
      ['null', 0.822852, ['ascii', 0.291667, text, ['control', 0.521739, text, binary]], binary],
      ['evenNull', 0.140625, text, binary],
    ],
  ],
  [
    'run',
    0.291667,
    [
      'entropy',
      0.698576,
      binary,
      [
        'entropy',
        5.613847,
        [
          'ascii',
          0.361264,
          ['shiftJis', 0.5, text, ['utf16be', 0.5, ['null', 0.379808, text, binary], text]],
          ['ascii', 0.408333, ['control', 0.26, text, binary], text],
        ],
        ['run', 0.012485, text, binary],
      ],
    ],
    binary,
  ],
];

const tree: Decision = ['control', 0.000977, withoutControls, ['null', 0.163978, fewNulls, manyNulls]];

/** @param start the first bytes, at least one */
export function looksBinary(start: Uint8Array): boolean {
  const look = lookOf(start);
  let decision = tree;
  while (typeof decision !== 'boolean') {
    const [what, bound, atMost, above]: readonly [keyof Look, number, Decision, Decision] = decision;
    decision = look[what] <= bound ? atMost : above;
  }
  return decision;
}

function lookOf(start: Uint8Array): Look {
  const bytes = Array.from(start);
  const size = bytes.length;
  const share = (test: (byte: number, at: number) => boolean): number => bytes.filter(test).length / size;
  const isShort = size < 10;
  const reads = (test: boolean): number => (test ? 1 : 0);
  return {
    null: share((byte) => byte === 0),
    control: share((byte) => byte < 32 && !isLineCharacter(byte)),
    ascii: share((byte) => byte >= 0x20 && byte <= 0x7e),
    high: share((byte) => byte >= 0x80),
    evenNull: bytes.filter((byte, at) => byte === 0 && at % 2 === 0).length / Math.ceil(size / 2),
    oddNull:
      size < 2 ? 0 : bytes.filter((byte, at) => byte === 0 && at % 2 === 1).length / Math.floor(size / 2),
    entropy: entropyOf(bytes),
    run: longestRun(bytes) / size,
    bom16le: reads(
      bytes[0] === 0xff && bytes[1] === 0xfe && !(size >= 4 && bytes[2] === 0 && bytes[3] === 0),
    ),
    utf8: reads(isUtf8Text(start)),
    utf16le: reads(!isShort && isUtf16(bytes, (low, high) => low + 256 * high)),
    utf16be: reads(!isShort && isUtf16(bytes, (high, low) => low + 256 * high)),
    big5: reads(!isShort && isDoubleByte(bytes, big5)),
    shiftJis: reads(!isShort && isDoubleByte(bytes, shiftJis)),
    eucKr: reads(!isShort && isDoubleByte(bytes, eucKr)),
  };
}

const isLineCharacter = (byte: number): boolean => byte === 9 || byte === 10 || byte === 13;

function entropyOf(bytes: readonly number[]): number {
  const counts = Array.from({ length: 256 }, () => 0);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  return counts.reduce((sum, count) => {
    const part = count / bytes.length;
    return count === 0 ? sum : sum - part * Math.log2(part);
  }, 0);
}

function longestRun(bytes: readonly number[]): number {
  let longest = 0;
  let current = 0;
  for (const byte of bytes) {
    current = (byte >= 0x20 && byte <= 0x7e) || isLineCharacter(byte) ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}

function isUtf8Text(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function isUtf16(bytes: readonly number[], unitOf: (first: number, second: number) => number): boolean {
  if (bytes.length % 2 === 1) return false;
  let isOpen = false;
  for (let at = 0; at < bytes.length; at += 2) {
    const unit = unitOf(bytes[at] ?? 0, bytes[at + 1] ?? 0);
    const isSecond = unit >= 0xdc00 && unit <= 0xdfff;
    if (isSecond !== isOpen) return false;
    isOpen = unit >= 0xd800 && unit <= 0xdbff;
  }
  return !isOpen;
}

type Range = readonly [number, number];

/** An encoding whose characters have one byte, or a first and a second one. */
interface DoubleByte {
  readonly single: readonly Range[];
  readonly pairs: readonly { readonly first: readonly Range[]; readonly second: readonly Range[] }[];
  /** a syllable may be spelled by these two bytes and three pairs of letters after them */
  readonly spells?: Range;
}

const rangesOf = (written: string): Range[] =>
  written.split(' ').map((part) => {
    const [from = '', to = from] = part.split('-');
    return [Number.parseInt(from, 16), Number.parseInt(to, 16)];
  });
const pairsOf = (rows: Readonly<Record<string, string>>): DoubleByte['pairs'] =>
  Object.entries(rows).map(([first, second]) => ({ first: rangesOf(first), second: rangesOf(second) }));

/** The characters of Big5, of JIS X 0208 in Shift JIS, and of KS X 1001 in EUC, as Python's codecs know them. */
const big5: DoubleByte = {
  single: rangesOf('00-7f'),
  pairs: pairsOf({
    'a1-a2 a4-c6 c9-f8': '40-7e a1-fe',
    a3: '40-7e a1-bf',
    c7: '40-7e a1-fc',
    f9: '40-7e a1-d5',
  }),
};
const shiftJis: DoubleByte = {
  single: rangesOf('00-7f a1-df'),
  pairs: pairsOf({
    '81': '40-7e 80-ac b8-bf c8-ce da-e8 f0-f7 fc',
    '82': '4f-58 60-79 81-9a 9f-f1',
    '83': '40-7e 80-96 9f-b6 bf-d6',
    '84': '40-60 70-7e 80-91 9f-be',
    '88': '9f-fc',
    '89-97 99-9f e0-e9': '40-7e 80-fc',
    '98': '40-72 9f-fc',
    ea: '40-7e 80-a4',
  }),
};
const eucKr: DoubleByte = {
  single: rangesOf('00-7f'),
  pairs: pairsOf({
    'a1 a3 a9 b0-c8 ca-fd': 'a1-fe',
    a2: 'a1-e7',
    a4: 'a1-d3 d5-fe',
    a5: 'a1-aa b0-b9 c1-d8 e1-f8',
    a6: 'a1-e4',
    a7: 'a1-ef',
    a8: 'a1-a4 a6 a8-af b1-fe',
    aa: 'a1-f3',
    ab: 'a1-f6',
    ac: 'a1-c1 d1-f1',
  }),
  spells: [0xa4, 0xd4],
};

const isIn = (ranges: readonly Range[], byte: number): boolean =>
  ranges.some(([from, to]) => byte >= from && byte <= to);

function isDoubleByte(bytes: readonly number[], { single, pairs, spells }: DoubleByte): boolean {
  for (let at = 0; at < bytes.length; at += 1) {
    const first = bytes[at] ?? 0;
    if (isIn(single, first)) continue;
    at += 1;
    const second = bytes[at];
    if (second === undefined) return false;
    if (spells?.[0] === first && spells[1] === second) {
      if (!isSpelled(bytes.slice(at + 1, at + 7), first)) return false;
      at += 6;
    } else if (!pairs.some((row) => isIn(row.first, first) && isIn(row.second, second))) return false;
  }
  return true;
}

/** Three letters of Hangul: a consonant, a vowel, and a consonant or the filler. */
function isSpelled(bytes: readonly number[], mark: number): boolean {
  const [a, first = 0, b, vowel = 0, c, last = 0] = bytes;
  return (
    a === mark &&
    b === mark &&
    c === mark &&
    isIn(rangesOf('a1-a2 a4 a7-a9 b1-b3 b5-be'), first) &&
    isIn(rangesOf('bf-d3'), vowel) &&
    isIn(rangesOf('a1-a7 a9-b2 b4-b8 ba-be d4'), last)
  );
}
