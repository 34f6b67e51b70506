import { describe, expect, test } from 'vitest';
import { contentHeader, PropertiesScan, scanProperties } from './codec/index.ts';
import { expirationMs } from './expiration.ts';

function parse(expiration: string): number {
  const header = contentHeader({ expiration, messageId: '12345' }, 0);
  const scan = new PropertiesScan();
  scanProperties(header, 0, header.length, scan);
  return expirationMs(header, scan);
}

describe('the property expiration', () => {
  test.for([
    ['0', 0],
    ['007', 7],
    ['60000', 60_000],
    ['9999999999999', 9_999_999_999_999],
  ] as const)('%s is a number of milliseconds', ([text, ms]) => {
    expect(parse(text)).toBe(ms);
  });

  test.for([
    ['', 'no_integer'],
    ['soon', 'no_integer'],
    [' 5', 'no_integer'],
    ['-', 'no_integer'],
    ['-1', '{value_negative,-1}'],
    ['1.5', '{leftover_string,".5"}'],
    ['5 s', '{leftover_string," s"}'],
    ['99999999999999', '{value_too_large,99999999999999}'],
  ] as const)('%s is refused in RabbitMQ’s words', ([text, problem]) => {
    expect(() => parse(text)).toThrow(`invalid expiration '${text}': ${problem}`);
  });
});
