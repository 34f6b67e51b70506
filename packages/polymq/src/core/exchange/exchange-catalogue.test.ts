import { describe, expect, it } from 'vitest';
import { CLASSIC } from './testing/fake-queues.ts';
import { openExchangeKit } from './testing/kit.ts';

describe('exchange catalogue', () => {
  it('has the standard exchanges in every namespace', async () => {
    const { exchanges } = await openExchangeKit();
    const names = exchanges.list('elsewhere').map(({ name }) => name);
    expect(names).toEqual([
      '',
      'amq.direct',
      'amq.fanout',
      'amq.topic',
      'amq.headers',
      'amq.match',
      'amq.rabbitmq.trace',
    ]);
    expect(exchanges.get('elsewhere', 'amq.match')?.definition.type).toBe('headers');
    await expect(exchanges.delete(exchanges.get('', 'amq.topic')!)).rejects.toMatchObject({
      code: 'invalid-request',
    });
  });

  it('leads from the default exchange to the queue of that name', async () => {
    const kit = await openExchangeKit();
    expect(kit.targets('', 'q')).toEqual([]);
    await kit.queues.declare('', 'q');
    expect(kit.targets('', 'q')).toEqual(['q']);
    await kit.queues.delete(kit.queues.get('', 'q')!);
    expect(kit.targets('', 'q')).toEqual([]);
  });

  it('routes by bindings, and no longer when they are gone', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x');
    await kit.queues.declare('', 'q');
    const before = kit.exchanges.version;
    await kit.bind('x', 'q', { routingKey: 'k' });
    expect(kit.exchanges.version).toBeGreaterThan(before);
    expect(kit.targets('x', 'k')).toEqual(['q']);
    expect(kit.targets('x', 'other')).toEqual([]);
    await kit.unbind('x', 'q', { routingKey: 'k' });
    expect(kit.targets('x', 'k')).toEqual([]);
  });

  it('keeps durable exchanges and bindings over a restart, and only those', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('durable', 'topic');
    await kit.exchange('transient', 'topic', { durable: false });
    await kit.queues.declare('', 'q');
    await kit.queues.declare('', 'short', { ...CLASSIC, durable: false });
    for (const source of ['durable', 'transient']) {
      for (const queue of ['q', 'short']) await kit.bind(source, queue, { routingKey: 'a.*' });
    }
    expect(kit.targets('durable', 'a.b')).toEqual(['q', 'short']);
    const again = await kit.restart();
    expect(again.targets('durable', 'a.b')).toEqual(['q']);
    expect(again.exchanges.get('', 'transient')).toBeUndefined();
    expect(again.exchanges.bindings()).toHaveLength(1);
  });
});
