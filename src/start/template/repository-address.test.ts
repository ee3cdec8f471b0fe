import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TilthError } from '../../platform/errors.ts';
import {
  expandAbbreviation,
  isRepositoryAddress,
  isZipName,
  repositoryOf,
  withoutSecret,
} from './repository-address.ts';
import { askPython, needsCookiecutter } from './test-cookiecutter.ts';

const abbreviations = {
  gh: 'https://github.com/{0}.git',
  gl: 'https://gitlab.com/{0}.git',
  bb: 'https://bitbucket.org/{0}',
  mine: 'https://git.example.com/{}/tpl.git',
  braces: 'file:///{{git}}/{0}',
  whole: 'git@example.com:me/whole.git',
};

const words = String.raw`
gh:a/b gl:a/b/c bb:a/b mine:x braces:y whole gh whole:z a:b nope:a/b gh:a:b toString:x
https://github.com/a/b https://github.com/a/b.git/ git@github.com:a/b.git git://host/a ssh://git@host:22/a/b.git
file:///srv/git/a git+https://host/a hg+https://host/a hg+ssh://hg@host/a git+git@host:a/b svn+https://host/git
http:a https:/a FILE:///a ftp://host/a user@host ü@host:a a-b@host:c ./user@host /abs/folder ~/x
--upload-pack=id https://bitbucket.example.com/a template.zip https://host/T.ZIP zip C:\a
`;

const addresses = [...words.trim().split(/\s+/), '', 'ext::sh -c id', 'git+ext::sh -c id'];

const script = `
import json, sys
from cookiecutter import repository, vcs
from cookiecutter.exceptions import UnknownRepoType
def about(text, abbreviations):
    full = repository.expand_abbreviations(text, abbreviations)
    try: kind, url = vcs.identify_repo(full)
    except UnknownRepoType: kind, url = None, None
    return [full, repository.is_repo_url(full), repository.is_zip_file(full), kind, url]
texts, abbreviations = json.load(sys.stdin)
print(json.dumps([about(text, abbreviations) for text in texts]))
`;

test('an address is expanded and told from a folder as cookiecutter does it', needsCookiecutter, () => {
  const word = fc.string({
    unit: fc.constantFrom(...'git hg + ssh http s file : / // @ a é _ . - gh gl mine .zip'.split(' '), ' '),
    minLength: 1,
    maxLength: 9,
  });
  const texts = [...addresses, ...fc.sample(word, { numRuns: 3000, seed: 11 })];
  const theirs = askPython(script, [texts, abbreviations]) as [
    string,
    boolean,
    boolean,
    string | null,
    string | null,
  ][];
  for (const [index, text] of texts.entries()) {
    const [full, isRepository, isZip] = theirs[index] ?? [];
    assert.equal(expandAbbreviation(text, abbreviations), full, text);
    assert.equal(isRepositoryAddress(full ?? ''), isRepository, text);
    assert.equal(isZipName(full ?? ''), isZip, text);
  }
});

test(
  'an address is git or Mercurial as cookiecutter has it, and git where it gives up',
  needsCookiecutter,
  () => {
    const texts = addresses.filter(isRepositoryAddress);
    const theirs = askPython(script, [texts, {}]) as [
      string,
      boolean,
      boolean,
      string | null,
      string | null,
    ][];
    for (const [index, text] of texts.entries()) {
      const [, , , kind = null, url = null] = theirs[index] ?? [];
      const ours = repositoryOf(text);
      assert.deepEqual([ours.kind, ours.address], [kind ?? 'git', (url ?? text).replace(/\/+$/, '')], text);
    }
  },
);

test('a clone is named after its repository, also where cookiecutter loses the name', () => {
  const name = (address: string): string => repositoryOf(address).name;
  assert.equal(name('https://github.com/a/b.git/'), 'b');
  assert.equal(name('git@github.com:b.git'), 'b');
  assert.equal(name('hg+https://host/a/b'), 'b');
  assert.equal(name('https://github.com/a/a.github.io'), 'a.github.io');
  assert.equal(name('file:///srv/git/b/.git'), 'b');
  assert.equal(name('git+https://host/c++.git'), 'c++');
  assert.throws(
    () => repositoryOf('git+file:///srv/..'),
    (thrown) => thrown instanceof TilthError && thrown.code === 'TEMPLATE_ADDRESS_REFUSED',
  );
});

test('bitbucket.org is git, since it has not served Mercurial for years', () => {
  assert.equal(repositoryOf(expandAbbreviation('bb:a/b', abbreviations)).kind, 'git');
});

test('a password in an address is neither shown nor written down', () => {
  assert.equal(withoutSecret('https://me:secret@host/a.git'), 'https://host/a.git');
  assert.equal(withoutSecret('hg+https://token@host/a'), 'hg+https://host/a');
  assert.equal(withoutSecret('git@host:a@b.git'), 'git@host:a@b.git');
});
