import { describe, expect, it } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import { deferred } from '../../lib/deferred.ts';
import type { Consumer, Queue } from '../../queue/queue.ts';
import type { Group } from '../../topic/topic.ts';
import { type AutoscaleOptions, autoscale } from './autoscale.ts';

function fakeConsumer() {
  const closed = deferred<void>();
  const consumer = {
    running: 0,
    concurrency: 1,
    setConcurrency(concurrency: number) {
      consumer.concurrency = concurrency;
    },
    closed: closed.promise,
    end: closed.resolve,
  };
  return consumer;
}

function start(options: Partial<AutoscaleOptions> = {}) {
  const clock = new ManualClock();
  const consumer = fakeConsumer();
  const state = { waiting: 0, looks: 0 };
  const of = (): number => {
    state.looks += 1;
    return state.waiting;
  };
  const all = { of, max: 10, lag: 10, interval: '1s', clock, ...options } as const;
  const scaler = autoscale(consumer as unknown as Consumer, all);
  return { clock, consumer, state, scaler };
}

describe('autoscale', () => {
  it('adds handlers at once, up to the most', async () => {
    const { clock, consumer, state, scaler } = start();
    state.waiting = 35;
    await clock.advance('1s');
    expect(consumer.concurrency).toBe(4);
    expect(scaler.waiting).toBe(35);
    state.waiting = 1_000_000;
    await clock.advance('1s');
    expect(consumer.concurrency).toBe(10);
  });

  it('takes handlers away only after several looks, and keeps those for the busiest of them', async () => {
    const { clock, consumer, state } = start();
    consumer.concurrency = 8;
    await settled();
    state.waiting = 30;
    await clock.advance('1s');
    expect(consumer.concurrency).toBe(8);
    state.waiting = 0;
    await clock.advance('1s');
    expect(consumer.concurrency).toBe(3);
    await clock.advance('3s');
    expect(consumer.concurrency).toBe(1);
  });

  it('begins to count anew when there is more to do in between', async () => {
    const { clock, consumer, state } = start();
    consumer.concurrency = 4;
    await clock.advance('2s');
    state.waiting = 40;
    await clock.advance('1s');
    state.waiting = 0;
    await clock.advance('2s');
    expect(consumer.concurrency).toBe(4);
    await clock.advance('1s');
    expect(consumer.concurrency).toBe(1);
  });

  it('takes no handler away that is busy', async () => {
    const { clock, consumer } = start();
    consumer.concurrency = 6;
    consumer.running = 5;
    await clock.advance('10s');
    expect(consumer.concurrency).toBe(5);
  });

  it('tells of changes, and of engines that do not answer', async () => {
    const changes: object[] = [];
    const errors: unknown[] = [];
    let waiting: number | Error = 20;
    const { clock } = start({
      of: () => {
        if (waiting instanceof Error) throw waiting;
        return waiting;
      },
      onScale: (change) => changes.push(change),
      onError: (error) => errors.push(error),
    });
    await settled();
    waiting = new Error('down');
    await clock.advance('1s');
    expect(changes).toEqual([{ from: 1, to: 2, waiting: 20 }]);
    expect(errors).toEqual([waiting]);
  });

  it('asks queues for what is ready, and groups for their lag', async () => {
    const queue = { stats: async () => ({ ready: 25 }) } as unknown as Queue;
    expect(start({ of: queue }).scaler).toBeDefined();
    const first = start({ of: queue });
    const group = { lag: async () => ({ total: 45, partitions: {} }) };
    const second = start({ of: group as unknown as Group });
    await settled();
    expect([first.consumer.concurrency, second.consumer.concurrency]).toEqual([3, 5]);
  });

  it('knows what a consumer is of', async () => {
    const driver = new MemoryDriver();
    const mq = createClient(driver);
    const images = mq.queue('images');
    const placed = mq.topic('placed').group('billing');
    const work = async (): Promise<void> => new Promise(() => {});
    const [first, second] = [images.consume(work, { prefetch: 0 }), placed.consume(work)];
    for (let at = 0; at < 35; at += 1) {
      await images.send(at);
      await mq.topic('placed').publish(at);
    }
    const scalers = [first, second].map((each) =>
      autoscale(each, { max: 10, lag: 10, clock: driver.clock }),
    );
    await Promise.all(scalers.map((each) => each.look()));
    expect(scalers.map(({ waiting }) => waiting)).toEqual([34, 35]);
    expect([first.concurrency, second.concurrency]).toEqual([4, 4]);
    expect(() => autoscale(fakeConsumer() as unknown as Consumer, { max: 2 })).toThrow(/of/);
    void mq.close({ drain: 0 });
    await driver.clock.advance(1);
  });

  it('ends with its consumer, or when it is told', async () => {
    const { clock, consumer, state, scaler } = start();
    await clock.advance('1s');
    consumer.end();
    await settled();
    const { looks } = state;
    await clock.advance('1h');
    expect(state.looks).toBe(looks);
    expect(clock.timers).toBe(0);

    const other = start();
    await settled();
    other.scaler.stop();
    await other.clock.advance('1h');
    expect(other.state.looks).toBe(1);
    expect(scaler.waiting).toBe(0);
  });

  it('refuses numbers without a meaning', () => {
    expect(() => start({ min: 0 })).toThrow(/min/);
    expect(() => start({ min: 5, max: 4 })).toThrow(/max/);
    expect(() => start({ lag: 0 })).toThrow(/lag/);
  });
});
