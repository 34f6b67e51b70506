import { describe, expect, it } from 'vitest';
import { CLASSIC } from './testing/fake-queues.ts';
import { bindingOf, factsOf, openExchangeKit } from './testing/kit.ts';

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

  it('refuses a name twice, also while the first declaration is under way', async () => {
    const kit = await openExchangeKit();
    const results = await Promise.allSettled([kit.exchange('x'), kit.exchange('x', 'fanout')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(kit.exchange('amq.topic')).rejects.toMatchObject({ code: 'exchange-exists' });
    expect(kit.exchanges.get('', 'x')?.definition.type).toBe('direct');
  });

  it('refuses names that are too long, also for the queue of a delayed exchange', async () => {
    const kit = await openExchangeKit();
    await kit.exchange('x'.repeat(255));
    for (const [name, delayed] of [
      ['x'.repeat(256), false],
      ['x'.repeat(250), true],
    ] as const) {
      await expect(kit.exchange(name, 'direct', { delayed })).rejects.toMatchObject({
        code: 'invalid-name',
      });
    }
  });

  it('refuses bindings whose ends are missing', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'q');
    const attempts = [
      [kit.bind('none', 'q'), 'unknown-exchange'],
      [kit.bind('amq.direct', 'none'), 'unknown-queue'],
      [kit.bind('amq.direct', 'none', { destinationKind: 'exchange' }), 'unknown-exchange'],
      [kit.bind('amq.direct', 'none', { destinationKind: 'stream' }), 'unknown-stream'],
      [kit.bind('none', 'q', { sourceKind: 'stream' }), 'unknown-stream'],
      [kit.bind('', 'q'), 'invalid-binding'],
      [kit.bind('amq.direct', '', { destinationKind: 'exchange' }), 'invalid-binding'],
      [kit.bind('amq.direct', 'q', { routingKey: 'k'.repeat(256) }), 'invalid-binding'],
    ] as const;
    for (const [attempt, code] of attempts) await expect(attempt).rejects.toMatchObject({ code });
  });

  it('takes the same binding once, and its removal any number of times', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'q');
    const more = { routingKey: 'k', arguments: { b: 1, a: { d: 2, c: [3] } } };
    await kit.bind('amq.direct', 'q', more);
    const turned = { routingKey: 'k', arguments: { a: { c: [3], d: 2 }, b: 1 } };
    await Promise.all([kit.bind('amq.direct', 'q', turned), kit.bind('amq.direct', 'q', more)]);
    expect(kit.exchanges.bindings('')).toEqual([bindingOf('amq.direct', 'q', more)]);
    await kit.unbind('amq.direct', 'q', turned);
    await kit.unbind('amq.direct', 'q', turned);
    await kit.unbind('none', 'none');
    expect(kit.exchanges.bindings()).toEqual([]);
  });

  it('keeps namespaces apart', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('a', 'q');
    await kit.queues.declare('b', 'q');
    const binding = { ...bindingOf('amq.fanout', 'q'), namespace: 'a' };
    await kit.exchanges.bind(binding);
    const route = (namespace: string) => {
      const exchange = kit.exchanges.get(namespace, 'amq.fanout')!;
      return kit.exchanges.route(exchange, ['k'], factsOf({})).queues;
    };
    expect([route('a'), route('b')]).toEqual([[kit.queues.get('a', 'q')], []]);
    expect(kit.exchanges.bindings('b')).toEqual([]);
    const again = await kit.restart();
    expect(again.exchanges.bindings('a')).toEqual([binding]);
  });

  it('keeps to its limits', async () => {
    const limits = { exchangesMax: 1, bindingsMax: 2, bindingBytesMax: 100, argumentsBytesMax: 50 };
    const kit = await openExchangeKit({ limits });
    await kit.queues.declare('', 'q');
    const declared = await Promise.allSettled([kit.exchange('x'), kit.exchange('y')]);
    expect(declared.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const full = { code: 'limit-reached' };
    const long = { routingKey: 'k'.repeat(101) };
    await expect(kit.bind('x', 'q', long)).rejects.toMatchObject(full);
    const large = { arguments: { a: 'b'.repeat(60) } };
    await expect(kit.bind('x', 'q', large)).rejects.toMatchObject({ code: 'invalid-binding' });
    const keys = ['a', 'b', 'c'];
    const bound = await Promise.allSettled(
      keys.map((routingKey) => kit.bind('x', 'q', { routingKey })),
    );
    expect(bound.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    await kit.unbind('x', 'q', { routingKey: 'a' });
    await kit.bind('x', 'q', { routingKey: 'c' });
    await kit.exchanges.delete(kit.exchanges.get('', 'x')!);
    await kit.exchange('y');
    await kit.bind('y', 'q', { routingKey: 'a' });
  });

  it('refuses changes when it is closed', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'q');
    await kit.close();
    await expect(kit.exchange('x')).rejects.toMatchObject({ code: 'stopping' });
    await expect(kit.bind('amq.direct', 'q')).rejects.toMatchObject({ code: 'stopping' });
  });
});
