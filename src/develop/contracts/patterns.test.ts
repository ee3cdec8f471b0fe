import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globOf } from './patterns.ts';

test('an expression that spells out every character becomes a GLOB', () => {
  assert.equal(globOf(String.raw`^[A-Z]{2}-\d{3}$`), '[A-Z][A-Z]-[0-9][0-9][0-9]');
  assert.equal(globOf(String.raw`^a\.b\+c$`), 'a.b+c');
});

test('an expression that may match more stays one', () => {
  const others = [
    'abc',
    '^a',
    '^a+$',
    '^a.c$',
    '^a|b$',
    '^[^a]$',
    '^[a-z]?$',
    '^(ab)$',
    '^a{2,3}$',
    '^[a_]$',
  ];
  for (const pattern of [...others, String.raw`^\w$`, String.raw`^\d+$`, '^x{2}{3}$', '^[A-]$', '^$'])
    assert.equal(globOf(pattern), undefined, pattern);
});
