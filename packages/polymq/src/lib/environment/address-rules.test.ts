import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressRefusal,
  addressRuleProblem,
  canonicalAddress,
  NO_ADDRESS_RULES,
  parseAddressRules,
  parseIpAddress,
} from './address-rules.ts';

const refusal = (address: string) => addressRefusal(address, NO_ADDRESS_RULES);

describe('addresses of targets', () => {
  it.each([
    ['127.0.0.1', 'a loopback address'],
    ['127.255.255.254', 'a loopback address'],
    ['::1', 'a loopback address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['::ffff:7f00:1', 'a loopback address'],
    ['0:0:0:0:0:FFFF:7F00:1', 'a loopback address'],
    ['10.0.0.0', 'a private address'],
    ['10.255.255.255', 'a private address'],
    ['172.16.0.1', 'a private address'],
    ['172.31.255.255', 'a private address'],
    ['192.168.1.1', 'a private address'],
    ['::ffff:c0a8:101', 'a private address'],
    ['fc00::1', 'a private address'],
    ['fdff:ffff::', 'a private address'],
    ['fd00:ec2::254', 'a private address'],
    ['100.64.0.1', 'a shared address of a provider'],
    ['100.100.100.200', 'a shared address of a provider'],
    ['169.254.169.254', 'a link-local address'],
    ['::ffff:a9fe:a9fe', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['fe80::1%eth0', 'a link-local address'],
    ['168.63.129.16', 'an address at which clouds serve their machines'],
    ['192.0.0.192', 'an address at which clouds serve their machines'],
    ['224.0.0.1', 'a multicast address'],
    ['239.255.255.255', 'a multicast address'],
    ['ff02::1', 'a multicast address'],
    ['0.0.0.0', 'an address of no machine'],
    ['0.1.2.3', 'an address of no machine'],
    ['255.255.255.255', 'an address of no machine'],
    ['::', 'an address of no machine'],
    ['::127.0.0.1', 'an IPv4 address inside an IPv6 address'],
    ['64:ff9b::169.254.169.254', 'an IPv4 address inside an IPv6 address'],
    ['64:ff9b:1::a00:1', 'an IPv4 address inside an IPv6 address'],
    ['2002:7f00:1::', 'an IPv4 address inside an IPv6 address'],
    ['2001::5ef5:79fd', 'a reserved address'],
    ['2001:db8::1', 'an address for documents or tests'],
    ['198.19.255.255', 'an address for documents or tests'],
    ['4000::1', 'a reserved address'],
    ['::fffe:1:2', 'a reserved address'],
    ['', 'no IP address'],
    ['127.1', 'no IP address'],
    ['0177.0.0.1', 'no IP address'],
    ['localhost', 'no IP address'],
  ])('%s is refused as %s', (address, why) => {
    expect(refusal(address)).toBe(why);
  });

  it.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '223.255.255.255',
    '::ffff:1.1.1.1',
    '2606:4700:4700::1111',
    '2a00::1',
    '2001:200::1',
  ])('%s may be connected to', (address) => {
    expect(refusal(address)).toBeUndefined();
  });

  it('are allowed by address and by range, in either way of writing', () => {
    const rules = parseAddressRules(['127.0.0.1', '10.1.0.0/16', 'fd00::/8', '::1']);
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '10.1.2.3', 'fd12::3', '0::1']) {
      expect(addressRefusal(address, rules)).toBeUndefined();
    }
    for (const address of ['127.0.0.2', '10.2.0.1', 'fc00::1', '::2', '::ffff:10.2.0.1']) {
      expect(addressRefusal(address, rules)).toBeDefined();
    }
  });

  it('are allowed by a range of mapped addresses, but IPv4 not by a range of IPv6', () => {
    expect(parseAddressRules(['::ffff:10.0.0.0/104']).allows('10.2.3.4')).toBe(true);
    const all = parseAddressRules(['::/0']);
    expect(all.allows('fe80::1')).toBe(true);
    expect(all.allows('127.0.0.1')).toBe(false);
    expect(parseAddressRules(['0.0.0.0/0']).allows('127.0.0.1')).toBe(true);
    expect(parseAddressRules(['0.0.0.0/0']).allows('::1')).toBe(false);
    expect(parseAddressRules(['128.0.0.0/1']).allows('192.168.0.1')).toBe(true);
    expect(parseAddressRules(['128.0.0.0/1']).allows('127.0.0.1')).toBe(false);
  });

  it.each([
    'localhost',
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/a',
    '10.0.0.0/8/8',
    '10.0.0.1/8',
    'fd00::/129',
    'fd00::1/8',
    '10.0.0',
    '010.0.0.1',
    'fe80::1%eth0',
    '1::2::3',
    ':1',
    '12345::',
  ])('"%s" is no rule, and the error says so', (text) => {
    expect(addressRuleProblem(text)).toMatch(/must|has bits/);
    expect(addressRuleProblem(text)).toContain(`"${text}"`);
    expect(() => parseAddressRules(['127.0.0.1', text])).toThrow(`"${text}"`);
  });

  it('are read as Node reads them', () => {
    const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom('00', '01', '', 'a', ' 1'));
    const ipv4 = fc.array(part, { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.'));
    const group = fc.oneof(
      { weight: 8, arbitrary: fc.nat(0x1ffff).map((value) => value.toString(16)) },
      { weight: 1, arbitrary: fc.constantFrom('', 'g', '0') },
      { weight: 1, arbitrary: ipv4 },
    );
    const ipv6 = fc.array(group, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(':'));
    const text = fc.oneof(ipv4, ipv6, fc.ipV6(), fc.ipV4());
    fc.assert(
      fc.property(text, (address) => {
        expect(parseIpAddress(address) !== undefined).toBe(isIP(address) !== 0);
      }),
      { numRuns: 3000 },
    );
  });

  it('have one canonical form', () => {
    expect(canonicalAddress('::ffff:7f00:1')).toBe('127.0.0.1');
    expect(canonicalAddress('FD00:0::1')).toBe(canonicalAddress('fd00::0:1'));
    expect(canonicalAddress('x')).toBeUndefined();
  });
});
