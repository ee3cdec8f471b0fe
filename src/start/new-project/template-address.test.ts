import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gitEnvironment, permitTemplate, type Asker } from './template-address.ts';

const places: Readonly<Record<string, string>> = {
  'github.com': '140.82.121.3',
  'git.inside.example': '10.0.0.7',
  'metadata.example': '169.254.169.254',
};
const asker = (isLocalUser: boolean, vouchedFor: readonly string[] = []): Asker => ({
  isLocalUser,
  vouchedFor: new Set(vouchedFor),
  lookup: async (host) => [places[host] ?? '140.82.121.9'],
});
const refused = { code: 'TEMPLATE_ADDRESS_REFUSED' };

describe('the address of a template', () => {
  it('of ours and of a public https host is open to everybody who may fetch', async () => {
    assert.deepEqual(await permitTemplate('tilth:ml-project', asker(false)), {
      kind: 'own',
      template: 'tilth:ml-project',
    });
    const repository = await permitTemplate('https://GitHub.com/owner/name.git', asker(false));
    assert.equal(repository.kind, 'repository');
    assert.equal(repository.template, 'git+https://github.com/owner/name.git');
    const archive = await permitTemplate('https://github.com/owner/name/archive/main.zip', asker(false));
    assert.equal(archive.kind, 'archive');
  });

  for (const address of [
    '/etc',
    '.',
    'some-clone',
    '../templates',
    'file:///srv/template.git',
    'git+file:///srv/template.git',
    'ssh://git@github.com/owner/name.git',
    'git@github.com:owner/name.git',
    'git://github.com/owner/name.git',
    'http://github.com/owner/name.git',
    'hg+https://github.com/owner/name',
    '/srv/template.zip',
  ]) {
    it(`${address} takes the local user`, async () => {
      await assert.rejects(permitTemplate(address, asker(false)), { ...refused, status: 403 });
      await permitTemplate(address, asker(true));
    });
  }

  for (const address of [
    '--upload-pack=touch /tmp/x',
    'ext::sh -c whoami',
    'ext://sh',
    'https:127.0.0.1/x.git',
    'https://github.com/a\nb',
    'tilth:../../etc',
    'tilth:ml project',
  ])
    it(`${JSON.stringify(address)} is refused to strangers`, () =>
      assert.rejects(permitTemplate(address, asker(false)), refused));

  for (const address of [
    'ext://sh',
    'https:127.0.0.1/x.git',
    'https://user:secret@github.com/x.git',
    '-c/x',
    'https://',
  ])
    it(`${JSON.stringify(address)} is refused to everybody`, () =>
      assert.rejects(permitTemplate(address, asker(true)), refused));

  for (const address of [
    'https://127.0.0.1/x.git',
    'https://0x7f.1/x.git',
    'https://2130706433/x.git',
    'https://[::1]:8443/x.git',
    'https://[::ffff:127.0.0.1]/x.git',
    'https://metadata.example/latest.git',
    'https://git.inside.example/x.git',
    'https://git.inside.example/x.zip',
  ])
    it(`${address} is private and refused, to the local user as well`, async () => {
      await assert.rejects(permitTemplate(address, asker(false)), { code: 'ADDRESS_REFUSED' });
      await assert.rejects(permitTemplate(address, asker(true)), { code: 'ADDRESS_REFUSED' });
    });

  it('of a private host is taken where the owner of the server vouches for it', async () => {
    const permit = await permitTemplate(
      'https://git.inside.example/x.git',
      asker(false, ['git.inside.example']),
    );
    assert.equal(permit.kind, 'repository');
  });

  it('pins git to the host that was looked at, follows no redirect, and keeps the owner’s passwords from others', async () => {
    const permit = await permitTemplate('https://github.com/owner/name', asker(false));
    const settings = (environment: Record<string, string>): string[] =>
      Array.from(
        { length: Number(environment['GIT_CONFIG_COUNT']) },
        (_, index) => `${environment[`GIT_CONFIG_KEY_${index}`]}=${environment[`GIT_CONFIG_VALUE_${index}`]}`,
      );
    assert.deepEqual(settings(gitEnvironment(permit, true)), [
      'http.followRedirects=false',
      'http.curloptResolve=github.com:443:140.82.121.3',
    ]);
    assert.deepEqual(settings(gitEnvironment(permit, false)).slice(2), [
      'credential.helper=',
      'core.askPass=false',
    ]);
  });
});
