import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jsonText } from './python-text.ts';

it('JSON of a text is ASCII from the space to the tilde, as json.dumps writes it', () => {
  assert.equal(jsonText('a\u007f~é\u{1F600}'), String.raw`"a\u007f~\u00e9\ud83d\ude00"`);
});
