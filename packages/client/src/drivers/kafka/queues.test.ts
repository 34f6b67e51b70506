import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import type { Delivery } from '../../message/wire-message.ts';
import type { KafkaProducer } from './producer.ts';
import type { Taker } from './queue-share.ts';
import { KafkaQueues } from './queues.ts';
import type { Wire } from './wire.ts';

/** Queues whose share has `deliveries` for whoever comes, and has looked at everything at once. */
function start(deliveries: Delivery[]) {
  const clock = new ManualClock();
  const takers = new Set<Taker>();
  const wire = {
    options: { clock, timeoutMs: 1_000 },
    retry: (_what: string, operation: () => Promise<unknown>) => operation(),
    metadata: async () => ({ topics: new Map([['q', {}]]) }),
  };
  const queues = new KafkaQueues({
    wire: wire as unknown as Wire,
    producer: {} as KafkaProducer,
    partitions: 1,
    onDeleted: async () => {},
  });
  const share = {
    add: (taker: Taker) => {
      takers.add(taker);
      if (deliveries.length > 0) queueMicrotask(() => taker.give(deliveries));
    },
    remove: (taker: Taker) => takers.delete(taker),
    start: async () => {},
    caughtUp: async () => {},
  };
  queues.shareOf = () => share as unknown as ReturnType<KafkaQueues['shareOf']>;
  return { clock, queues, takers };
}

const someDelivery = {} as Delivery;
const request = { max: 1, waitMs: 20_000, leaseMs: 1_000 };

test('a receive that got something leaves no timer and no listener', async () => {
  const { clock, queues, takers } = start([someDelivery]);
  const { signal } = new AbortController();
  for (let n = 0; n < 5; n += 1) {
    expect(await queues.receive('q', { ...request, signal })).toEqual([someDelivery]);
  }
  await settled();
  expect([clock.timers, takers.size, getEventListeners(signal, 'abort').length]).toEqual([0, 0, 0]);
});

test('a receive that waited in vain leaves nothing either', async () => {
  const { clock, queues, takers } = start([]);
  const { signal } = new AbortController();
  const received = queues.receive('q', { ...request, signal });
  await clock.advance(20_000);
  expect(await received).toEqual([]);
  expect([clock.timers, takers.size, getEventListeners(signal, 'abort').length]).toEqual([0, 0, 0]);
});

test('a receive ends at once when it is aborted', async () => {
  const { clock, queues, takers } = start([]);
  const aborting = new AbortController();
  const { signal } = aborting;
  const received = queues.receive('q', { ...request, signal });
  await settled();
  aborting.abort();
  expect(await received).toEqual([]);
  await settled();
  expect([clock.timers, takers.size]).toEqual([0, 0]);
});
