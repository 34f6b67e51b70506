import { describe, expect, test } from 'vitest';
import type { DeclaredValues } from '../../core/queue/queue-definition.ts';
import { checkEquivalent } from './equivalence.ts';

const declared = (args: DeclaredValues, durable = true) => ({
  what: "queue 'q' in vhost '/'",
  flags: { durable, auto_delete: false },
  arguments: args,
});

function difference(now: DeclaredValues, received: DeclaredValues, durable = true) {
  try {
    checkEquivalent(declared(now), declared(received, durable), ['x-a', 'x-b']);
    return 'none';
  } catch (error) {
    return (error as Error).message.replace('PRECONDITION_FAILED - inequivalent ', '');
  }
}

describe('declaring what exists', () => {
  test('the same is fine, in any order, and with other arguments that do not matter', () => {
    expect(difference({ 'x-a': 1, 'x-b': 'b' }, { 'x-b': 'b', 'x-a': 1, other: 2 })).toBe('none');
    expect(difference({ 'x-a': { p: 1, q: [2] } }, { 'x-a': { q: [2], p: 1 } })).toBe('none');
  });

  test('flags are compared first', () => {
    expect(difference({ 'x-a': 1 }, { 'x-a': 2 }, false)).toBe(
      "arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
    );
  });

  test('two values are shown as they are', () => {
    expect(difference({ 'x-a': 1 }, { 'x-a': 2 })).toBe(
      "arg 'x-a' for queue 'q' in vhost '/': received '2' but current is '1'",
    );
  });

  test.for<[DeclaredValues, DeclaredValues, string]>([
    [{ 'x-a': 1 }, {}, "received none but current is the value '1' of type 'signedint'"],
    [{}, { 'x-a': 'v' }, "received the value 'v' of type 'longstr' but current is none"],
    [{}, { 'x-a': true }, "received the value 'true' of type 'bool' but current is none"],
    [{}, { 'x-a': [1] }, "received the value '[1]' of type 'array' but current is none"],
  ])('a value that is missing on one side is shown with its type: %o %o', ([now, given, text]) => {
    expect(difference(now, given)).toBe(`arg 'x-a' for queue 'q' in vhost '/': ${text}`);
  });
});
