import { describe, expect, it } from 'vitest';
import { type ExchangeKit, openExchangeKit } from './testing/kit.ts';

const TO_EXCHANGE = { destinationKind: 'exchange' } as const;

async function withQueues(...names: string[]): Promise<ExchangeKit> {
  const kit = await openExchangeKit();
  for (const name of names) await kit.queues.declare('', name);
  return kit;
}

describe('the way of a message', () => {
  it('leads through exchanges that are bound to exchanges', async () => {
    const kit = await withQueues('q', 'r');
    await kit.exchange('a', 'topic');
    await kit.exchange('b', 'direct');
    await kit.bind('a', 'b', { ...TO_EXCHANGE, routingKey: 'x.#' });
    await kit.bind('b', 'q', { routingKey: 'x.y' });
    await kit.bind('a', 'r', { routingKey: '*.y' });
    expect(kit.targets('a', 'x.y')).toEqual(['q', 'r']);
    expect(kit.targets('a', 'x.z')).toEqual([]);
  });

  it('still leads to one queue when another with the same pattern has gone', async () => {
    const kit = await withQueues('q', 'r');
    for (const name of ['q', 'r']) await kit.bind('amq.topic', name, { routingKey: 'a.*' });
    await kit.unbind('amq.topic', 'q', { routingKey: 'a.*' });
    expect(kit.targets('amq.topic', 'a.b')).toEqual(['r']);
  });

  it('ends where exchanges are bound in a circle, with each queue once', async () => {
    const kit = await withQueues('q');
    for (const name of ['a', 'b', 'c']) {
      await kit.exchange(name, 'fanout');
      await kit.bind(name, 'q');
    }
    await kit.bind('a', 'b', TO_EXCHANGE);
    await kit.bind('b', 'c', TO_EXCHANGE);
    await kit.bind('c', 'a', TO_EXCHANGE);
    await kit.bind('a', 'a', TO_EXCHANGE);
    expect(kit.targets('b', 'k')).toEqual(['q']);
  });

  it('gives a queue one copy, however many bindings, keys and ways lead to it', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `q${index}`);
    const kit = await withQueues(...names);
    await kit.exchange('x', 'topic');
    for (const name of names) {
      for (const routingKey of ['#', 'a.*', 'a.b', '*.b'])
        await kit.bind('x', name, { routingKey });
    }
    expect(kit.targets('x', ['a.b', 'a.c', 'a.b'])).toEqual(names.sort());
  });

  it('takes all routing keys of a message', async () => {
    const kit = await withQueues('q', 'r', 's');
    await kit.exchange('x');
    for (const name of ['q', 'r', 's']) await kit.bind('x', name, { routingKey: name });
    expect(kit.targets('x', ['q', 's'])).toEqual(['q', 's']);
    expect(kit.targets('', ['q', 'r', 'none'])).toEqual(['q', 'r']);
  });

  it('leads to the alternate exchange where no binding wants the message', async () => {
    const kit = await withQueues('q', 'lost');
    await kit.exchange('x', 'direct', { alternate: 'other' });
    await kit.bind('x', 'q', { routingKey: 'q' });
    expect(kit.targets('x', 'k')).toEqual([]);
    await kit.exchange('other', 'fanout');
    await kit.bind('other', 'lost');
    expect(kit.targets('x', 'k')).toEqual(['lost']);
    expect(kit.targets('x', 'q')).toEqual(['q']);
    expect(kit.targets('x', ['q', 'k'])).toEqual(['q']);
  });

  it('ends where alternates lead in a circle', async () => {
    const kit = await withQueues();
    await kit.exchange('a', 'direct', { alternate: 'b' });
    await kit.exchange('b', 'direct', { alternate: 'a' });
    expect(kit.targets('a', 'k')).toEqual([]);
  });

  it('leads to streams, by binding and by name', async () => {
    const kit = await withQueues('q');
    kit.streams.add('s').add('t');
    await kit.bind('amq.topic', 's', { destinationKind: 'stream', routingKey: 'a.*' });
    await kit.bind('amq.topic', 'q', { routingKey: 'a.b' });
    const route = kit.route('amq.topic', 'a.b');
    expect([route.streams, route.queues.map(({ name }) => name)]).toEqual([['s'], ['q']]);
    expect(kit.route('', 't').streams).toEqual(['t']);
    await kit.queues.declare('', 't');
    expect(kit.route('', 't').streams).toEqual([]);
  });

  it('says which routes may be kept', async () => {
    const kit = await withQueues('q');
    for (const type of ['direct', 'fanout', 'topic', 'modulus-hash', 'consistent-hash'] as const) {
      await kit.exchange(type, type);
      expect([type, kit.route(type).cacheable]).toEqual([type, true]);
    }
    await kit.exchange('headers', 'headers');
    expect(kit.route('headers').cacheable).toBe(false);
    await kit.bind('fanout', 'headers', TO_EXCHANGE);
    expect(kit.route('fanout').cacheable).toBe(false);
  });

  it('is the same object as long as nothing changes, and another one then', async () => {
    const kit = await withQueues('q');
    await kit.exchange('x', 'topic');
    const before = kit.route('x', 'k');
    expect(kit.route('x', 'k')).toBe(before);
    await kit.bind('x', 'q', { routingKey: 'k' });
    expect(kit.route('x', 'k')).not.toBe(before);
    expect(kit.route('x', 'k').queues).toHaveLength(1);
    const { version } = kit.exchanges;
    await kit.queues.delete(kit.queues.get('', 'q')!);
    expect(kit.exchanges.version).toBeGreaterThan(version);
    expect(kit.route('x', 'k').queues).toHaveLength(0);
  });

  it('has one route for all keys where none is looked at', async () => {
    const kit = await withQueues('q');
    await kit.exchange('x', 'fanout');
    await kit.bind('x', 'q');
    expect(kit.route('x', 'a')).toBe(kit.route('x', 'b'));
  });
});
