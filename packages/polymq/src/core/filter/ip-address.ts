/** IP addresses and ranges of them, as bytes. Nothing here takes time that grows with hostile text. */
import { FilterPolicyError } from './filter-policy-error.ts';

const TEXT_LENGTH_MAX = 45;
const GROUPS = 8;

/** 4 or 16 bytes; undefined if it is no address. */
export function parseAddress(text: string): readonly number[] | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** Whether an address lies in the range. Throws `FilterPolicyError` if `cidr` is none. */
export function compileCidr(cidr: string): (text: string) => boolean {
  const parts = cidr.split('/');
  if (parts.length !== 2 || parts[1] === '') {
    throw new FilterPolicyError("Malformed CIDR, one '/' required");
  }
  const [addressText, maskText] = parts as [string, string];
  if (!/^[+-]?[0-9]{1,9}$/.test(maskText)) {
    throw new FilterPolicyError('Malformed CIDR, mask bits must be an integer');
  }
  const maskBits = Number(maskText);
  if (maskBits < 0) throw new FilterPolicyError('Malformed CIDR, mask bits must not be negative');
  const network = parseAddress(addressText);
  if (network === undefined) throw new FilterPolicyError(`Nonstandard IP address: ${addressText}`);
  const version = network.length === 4 ? 'IPv4' : 'IPv6';
  const bits = network.length * 8;
  if (maskBits >= bits) throw new FilterPolicyError(`${version} mask bits must be < ${bits}`);
  return (text) => {
    const address = parseAddress(text);
    return address?.length === network.length && sameBits(address, network, maskBits);
  };
}

export function sameAddress(a: readonly number[], b: readonly number[] | undefined): boolean {
  return b?.length === a.length && sameBits(a, b, a.length * 8);
}

function sameBits(a: readonly number[], b: readonly number[], bits: number): boolean {
  for (let at = 0, left = bits; left > 0; at++, left -= 8) {
    const ignored = left >= 8 ? 0 : 8 - left;
    if (a[at]! >> ignored !== b[at]! >> ignored) return false;
  }
  return true;
}

function parseV4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (/^[0-9]{1,3}$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

function parseV6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [first, second] = halves.map(parseGroups);
  if (first === undefined) return undefined;
  if (halves.length === 1) return first.length === GROUPS * 2 ? first : undefined;
  if (second === undefined || first.length + second.length > (GROUPS - 1) * 2) return undefined;
  const gap = new Array<number>(GROUPS * 2 - first.length - second.length).fill(0);
  return [...first, ...gap, ...second];
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  for (const group of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 0xff);
  }
  return bytes;
}
