import { describe, expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { CLASSIC } from './testing/fake-queues.ts';
import { type ExchangeKit, openExchangeKit } from './testing/kit.ts';

const TO_EXCHANGE = { destinationKind: 'exchange' } as const;
const TO_STREAM = { destinationKind: 'stream' } as const;

async function withQueue(): Promise<ExchangeKit> {
  const kit = await openExchangeKit();
  await kit.queues.declare('', 'q');
  return kit;
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

describe('deleting an exchange', () => {
  it('removes the bindings from and to it, for good', async () => {
    const kit = await withQueue();
    await kit.exchange('x', 'fanout');
    await kit.exchange('y', 'fanout');
    await kit.bind('x', 'q');
    await kit.bind('y', 'x', TO_EXCHANGE);
    await kit.bind('x', 'x', TO_EXCHANGE);
    await kit.bind('y', 'q');
    await kit.exchanges.delete(kit.exchanges.get('', 'x')!);
    expect(kit.exchanges.bindings()).toHaveLength(1);
    const again = await kit.restart();
    await again.exchange('x', 'fanout');
    expect(again.targets('x')).toEqual([]);
    expect(again.exchanges.bindings()).toHaveLength(1);
  });

  it('can be asked to spare one that has bindings', async () => {
    const kit = await withQueue();
    const exchange = await kit.exchange('x');
    await kit.bind('x', 'q');
    await expect(kit.exchanges.delete(exchange, { ifUnused: true })).rejects.toMatchObject({
      code: 'exchange-in-use',
    });
    await kit.unbind('x', 'q');
    await kit.exchanges.delete(exchange, { ifUnused: true });
    await kit.exchanges.delete(exchange);
    expect(kit.exchanges.get('', 'x')).toBeUndefined();
  });

  it('does not touch a later one of the same name', async () => {
    const kit = await withQueue();
    const first = await kit.exchange('x');
    await kit.exchanges.delete(first);
    const second = await kit.exchange('x');
    await kit.exchanges.delete(first);
    expect(kit.exchanges.get('', 'x')).toBe(second);
  });
});

describe('auto-delete exchanges', () => {
  it('go with the last binding whose source they are, and take others along', async () => {
    for (const durable of [true, false]) {
      const kit = await withQueue();
      await kit.exchange('x', 'fanout', { autoDelete: true, durable });
      await kit.exchange('y', 'fanout', { autoDelete: true, durable });
      await kit.bind('x', 'y', TO_EXCHANGE);
      await kit.bind('y', 'q', { routingKey: 'a' });
      await kit.bind('y', 'q', { routingKey: 'b' });
      await kit.unbind('y', 'q', { routingKey: 'a' });
      await settled();
      expect(kit.exchanges.get('', 'y')).toBeDefined();
      await kit.unbind('y', 'q', { routingKey: 'b' });
      await settled();
      expect(kit.exchanges.get('', 'y')).toBeUndefined();
      expect(kit.exchanges.get('', 'x')).toBeUndefined();
      const again = await kit.restart();
      expect(again.exchanges.get('', 'x')).toBeUndefined();
    }
  });

  it('stay as long as nothing was bound to them', async () => {
    const kit = await withQueue();
    await kit.exchange('x', 'fanout', { autoDelete: true });
    expect((await kit.restart()).exchanges.get('', 'x')).toBeDefined();
  });
});

describe('deleting a queue', () => {
  it('removes its bindings at once and for good, and auto-delete exchanges with them', async () => {
    const kit = await withQueue();
    await kit.exchange('auto', 'fanout', { autoDelete: true });
    for (const source of ['auto', 'amq.direct', 'amq.topic']) await kit.bind(source, 'q');
    await kit.queues.delete(kit.queues.get('', 'q')!);
    expect(kit.exchanges.bindings()).toEqual([]);
    await settled();
    expect(kit.exchanges.get('', 'auto')).toBeUndefined();
    await kit.queues.declare('', 'q');
    const again = await kit.restart();
    expect(again.exchanges.bindings()).toEqual([]);
  });

  it('leaves the bindings of a new queue of that name alone', async () => {
    const kit = await withQueue();
    await kit.bind('amq.direct', 'q', { routingKey: 'old' });
    void kit.queues.delete(kit.queues.get('', 'q')!);
    await kit.queues.declare('', 'q');
    await kit.bind('amq.direct', 'q', { routingKey: 'new' });
    const again = await kit.restart();
    expect(again.exchanges.bindings().map(({ routingKey }) => routingKey)).toEqual(['new']);
  });

  it('refuses a binding that was under way', async () => {
    const kit = await withQueue();
    const binding = kit.bind('amq.direct', 'q', { routingKey: 'k' });
    await kit.queues.delete(kit.queues.get('', 'q')!);
    await expect(binding).rejects.toMatchObject({ code: 'unknown-queue' });
    expect(kit.exchanges.bindings()).toEqual([]);
    await kit.queues.declare('', 'q');
    expect((await kit.restart()).exchanges.bindings()).toEqual([]);
  });

  it('removes its bindings at the next start, if there was no time before', async () => {
    const engine = createMemoryEngine(createNodeEnvironment());
    const kit = await openExchangeKit({ engine });
    const queue = await kit.queues.declare('', 'q');
    await kit.bind('amq.direct', 'q');
    // The process dies: nothing more comes into the log.
    const queues = kit.queues.restarted();
    await queues.delete(queues.get('', 'q')!);
    await queues.declare('', 'q');
    const again = await openExchangeKit({ engine, queues });
    expect(queue.id).not.toBe(queues.get('', 'q')!.id);
    expect(again.exchanges.bindings()).toEqual([]);
    expect(again.targets('amq.direct', '')).toEqual([]);
  });
});

describe('deleting a stream', () => {
  it('shows who follows bindings from streams when they come and go', async () => {
    const kit = await withQueue();
    kit.streams.add('s');
    const told: number[] = [];
    const stop = kit.exchanges.onStreamBindingsChanged(() => {
      told.push(kit.exchanges.streamBindings().length);
      return undefined;
    });
    await kit.bind('amq.direct', 's', TO_STREAM);
    await kit.bind('s', 'q', { sourceKind: 'stream' });
    await kit.bind('s', 'amq.fanout', { sourceKind: 'stream', ...TO_EXCHANGE });
    expect(told).toEqual([1, 2]);
    await kit.unbind('s', 'q', { sourceKind: 'stream' });
    await kit.queues.delete(kit.queues.get('', 'q')!);
    expect(told).toEqual([1, 2, 1]);
    expect((await kit.restart()).exchanges.streamBindings()).toEqual(
      kit.exchanges.streamBindings(),
    );
    stop();
    kit.streams.delete('s');
    kit.exchanges.streamChanged('s');
    expect(kit.exchanges.streamBindings()).toEqual([]);
    expect(told).toHaveLength(3);
  });

  it('is noticed when the exchanges are told of it, or at the next start', async () => {
    const kit = await withQueue();
    kit.streams.add('s').add('t');
    for (const name of ['s', 't']) {
      await kit.bind('amq.direct', name, TO_STREAM);
      await kit.bind(name, 'q', { sourceKind: 'stream' });
    }
    const { version } = kit.exchanges;
    kit.streams.delete('s');
    kit.exchanges.streamChanged('s');
    expect(kit.exchanges.version).toBeGreaterThan(version);
    expect(kit.exchanges.bindings()).toHaveLength(2);
    kit.streams.delete('t');
    const again = await kit.restart();
    expect(again.exchanges.bindings()).toEqual([]);
    kit.streams.add('s').add('t');
    expect((await again.restart()).exchanges.bindings()).toEqual([]);
  });

  it('makes a stream reachable by its name as soon as it is there', async () => {
    const kit = await withQueue();
    expect(kit.targets('', 's')).toEqual([]);
    kit.streams.add('s');
    kit.exchanges.streamChanged('s');
    expect(kit.targets('', 's')).toEqual(['s']);
  });
});

describe('transient bindings', () => {
  it('go with their queue', async () => {
    const kit = await openExchangeKit();
    await kit.queues.declare('', 'q', { ...CLASSIC, exclusive: true });
    await kit.bind('amq.direct', 'q');
    await kit.queues.delete(kit.queues.get('', 'q')!);
    expect(kit.exchanges.bindings()).toEqual([]);
  });
});
