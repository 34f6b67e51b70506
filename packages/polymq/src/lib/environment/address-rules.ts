/**
 * Which addresses the broker may connect to when somebody else chose the target: only those of the public Internet,
 * and what the operator has allowed besides.
 *
 * Every address is 16 bytes, an IPv4 one in its mapped form (`::ffff:a.b.c.d`), so that both ways of writing it are the
 * same address and no rule can be walked around by writing it another way. What carries an IPv4 address inside in
 * further ways (NAT64, 6to4, Teredo) is refused as a whole.
 */

/** Addresses and ranges that are allowed although they are not public. */
export interface AddressRules {
  allows(address: string): boolean;
}

interface Range {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

const IPV4_AT = 12;
const IPV4_BITS = 96;
const BITS_MAX = 128;
/** Groups of an IPv6 address. */
const GROUPS = 8;

const REFUSED: readonly (readonly [what: string, ...ranges: string[]])[] = [
  ['a loopback address', '127.0.0.0/8', '::1/128'],
  ['a private address', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10'],
  ['a shared address of a provider', '100.64.0.0/10'],
  ['a link-local address', '169.254.0.0/16', 'fe80::/10'],
  ['an address at which clouds serve their machines', '168.63.129.16/32', '192.0.0.192/32'],
  ['a multicast address', '224.0.0.0/4', 'ff00::/8'],
  ['an address of no machine', '0.0.0.0/8', '240.0.0.0/4', '::/128', '100::/64'],
  [
    'an IPv4 address inside an IPv6 address',
    '::/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '2002::/16',
  ],
  ['an address for documents or tests', '192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24'],
  ['an address for documents or tests', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'],
  ['a reserved address', '192.0.0.0/24', '192.88.99.0/24', '2001::/23'],
];

const refused = REFUSED.flatMap(([what, ...ranges]) =>
  ranges.map((text) => ({ what, range: parseRange(text) })),
);
const publicIpv6 = parseRange('2000::/3');

class RangeRules implements AddressRules {
  readonly #ranges: readonly Range[];

  constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  allows(address: string): boolean {
    const bytes = parseIpAddress(address);
    return bytes !== undefined && this.#ranges.some((range) => covers(range, bytes));
  }
}

/** Nothing but public addresses. */
export const NO_ADDRESS_RULES: AddressRules = new RangeRules([]);

/** Rules from texts such as `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`. Throws an error that names the text that is none. */
export function parseAddressRules(texts: readonly string[]): AddressRules {
  return new RangeRules(texts.map(parseRange));
}

/** Why the text is no rule; undefined if it is one. For the settings table. */
export function addressRuleProblem(text: string): string | undefined {
  try {
    parseRange(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What kind of address that may not be connected to this is; undefined if it may. */
export function addressRefusal(address: string, allow: AddressRules): string | undefined {
  const bytes = parseIpAddress(address);
  if (bytes === undefined) return 'no IP address';
  if (allow.allows(address)) return undefined;
  const found = refused.find(({ range }) => covers(range, bytes));
  if (found !== undefined) return found.what;
  return isIpv4(bytes) || covers(publicIpv6, bytes) ? undefined : 'a reserved address';
}

/** The same address in one way of writing; undefined if it is none. */
export function canonicalAddress(text: string): string | undefined {
  const bytes = parseIpAddress(text);
  if (bytes === undefined) return undefined;
  if (isIpv4(bytes)) return bytes.subarray(IPV4_AT).join('.');
  return Buffer.from(bytes).toString('hex');
}

/** 16 bytes; undefined if the text is no address. A zone (`%eth0`) is left out. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const zoneAt = text.indexOf('%');
  return parseIpv6(zoneAt < 0 ? text : text.slice(0, zoneAt));
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(16);
  bytes.fill(0xff, 10, IPV4_AT);
  for (const [i, part] of parts.entries()) {
    // A leading zero means octal to some readers and nothing to others.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[IPV4_AT + i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const front = groupsOf(halves[0]!, halves.length === 1);
  const back = halves.length === 2 ? groupsOf(halves[1]!, true) : [];
  if (front === undefined || back === undefined) return undefined;
  const given = front.length + back.length;
  if (halves.length === 1 ? given !== GROUPS : given >= GROUPS) return undefined;
  const bytes = new Uint8Array(16);
  const put = (groups: readonly number[], at: number): void => {
    groups.forEach((group, i) => {
      bytes[2 * (at + i)] = group >> 8;
      bytes[2 * (at + i) + 1] = group & 0xff;
    });
  };
  put(front, 0);
  put(back, GROUPS - back.length);
  return bytes;
}

/** The last group may be written as an IPv4 address. */
function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const ipv4 = parseIpv4(part);
      if (ipv4 === undefined) return undefined;
      groups.push((ipv4[12]! << 8) | ipv4[13]!, (ipv4[14]! << 8) | ipv4[15]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function parseRange(text: string): Range {
  const [address = '', length, ...more] = text.trim().split('/');
  const bytes = address.includes('%') ? undefined : parseIpAddress(address);
  if (bytes === undefined || more.length > 0) {
    throw new Error(`must be an IP address or a range such as 10.0.0.0/8, not "${text}"`);
  }
  const ipv4 = !address.includes(':');
  const lengthMax = ipv4 ? 32 : BITS_MAX;
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > lengthMax)) {
    throw new Error(`"${text}" must have between 0 and ${lengthMax} bits behind the slash`);
  }
  const bits = (ipv4 ? IPV4_BITS : 0) + (length === undefined ? lengthMax : Number(length));
  const range = { bytes, bits };
  for (let bit = bits; bit < BITS_MAX; bit++) {
    if ((bytes[bit >> 3]! & (0x80 >> (bit & 7))) !== 0) {
      throw new Error(`"${text}" has bits beyond its length; write the first address of the range`);
    }
  }
  return range;
}

/** A range of IPv6 addresses holds no IPv4 ones, however wide it is. */
function covers(range: Range, bytes: Uint8Array): boolean {
  const ofIpv4 = range.bits >= IPV4_BITS && isIpv4(range.bytes);
  if (isIpv4(bytes) !== ofIpv4) return false;
  const whole = range.bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== range.bytes[i]) return false;
  const rest = range.bits & 7;
  if (rest === 0) return true;
  return (bytes[whole]! ^ range.bytes[whole]!) >> (8 - rest) === 0;
}

function isIpv4(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}
