import { describe, expect, it } from 'vitest';
import { type ExchangeKit, openExchangeKit } from '../testing/kit.ts';

const policy = (value: unknown) => ({ 'filter-policy': JSON.stringify(value) });
const bodyPolicy = (value: unknown) => ({ ...policy(value), 'filter-scope': 'MessageBody' });

async function openWith(
  bindings: Record<string, Record<string, string>>,
  type: 'filter' | 'fanout' = 'filter',
): Promise<ExchangeKit> {
  const kit = await openExchangeKit();
  await kit.exchange('x', type);
  for (const [name, values] of Object.entries(bindings)) {
    await kit.queues.declare('', name);
    await kit.bind('x', name, { arguments: values });
  }
  return kit;
}

describe('an exchange that filters', () => {
  it.for(['filter', 'fanout'] as const)(
    'hands messages to those who want them (%s)',
    async (type) => {
      const bindings = { all: {}, a: policy({ kind: ['a'] }), b: bodyPolicy({ kind: ['b'] }) };
      const kit = await openWith(bindings, type);
      expect(kit.targets('x')).toEqual(['all']);
      expect(kit.targets('x', 'key', { headers: { kind: 'a' } })).toEqual(['a', 'all']);
      expect(kit.targets('x', 'key', { body: '{"kind":"b"}' })).toEqual(['all', 'b']);
      const both = { headers: { kind: 'a' }, body: '{"kind":"b"}' };
      expect(kit.targets('x', 'other', both)).toEqual(['a', 'all', 'b']);
    },
  );

  it('finds a route once as long as nobody filters, and again when somebody does', async () => {
    const kit = await openWith({ all: {}, more: {} });
    expect(kit.route('x', 'one')).toBe(kit.route('x', 'two'));
    expect(kit.route('x').cacheable).toBe(true);
    await kit.queues.declare('', 'a');
    const filtered = { arguments: policy({ kind: ['a'] }) };
    await kit.bind('x', 'a', filtered);
    expect(kit.route('x').cacheable).toBe(false);
    expect(kit.targets('x')).toEqual(['all', 'more']);
    expect(kit.targets('x', '', { headers: { kind: 'a' } })).toEqual(['a', 'all', 'more']);
    await kit.unbind('x', 'all');
    await kit.queues.declare('', 'late');
    await kit.bind('x', 'late');
    expect(kit.targets('x')).toEqual(['late', 'more']);
    await kit.unbind('x', 'a', filtered);
    expect(kit.route('x').cacheable).toBe(true);
    expect(kit.targets('x', '', { headers: { kind: 'a' } })).toEqual(['late', 'more']);
  });

  it('filters again after the last filter has gone and another has come', async () => {
    const kit = await openWith({ all: {}, a: policy({ kind: ['a'] }) });
    await kit.unbind('x', 'a', { arguments: policy({ kind: ['a'] }) });
    await kit.bind('x', 'a', { arguments: policy({ kind: ['b'] }) });
    expect(kit.targets('x', '', { headers: { kind: 'a' } })).toEqual(['all']);
    expect(kit.targets('x', '', { headers: { kind: 'b' } })).toEqual(['a', 'all']);
    await kit.unbind('x', 'all');
    expect(kit.targets('x')).toEqual([]);
  });

  it('filters after a restart', async () => {
    const kit = await openWith({ all: {}, a: policy({ kind: ['a'] }) });
    const again = await kit.restart();
    expect(again.targets('x')).toEqual(['all']);
    expect(again.targets('x', '', { headers: { kind: 'a' } })).toEqual(['a', 'all']);
  });

  it('takes a queue with several filters once', async () => {
    const kit = await openWith({ a: policy({ kind: ['a'] }) });
    await kit.bind('x', 'a', { arguments: policy({ kind: [{ prefix: '' }] }) });
    expect(kit.targets('x', '', { headers: { kind: 'a' } })).toEqual(['a']);
    expect(kit.targets('x', '', { headers: { kind: 'b' } })).toEqual(['a']);
  });

  it('hands what nobody wants to the alternate exchange', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x', 'filter', { alternate: 'rest' });
    await kit.exchange('rest', 'fanout');
    for (const name of ['a', 'rest']) await kit.queues.declare('', name);
    await kit.bind('x', 'a', { arguments: policy({ kind: ['a'] }) });
    await kit.bind('rest', 'rest');
    expect(kit.targets('x', '', { headers: { kind: 'a' } })).toEqual(['a']);
    expect(kit.targets('x')).toEqual(['rest']);
  });

  it('reads a body only if somebody asks, and once for all', async () => {
    const kit = await openWith({ a: policy({ kind: ['a'] }) });
    let reads = 0;
    const facts = {
      headers: () => new Map(),
      property: () => undefined,
      body: () => {
        reads++;
        return Buffer.from('{"kind":"b"}');
      },
      dueMs: 0,
    };
    const exchange = kit.exchanges.get('', 'x')!;
    kit.exchanges.route(exchange, [''], facts);
    expect(reads).toBe(0);
    for (const name of ['b', 'c']) {
      await kit.queues.declare('', name);
      await kit.bind('x', name, { arguments: bodyPolicy({ kind: [name] }) });
    }
    const { queues } = kit.exchanges.route(exchange, [''], facts);
    expect(queues.map(({ name }) => name)).toEqual(['b']);
    expect(reads).toBe(1);
  });

  it('refuses policies that cannot be compiled, in the words of AWS', async () => {
    const kit = await openWith({ a: {} });
    const refused = (values: Record<string, unknown>) =>
      expect(kit.bind('x', 'a', { arguments: values as Record<string, string> })).rejects;
    await refused({ 'filter-policy': '{' }).toMatchObject({
      code: 'invalid-binding',
      message: 'FilterPolicy: failed to parse JSON.',
    });
    await refused({ 'filter-policy': 5 }).toMatchObject({ code: 'invalid-binding' });
    await refused(policy({ a: { b: [1] } })).toThrow(/does not support nested/);
    await refused({ 'filter-scope': 'Body' }).toThrow(/MessageBody or MessageAttributes/);
    await kit.bind('x', 'a', { arguments: bodyPolicy({ a: { b: [1] } }) });
    expect(kit.targets('x', '', { body: '{"a":{"b":1}}' })).toEqual(['a']);
  });

  it('takes policies as large as they may be', async () => {
    const kit = await openWith({ a: {} });
    const names = Array.from({ length: 100 }, (_, at) => `"${at}${'"'.repeat(1000)}`);
    await kit.bind('x', 'a', { arguments: policy({ kind: names }) });
    expect(kit.targets('x', '', { headers: { kind: names[7] } })).toEqual(['a']);
    await expect(
      kit.bind('x', 'a', { arguments: policy({ kind: ['x'.repeat(256 * 1024)] }) }),
    ).rejects.toThrow(/262144 bytes/);
  });
});
