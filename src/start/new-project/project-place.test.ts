import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { placeFor } from './project-place.ts';

describe('the place of a new project', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tilth place ')));
  const root = join(folder, 'projects');
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is a folder below the one that the owner allowed, there already or not', () => {
    assert.equal(placeFor('', root, false), root);
    assert.equal(placeFor('.', root, false), root);
    assert.equal(placeFor('team/late flights', root, false), join(root, 'team', 'late flights'));
  });

  for (const outside of ['..', '../else', 'a/../../else', '/etc', '/', 'a\\..\\..', 'a\0b'])
    it(`is never ${JSON.stringify(outside)}`, () =>
      assert.throws(() => placeFor(outside, root, false), { code: 'PROJECT_PLACE_REFUSED' }));

  it('is never outside through a link', () => {
    mkdirSync(join(folder, 'else'));
    mkdirSync(root, { recursive: true });
    symlinkSync(join(folder, 'else'), join(root, 'link'));
    assert.throws(() => placeFor('link', root, false), { code: 'PROJECT_PLACE_REFUSED' });
    assert.throws(() => placeFor('link/deeper/still', root, false), { code: 'PROJECT_PLACE_REFUSED' });
  });

  it('is any folder for who may leave, by its whole path', () => {
    assert.equal(placeFor(join(folder, 'else'), root, true), join(folder, 'else'));
    assert.equal(placeFor('~/work', root, true), join(homedir(), 'work'));
    assert.throws(() => placeFor('../else', root, true), { code: 'PROJECT_PLACE_REFUSED' });
  });
});
