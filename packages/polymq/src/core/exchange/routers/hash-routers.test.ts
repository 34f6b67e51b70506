import { describe, expect, it } from 'vitest';
import type { ExchangeDefinition, ExchangeType } from '../exchanges.ts';
import { type ExchangeKit, type Facts, openExchangeKit } from '../testing/kit.ts';
import { hashOf } from './hash.ts';

const KEYS: readonly string[] = Array.from({ length: 3000 }, (_, index) => `key-${index}`);

async function open(
  type: ExchangeType,
  weights: Record<string, string>,
  more: Partial<ExchangeDefinition> = {},
): Promise<ExchangeKit> {
  const kit = await openExchangeKit();
  await kit.exchange('x', type, more);
  for (const [name, routingKey] of Object.entries(weights)) {
    await kit.queues.declare('', name);
    await kit.bind('x', name, { routingKey });
  }
  return kit;
}

function spread(kit: ExchangeKit): Map<string, string> {
  return new Map(KEYS.map((key) => [key, kit.targets('x', key).join()]));
}

function count(placed: Map<string, string>, name: string): number {
  return [...placed.values()].filter((target) => target === name).length;
}

describe('consistent-hash exchange', () => {
  it('sends each key to one destination, in proportion to the weights', async () => {
    const placed = spread(await open('consistent-hash', { a: '1', b: '1', c: '2' }));
    expect(count(placed, 'a') / KEYS.length).toBeCloseTo(0.25, 1);
    expect(count(placed, 'b') / KEYS.length).toBeCloseTo(0.25, 1);
    expect(count(placed, 'c') / KEYS.length).toBeCloseTo(0.5, 1);
  });

  it('moves only the keys it must when a destination goes or comes', async () => {
    const kit = await open('consistent-hash', { a: '1', b: '1', c: '1' });
    const before = spread(kit);
    await kit.unbind('x', 'b', { routingKey: '1' });
    const without = spread(kit);
    for (const [key, target] of before) if (target !== 'b') expect(without.get(key)).toBe(target);
    expect(count(without, 'b')).toBe(0);
    await kit.bind('x', 'b', { routingKey: '1' });
    expect(spread(kit)).toEqual(before);
  });

  it('sends the same keys to the same destinations after a restart', async () => {
    const kit = await open('consistent-hash', { a: '3', b: '2', c: '1' });
    const before = spread(kit);
    expect(spread(await kit.restart())).toEqual(before);
  });

  it('goes by a header if told so', async () => {
    const declared = { 'hash-header': 'user' };
    const kit = await open('consistent-hash', { a: '1', b: '1', c: '1' }, { declared });
    const to = (facts: Partial<Facts>, key = 'k') => kit.targets('x', key, facts).join();
    const users = KEYS.slice(0, 200).map((user) => to({ headers: { user } }));
    expect(new Set(users)).toEqual(new Set(['a', 'b', 'c']));
    expect(to({ headers: { user: 'u' } }, 'k')).toBe(to({ headers: { user: 'u' } }, 'other'));
    expect(to({}, 'k')).toBe(to({}, 'other'));
    expect(kit.route('x').cacheable).toBe(false);
  });

  it('goes by a property if told so', async () => {
    const declared = { 'hash-property': 'message_id' };
    const kit = await open('consistent-hash', { a: '1', b: '1', c: '1' }, { declared });
    const ids = KEYS.slice(0, 200).map((id) => {
      return kit.targets('x', 'k', { properties: { 'message-id': id } }).join();
    });
    expect(new Set(ids)).toEqual(new Set(['a', 'b', 'c']));
  });

  it('refuses weights that are none, and contradicting declarations', async () => {
    const kit = await open('consistent-hash', { a: '1' });
    for (const routingKey of ['', '0', '-1', '1.5', 'x', '9999999999']) {
      await expect(kit.bind('x', 'a', { routingKey })).rejects.toMatchObject({
        code: 'invalid-binding',
      });
    }
    for (const declared of [
      { 'hash-header': 'h', 'hash-property': 'message_id' },
      { 'hash-property': 'content_type' },
    ]) {
      await expect(kit.exchange('y', 'consistent-hash', { declared })).rejects.toMatchObject({
        code: 'invalid-config',
      });
    }
  });
});

describe('modulus-hash exchange', () => {
  it('spreads keys evenly over the destinations, whatever the binding keys', async () => {
    const placed = spread(await open('modulus-hash', { a: 'p', b: 'q', c: '' }));
    for (const name of ['a', 'b', 'c']) {
      expect(count(placed, name) / KEYS.length).toBeCloseTo(1 / 3, 1);
    }
  });
});

describe('random exchange', () => {
  it('sends each message to one of its destinations', async () => {
    const kit = await open('random', { a: '', b: '', c: '' });
    const placed = spread(kit);
    expect(new Set(placed.values())).toEqual(new Set(['a', 'b', 'c']));
    expect(kit.route('x', 'k').cacheable).toBe(false);
    await kit.unbind('x', 'a');
    expect(count(spread(kit), 'a')).toBe(0);
  });

  it('sends nothing anywhere without a destination', async () => {
    for (const type of ['random', 'modulus-hash', 'consistent-hash'] as const) {
      const kit = await open(type, {});
      expect(kit.targets('x', 'k')).toEqual([]);
    }
  });
});

describe('hash', () => {
  it('stays as it is, since messages are where it has sent them', () => {
    expect([hashOf(''), hashOf('orders'), hashOf('ключ')]).toMatchInlineSnapshot(`
      [
        2872998923,
        2069166408,
        3185335672,
      ]
    `);
  });
});
