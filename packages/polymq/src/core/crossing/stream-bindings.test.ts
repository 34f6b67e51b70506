import { afterEach, describe, expect, it } from 'vitest';
import type { MessageDraft } from '../message/message-draft.ts';
import type { StreamSpec } from '../stream/streams.ts';
import { CrossingKit } from './testing/kit.ts';

let kit: CrossingKit;
afterEach(() => kit.destroy());

async function start(streams: readonly (string | StreamSpec)[] = ['s']): Promise<void> {
  kit = await CrossingKit.open();
  for (const spec of streams) {
    await kit.base.streams.create(typeof spec === 'string' ? { name: spec } : spec);
  }
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index));

describe('a stream bound to a queue', () => {
  it('gives it every record from then on, as a message', async () => {
    await start();
    await kit.produce('s', ['before']);
    await kit.queue('q');
    await kit.bind('s', 'q');
    const header = { key: 'h', value: Buffer.from('x') };
    const record = { key: Buffer.from('k'), value: Buffer.from('v'), headers: [header] };
    await kit.produce('s', [{ ...record, timestampMs: 5 }]);
    expect(await kit.messages('q')).toEqual([
      {
        exchange: 'stream:s',
        routingKey: 'k',
        body: 'v',
        message: { headers: [{ name: 'h', value: 'x' }], timestampMs: 5, persistent: true },
      },
    ]);
  });

  it('keeps the order of its keys, directly and by an exchange', async () => {
    await start();
    for (const name of ['q', 'r']) await kit.queue(name, { groups: true });
    await kit.bind('s', 'q');
    await kit.bind('s', 'amq.fanout', { destinationKind: 'exchange' });
    await kit.bind('amq.fanout', 'r', { sourceKind: 'exchange' });
    const record = (key: string) => ({ key: Buffer.from(key), value: Buffer.from(key) });
    await kit.produce('s', [record('a'), record('a'), record('b')]);
    await kit.settle();
    for (const name of ['q', 'r']) {
      const queue = kit.queues.get('', name)!;
      const rows = [queue.take(), queue.take()] as number[];
      expect(rows.map((row) => queue.groupIdOf(row))).toEqual(['a', 'b']);
      expect(queue.take()).toBeUndefined();
    }
  });

  it('starts where the binding says', async () => {
    await start();
    await kit.produce('s', ['0', '1']);
    await kit.produce('s', ['2', '3']);
    for (const [queue, offset] of Object.entries({ a: 'first', b: 'last', c: 'next', d: 1 })) {
      await kit.queue(queue);
      await kit.bind('s', queue, { arguments: { 'x-stream-offset': offset } });
    }
    await kit.produce('s', ['4']);
    expect(await kit.bodies('a')).toEqual(['0', '1', '2', '3', '4']);
    expect(await kit.bodies('b')).toEqual(['2', '3', '4']);
    expect(await kit.bodies('c')).toEqual(['4']);
    expect(await kit.bodies('d')).toEqual(['1', '2', '3', '4']);
  });

  it('reads all partitions, and those that are added later from their beginning', async () => {
    await start([{ name: 's', partitionCount: 2 }]);
    await kit.queue('q');
    await kit.bind('s', 'q');
    await kit.produce('s', ['0'], 0);
    await kit.produce('s', ['1'], 1);
    await kit.base.streams.setPartitionCount('s', 3);
    await kit.produce('s', ['2'], 2);
    expect((await kit.bodies('q')).toSorted()).toEqual(['0', '1', '2']);
    kit = await kit.restart();
    await kit.produce('s', ['3'], 2);
    await kit.settle();
    expect(kit.crossing.bindings.pumps.map(({ position }) => position)).toEqual([1, 1, 2]);
  });

  it('gets a record once, however often it is bound', async () => {
    await start();
    await kit.queue('q');
    await kit.bind('s', 'q', { routingKey: 'a' });
    await kit.bind('s', 'q', { routingKey: 'b' });
    await kit.produce('s', ['0']);
    await kit.unbind('s', 'q', { routingKey: 'a' });
    await kit.produce('s', ['1']);
    expect(await kit.bodies('q')).toEqual(['0', '1']);
    await kit.unbind('s', 'q', { routingKey: 'b' });
    await kit.produce('s', ['2']);
    expect(await kit.bodies('q')).toEqual(['0', '1']);
  });

  it('costs its producers nothing any more once it is unbound', async () => {
    await start();
    const partition = kit.base.streams.get('s')!.partitions[0]!;
    const listeners = new Set<unknown>();
    const listen = partition.onAdvance.bind(partition);
    partition.onAdvance = (listener) => {
      const stop = listen(listener);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        stop();
      };
    };
    await kit.queue('q');
    expect(listeners.size).toBe(0);
    await kit.bind('s', 'q');
    expect(listeners.size).toBe(1);
    await kit.queues.delete(kit.queues.get('', 'q')!);
    expect(listeners.size).toBe(0);
    expect(kit.crossing.bindings.pumps).toEqual([]);
  });

  it('keeps its records while the queue refuses more, and goes on when there is room', async () => {
    await start();
    const queue = await kit.queue('q', { lengthMax: 2, overflow: 'reject' });
    await kit.bind('s', 'q');
    await kit.produce('s', numbers(0, 5));
    expect(await kit.bodies('q')).toEqual(['0', '1']);
    const row = await queue.take();
    queue.ack(row!);
    await kit.settle();
    kit.base.clock.advance(50);
    expect(await kit.bodies('q')).toEqual(['1', '2']);
    await queue.purge();
    kit.base.clock.advance(50);
    expect(await kit.bodies('q')).toEqual(['3', '4']);
  });

  it('keeps its records while the broker is short of memory or disk', async () => {
    await start();
    await kit.queue('q');
    await kit.bind('s', 'q');
    kit.alarms.set('disk', true);
    await kit.produce('s', ['0']);
    expect(await kit.bodies('q')).toEqual([]);
    kit.alarms.set('disk', false);
    expect(await kit.bodies('q')).toEqual(['0']);
  });

  it('shares the event loop: so many records a turn', async () => {
    await start();
    await kit.queue('q');
    await kit.bind('s', 'q');
    await kit.produce('s', numbers(0, 5000));
    const counts: number[] = [];
    for (let turn = 0; turn < 10; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      counts.push(kit.queues.get('', 'q')!.readyCount);
    }
    const steps = counts.map((count, index) => count - (counts[index - 1] ?? 0));
    expect(Math.max(...steps)).toBe(1000);
    expect(await kit.bodies('q')).toEqual(numbers(0, 5000));
  });
});

