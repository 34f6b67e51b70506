import { expect, test } from 'vitest';
import { checkOptions, type OptionNames } from './known-options.ts';

interface Options {
  readonly retry?: number;
  readonly limit?: number;
}

const NAMES: OptionNames<Options> = { retry: true, limit: true };

test('options that are known may be there or not, and undefined', () => {
  expect(() => checkOptions<Options>({}, NAMES, 'queue "a"')).not.toThrow();
  expect(() => checkOptions<Options>(undefined, NAMES, 'queue "a"')).not.toThrow();
  expect(() => checkOptions<Options>({ retry: 1 }, NAMES, 'queue "a"')).not.toThrow();
});

test.each(['retries', 'toString', '__proto__x'])('the option %s is refused by name', (name) => {
  expect(() => checkOptions<Options>({ [name]: 3 } as Options, NAMES, 'queue "a"')).toThrow(
    `queue "a" has no option "${name}"; there are retry, limit`,
  );
});
