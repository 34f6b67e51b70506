import { describe, expect, test } from 'vitest';
import { exchangeDefinition } from './exchange-types.ts';

const declare = (type: string, values: Parameters<typeof exchangeDefinition>[1] = {}) =>
  exchangeDefinition(
    {
      exchange: 'x',
      type,
      passive: false,
      durable: true,
      autoDelete: false,
      internal: true,
      noWait: false,
      arguments: {},
    },
    values,
    '/',
  );

describe('types of exchanges', () => {
  test.for([
    ['direct', 'direct'],
    ['fanout', 'fanout'],
    ['topic', 'topic'],
    ['headers', 'headers'],
    ['x-consistent-hash', 'consistent-hash'],
    ['x-modulus-hash', 'modulus-hash'],
    ['x-random', 'random'],
    ['x-recent-history', 'recent-history'],
    ['x-filter', 'filter'],
    ['x-glob', 'glob'],
  ])('%s', ([type, core]) => {
    expect(declare(type!, { mine: 1 })).toEqual({
      type: core,
      durable: true,
      autoDelete: false,
      internal: true,
      declared: { type, arguments: { mine: 1 } },
    });
  });

  test('a delayed exchange routes as the type that it names', () => {
    const { type, delayed } = declare('x-delayed-message', { 'x-delayed-type': 'topic' });
    expect([type, delayed]).toEqual(['topic', true]);
    for (const wrong of [{}, { 'x-delayed-type': 'square' }, { 'x-delayed-type': 5 }]) {
      expect(() => declare('x-delayed-message', wrong)).toThrow('x-delayed-type');
    }
  });

  test('an alternate exchange is a name', () => {
    expect(declare('direct', { 'alternate-exchange': 'other' }).alternate).toBe('other');
    expect(() => declare('direct', { 'alternate-exchange': 5 })).toThrow(
      "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'",
    );
  });

  test.for(['square', '', 'toString'])('there is no type %s', (type) => {
    expect(() => declare(type)).toThrow(`COMMAND_INVALID - unknown exchange type '${type}'`);
  });
});
