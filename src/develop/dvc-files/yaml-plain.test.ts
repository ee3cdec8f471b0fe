import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomPipeline } from '../../../test/conformance/dvc/random-pipeline.ts';
import { readAnyYaml, readYaml } from './yaml-read.ts';
import type { YamlValue } from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

/** Both readers must say the same, or both refuse. */
function same(text: string): void {
  const read = (reader: (text: string, name: string) => YamlValue): unknown => {
    try {
      return reader(text, 'file');
    } catch {
      return 'refused';
    }
  };
  assert.deepEqual(read(readYaml), read(readAnyYaml), text);
}

describe('the quick reader of YAML', () => {
  test('says what the whole one says, of pipelines, params and what we write', () => {
    for (let seed = 1; seed <= 100; seed++) {
      for (const [name, text] of Object.entries(randomPipeline(seed).files)) {
        if (!name.endsWith('.yaml')) continue;
        same(text);
        const value = readAnyYaml(text, name);
        if (value instanceof Map) same(writeYaml(value));
      }
    }
  });

  test('says the same of lines that were put together at random', () => {
    const pieces = [
      'a',
      'b: ',
      'c:',
      '- ',
      '-',
      'x y',
      '1.0',
      "'q'",
      '"d\\n"',
      '[1, 2]',
      '{a: 1}',
      ' # c',
      '#',
      '|',
      '>',
      '&x',
      '*x',
      '!t',
      ': ',
      'k: v',
      '  ',
      '    ',
      '\n',
      '\n',
      '\n',
      'é',
      '---',
      '?',
      '%',
      '@',
      ',',
      ']',
      '{',
      'true',
      'null',
      '~',
      '0o7',
      '1e5',
      '2020-01-01',
      "it's",
      'a#b',
      'a:b',
      '-x',
      '--flag=1',
      '<<',
    ];
    let state = 12345;
    const next = (): number => (state = (state * 1103515245 + 12345) % 2147483648);
    for (let round = 0; round < 20_000; round++)
      same(Array.from({ length: 1 + (next() % 9) }, () => pieces[next() % pieces.length] ?? '').join(''));
  });
});
