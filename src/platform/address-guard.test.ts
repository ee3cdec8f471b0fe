import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkHost, isPublicAddress, type Lookup } from './address-guard.ts';

const nobody = { vouchedFor: new Set<string>() };
const answering =
  (...addresses: string[]): Lookup =>
  async () =>
    addresses;

describe('the guard of addresses', () => {
  for (const address of [
    '127.0.0.1',
    '127.8.9.10',
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'localhost',
    '',
  ]) {
    it(`does not take ${JSON.stringify(address)} for a public place`, () =>
      assert.equal(isPublicAddress(address), false));
  }

  for (const address of ['140.82.121.3', '8.8.8.8', '172.32.0.1', '2606:50c0:8000::153', '2a00:1450::200e'])
    it(`takes ${address} for a public place`, () => assert.equal(isPublicAddress(address), true));

  it('answers the addresses that it looked at, so that nobody looks them up again', async () => {
    const lookup = answering('140.82.121.3', '140.82.121.4');
    assert.deepEqual(await checkHost('GitHub.com', 443, { ...nobody, lookup }), {
      host: 'github.com',
      port: 443,
      addresses: ['140.82.121.3', '140.82.121.4'],
    });
  });

  it('refuses a host as soon as one of its addresses is private', async () => {
    const lookup = answering('140.82.121.3', '10.0.0.7');
    await assert.rejects(checkHost('sly.example.com', 443, { ...nobody, lookup }), {
      code: 'ADDRESS_REFUSED',
    });
    await assert.rejects(checkHost('[::1]', 443, nobody), { code: 'ADDRESS_REFUSED' });
    await assert.rejects(checkHost('gone.example.com', 443, { ...nobody, lookup: answering() }), {
      code: 'ADDRESS_REFUSED',
    });
  });

  it('lets a private host through that the owner of the server vouched for, on that port only', async () => {
    const lookup = answering('10.0.0.7');
    const vouchedFor = new Set(['git.example.com:8443']);
    await checkHost('git.example.com', 8443, { vouchedFor, lookup });
    await assert.rejects(checkHost('git.example.com', 443, { vouchedFor, lookup }), {
      code: 'ADDRESS_REFUSED',
    });
  });

  it('says so when a host is not to be found', async () => {
    const lookup: Lookup = () => Promise.reject(new Error('ENOTFOUND'));
    await assert.rejects(checkHost('nowhere.example.com', 443, { ...nobody, lookup }), {
      code: 'ADDRESS_UNKNOWN',
    });
  });
});
