import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { TilthError, messageOf } from './errors.ts';

/** Answers every address of a host, as `node:dns` does. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface GuardPolicy {
  /** hosts that the server's owner vouches for, `git.example.com` or `git.example.com:8443`; they may be private */
  readonly vouchedFor: ReadonlySet<string>;
  readonly lookup?: Lookup;
}

/** A host that may be asked, with the addresses that were looked at: connect to these and look nothing up again. */
export interface CheckedHost {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

// IANA's special-purpose registries: nothing of these is a place on the public internet
const specialV4 = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  specialV4.addSubnet(network, bits, 'ipv4');

// of IPv6 only 2000::/3 is given out; Teredo, 6to4 and the like lie in it and carry an IPv4 address of anyone's choice
const globalV6 = new BlockList();
globalV6.addSubnet('2000::', 3, 'ipv6');
const specialV6 = new BlockList();
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  specialV6.addSubnet(network, bits, 'ipv6');

/** Is this IP address a place on the public internet? */
export function isPublicAddress(address: string): boolean {
  const kind = isIP(address);
  if (kind === 4) return !specialV4.check(address, 'ipv4');
  return kind === 6 && globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6');
}

const allOf: Lookup = async (host) => (await systemLookup(host, { all: true })).map((found) => found.address);

/**
 * Looks a host up and refuses it when any of its addresses is private: the one way by which an address named by a
 * client may be fetched.
 *
 * @throws ADDRESS_REFUSED, ADDRESS_UNKNOWN
 */
export async function checkHost(host: string, port: number, policy: GuardPolicy): Promise<CheckedHost> {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  let addresses: readonly string[];
  try {
    addresses = isIP(name) === 0 ? await (policy.lookup ?? allOf)(name) : [name];
  } catch (cause) {
    throw new TilthError(
      'ADDRESS_UNKNOWN',
      400,
      `The host ${name} can't be found: ${messageOf(cause)}`,
      'Check the address, and that the server is connected.',
      { cause },
    );
  }
  const isVouchedFor = policy.vouchedFor.has(name) || policy.vouchedFor.has(`${name}:${port}`);
  const refused = addresses.find((each) => !isPublicAddress(each));
  if (addresses.length === 0 || (refused !== undefined && !isVouchedFor)) {
    throw new TilthError(
      'ADDRESS_REFUSED',
      403,
      `${name} is ${refused === undefined || refused === name ? '' : `${refused}, `}a private address: the server does not fetch from there for a client.`,
      `The owner of the server can vouch for it: TILTH_FETCH_HOSTS=${name}`,
    );
  }
  return { host: name, port, addresses };
}

/** Answers a connection's look-up with the addresses that were checked, so that nobody can change them in between. */
export function lookupOf(host: CheckedHost): LookupFunction {
  const found = host.addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, done) => {
    const [first] = found;
    if (options.all === true) done(null, found);
    else done(null, first?.address ?? '', first?.family);
  };
}

/** The hosts that the server's owner vouches for: `TILTH_FETCH_HOSTS`. */
export const vouchedHosts = (): ReadonlySet<string> =>
  new Set((process.env['TILTH_FETCH_HOSTS'] ?? '').split(/[\s,]+/).flatMap((host) => (host === '' ? [] : host.toLowerCase())));
