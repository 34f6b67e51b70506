import { beforeAll, describe, expect, it } from 'vitest';
import type { DeclaredValues } from '../../queue/queue-definition.ts';
import { type ExchangeKit, openExchangeKit } from '../testing/kit.ts';

describe('headers exchange', () => {
  let kit: ExchangeKit;
  let count = 0;

  beforeAll(async () => {
    kit = await openExchangeKit();
  });

  async function takes(
    declared: DeclaredValues,
    headers: Record<string, unknown>,
  ): Promise<boolean> {
    const name = `x${count++}`;
    await kit.exchange(name, 'headers');
    await kit.queues.declare('', name);
    await kit.bind(name, name, { arguments: declared });
    return kit.targets(name, 'key', { headers }).length === 1;
  }

  it('asks for all arguments unless told otherwise', async () => {
    const both = { a: 1, b: 'x' };
    for (const declared of [both, { ...both, 'x-match': 'all' }]) {
      expect(await takes(declared, { a: 1, b: 'x', c: true })).toBe(true);
      expect(await takes(declared, { a: 1 })).toBe(false);
      expect(await takes(declared, { a: 1, b: 'y' })).toBe(false);
    }
  });

  it('asks for one argument with "any"', async () => {
    const declared = { a: 1, b: 'x', 'x-match': 'any' };
    expect(await takes(declared, { a: 2, b: 'x' })).toBe(true);
    expect(await takes(declared, { a: 2, b: 'y' })).toBe(false);
    expect(await takes(declared, {})).toBe(false);
  });

  it('takes everything without conditions with "all", nothing with "any"', async () => {
    expect(await takes({}, {})).toBe(true);
    expect(await takes({ 'x-other': 1 }, { a: 1 })).toBe(true);
    expect(await takes({ 'x-match': 'any' }, { a: 1 })).toBe(false);
  });

  it('looks at arguments with x- in front only if told so', async () => {
    expect(await takes({ 'x-a': 1, 'x-match': 'all' }, {})).toBe(true);
    expect(await takes({ 'x-a': 1, 'x-match': 'all-with-x' }, {})).toBe(false);
    expect(await takes({ 'x-a': 1, 'x-match': 'all-with-x' }, { 'x-a': 1 })).toBe(true);
    expect(await takes({ 'x-a': 1, 'x-match': 'any' }, { 'x-a': 1 })).toBe(false);
    expect(await takes({ 'x-a': 1, 'x-match': 'any-with-x' }, { 'x-a': 1 })).toBe(true);
  });

  it('is content with any value where the argument has none', async () => {
    expect(await takes({ a: null }, { a: 'whatever' })).toBe(true);
    expect(await takes({ a: null }, { a: null })).toBe(true);
    expect(await takes({ a: null }, {})).toBe(false);
  });

  it('compares values by their kind', async () => {
    expect(await takes({ a: 1 }, { a: '1' })).toBe(false);
    expect(await takes({ a: 1 }, { a: 1n })).toBe(true);
    expect(await takes({ a: true }, { a: 1 })).toBe(false);
    expect(await takes({ a: 'text' }, { a: Buffer.from('text') })).toBe(true);
    expect(await takes({ a: [1, { b: 'c' }] }, { a: [1, { b: 'c' }] })).toBe(true);
    expect(await takes({ a: [1, 2] }, { a: [1] })).toBe(false);
    expect(await takes({ a: { b: 1 } }, { a: { b: 2 } })).toBe(false);
    expect(await takes({ a: 'x' }, { a: null })).toBe(false);
  });

  it('tells bindings of one queue apart by their arguments', async () => {
    await kit.exchange('many', 'headers');
    await kit.queues.declare('', 'many');
    for (const a of [1, 2, 3]) await kit.bind('many', 'many', { arguments: { a } });
    await kit.bind('many', 'many', { arguments: { a: 1 } });
    expect(kit.exchanges.get('', 'many')?.bindingCount).toBe(3);
    await kit.unbind('many', 'many', { arguments: { a: 2 } });
    expect(kit.targets('many', '', { headers: { a: 2 } })).toEqual([]);
    expect(kit.targets('many', '', { headers: { a: 3 } })).toEqual(['many']);
  });

  it('refuses an unknown way of matching', async () => {
    await expect(takes({ 'x-match': 'some' }, {})).rejects.toMatchObject({
      code: 'invalid-binding',
    });
  });
});