describe('a cursor', () => {
  it('is forgotten with its binding, and with its stream', async () => {
    await start(['s', 't']);
    await kit.queue('q');
    await kit.bind('s', 'q');
    await kit.bind('t', 'q');
    const marks = kit.crossing.bindings.pumps.map(({ place }) => place.mark!);
    const values = (): unknown[] => marks.map((mark) => kit.store.mark(mark));
    expect(values()).toEqual([0, 0]);
    await kit.unbind('s', 'q');
    expect(values()).toEqual([undefined, 0]);
    await kit.base.streams.delete('t');
    expect(values()).toEqual([undefined, undefined]);
    expect(kit.exchanges.exchanges.bindings()).toEqual([]);
    expect(kit.crossing.bindings.pumps).toEqual([]);
  });

  it('steps over a record that its target will never take', async () => {
    await start(['s', { name: 't', overrides: new Map([['batchBytesMax', '500']]) }]);
    await kit.bind('s', 't', { destinationKind: 'stream' });
    await kit.produce('s', ['small', 'x'.repeat(600), 'last']);
    await kit.settle();
    expect(await kit.values('t')).toEqual(['small', 'last']);
    const [pump] = kit.crossing.bindings.pumps;
    expect([pump!.position, pump!.counters.unroutable]).toEqual([3, 1]);
  });

  it('stays where it is while its target fails, and tries again', async () => {
    await start();
    await kit.queue('q');
    await kit.bind('s', 'q');
    const { queues } = kit;
    const publish = queues.publish.bind(queues);
    queues.publish = () => {
      throw new Error('no');
    };
    await kit.produce('s', ['0']);
    await kit.settle();
    queues.publish = publish;
    expect(await kit.bodies('q')).toEqual([]);
    kit.base.clock.advance(1000);
    expect(await kit.bodies('q')).toEqual(['0']);
  });
});

