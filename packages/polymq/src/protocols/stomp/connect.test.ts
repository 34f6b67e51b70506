import { expect, test } from 'vitest';
import { negotiatedVersion } from './connect.ts';

test('the best version that both speak is taken', () => {
  expect(negotiatedVersion()).toBe('1.0');
  expect(negotiatedVersion('1.0,1.1,1.2')).toBe('1.2');
  expect(negotiatedVersion('1.1, 1.0')).toBe('1.1');
  expect(negotiatedVersion('1.3,1.2')).toBe('1.2');
  expect(() => negotiatedVersion('2.0')).toThrow('Supported versions are 1.0,1.1,1.2');
});
