import { describe, expect, it } from 'vitest';
import { isLoopback } from '../net/loopback.ts';
import { formatUrl, parseAdvertisedAddress, parseListenAddress } from './address.ts';

describe('parseListenAddress', () => {
  it.each([
    ['kafka://127.0.0.1:9092', { scheme: 'kafka', host: '127.0.0.1', port: 9092 }],
    ['kafka://localhost', { scheme: 'kafka', host: 'localhost', port: undefined }],
    ['ws+mqtt://[::1]:0/', { scheme: 'ws+mqtt', host: '::1', port: 0 }],
    ['http://broker-1.example:80', { scheme: 'http', host: 'broker-1.example', port: 80 }],
  ])('reads %s', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each(['', '127.0.0.1:9092', 'kafka://', 'kafka://:9092', 'kafka://h:65536', 'kafka://a b:1'])(
    'refuses "%s" with an example',
    (text) => {
      expect(() => parseListenAddress(text)).toThrow('must look like kafka://127.0.0.1:9092');
    },
  );
});

describe('parseAdvertisedAddress', () => {
  it('needs a protocol, a host and a real port', () => {
    expect(parseAdvertisedAddress('kafka=[fe80::1]:9092')).toEqual({
      protocol: 'kafka',
      host: 'fe80::1',
      port: 9092,
    });
    for (const text of ['h:9092', 'kafka=h', 'kafka=h:0', '=h:1', 'kafka=']) {
      expect(() => parseAdvertisedAddress(text)).toThrow('must look like kafka=');
    }
  });
});

describe('isLoopback', () => {
  it('knows the addresses of this machine', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.example'].some(isLoopback)).toBe(false);
  });
});

it('puts brackets around a host with colons', () => {
  expect(formatUrl('kafka', '::1', 9092)).toBe('kafka://[::1]:9092');
});