describe('a stream bound to an exchange', () => {
  it('is routed by its keys and headers', async () => {
    await start();
    const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
    const { exchanges } = kit.exchanges;
    await exchanges.declare('', 'x', { type: 'topic', ...flags });
    for (const [queue, routingKey] of Object.entries({ a: 'order.*', b: '#' })) {
      await kit.queue(queue);
      await exchanges.bind({
        namespace: '',
        source: 'x',
        destination: queue,
        destinationKind: 'queue',
        routingKey,
        arguments: {},
      });
    }
    await kit.bind('s', 'x', { destinationKind: 'exchange' });
    await kit.produce('s', [
      { key: Buffer.from('order.created'), value: Buffer.from('0') },
      { key: Buffer.from('user.created'), value: Buffer.from('1') },
    ]);
    expect(await kit.bodies('a')).toEqual(['0']);
    expect(await kit.bodies('b')).toEqual(['0', '1']);
    expect(kit.crossing.bindings.pumps[0]!.counters).toEqual({
      records: 2,
      unroutable: 0,
      skipped: 0,
    });
  });

  it('reaches live subscribers, once', async () => {
    await start(['s', 't']);
    const { exchanges } = kit.exchanges;
    const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
    await exchanges.declare('', 'x', { type: 'topic', ...flags });
    const seen: string[] = [];
    const receiver = {
      receive: (draft: MessageDraft) => {
        seen.push(draft.more.join(''));
        return 1;
      },
    };
    exchanges.subscribe('', receiver, 'owner').bind('x', '#', 'tag');
    // A stream behind the exchange makes the pump wait in the middle of a record.
    const more = { namespace: '', source: 'x', routingKey: '#', arguments: {} };
    await exchanges.bind({ ...more, destination: 't', destinationKind: 'stream' });
    await kit.bind('s', 'x', { destinationKind: 'exchange' });
    await kit.produce('s', numbers(0, 3));
    await kit.settle();
    expect([seen, await kit.values('t')]).toEqual([numbers(0, 3), numbers(0, 3)]);
    expect(kit.crossing.bindings.pumps[0]!.counters).toMatchObject({ records: 3, unroutable: 0 });
  });

  it('goes on to other streams, but never round in a circle', async () => {
    await start(['s', 't']);
    const flags = { durable: true, autoDelete: false, internal: false, declared: {} };
    const { exchanges } = kit.exchanges;
    await exchanges.declare('', 'x', { type: 'fanout', ...flags });
    for (const [destination, destinationKind] of [
      ['s', 'stream'],
      ['t', 'stream'],
      ['q', 'queue'],
    ] as const) {
      if (destinationKind === 'queue') await kit.queue(destination);
      const more = { namespace: '', source: 'x', routingKey: '', arguments: {} };
      await exchanges.bind({ ...more, destination, destinationKind });
    }
    await kit.bind('s', 'x', { destinationKind: 'exchange' });
    await kit.bind('t', 's', { destinationKind: 'stream' });
    await kit.produce('s', ['v']);
    await kit.settle();
    // s → t → s → … : the record is stopped on its way, after eight streams.
    expect(await kit.values('s')).toHaveLength(5);
    expect(await kit.values('t')).toHaveLength(4);
    expect(await kit.bodies('q')).toHaveLength(5);
  });
});

describe.each(['memory', 'file'] as const)('over a restart on the %s engine', (engine) => {
  async function startOn(): Promise<void> {
    kit = await CrossingKit.open(engine === 'file' ? { engine } : {});
    await kit.base.streams.create({ name: 's' });
  }

  it.each([false, true])('a cursor goes on where it was (crash: %s)', async (crash) => {
    await startOn();
    await kit.queue('q');
    await kit.bind('s', 'q');
    await kit.produce('s', numbers(0, 3));
    await kit.settle();
    kit = await kit.restart({ crash: crash && engine === 'memory' });
    await kit.produce('s', numbers(3, 5));
    await kit.settle();
    const pump = kit.crossing.bindings.pumps[0]!;
    expect([pump.position, pump.counters.records]).toEqual([5, 2]);
    kit = await kit.restart();
    expect(await kit.bodies('q')).toEqual(numbers(0, 5));
    expect(kit.crossing.bindings.pumps[0]!.counters.records).toBe(0);
  });

  it('a cursor of a queue that is gone starts anew with the next one', async () => {
    await startOn();
    const queue = await kit.queue('q', {}, false);
    await kit.bind('s', 'q');
    await kit.produce('s', ['0']);
    await kit.settle();
    expect(queue.readyCount).toBe(1);
    kit = await kit.restart();
    expect(kit.crossing.bindings.pumps).toEqual([]);
    await kit.queue('q', {}, false);
    await kit.bind('s', 'q');
    await kit.produce('s', ['1']);
    expect(await kit.bodies('q')).toEqual(['1']);
  });
});
