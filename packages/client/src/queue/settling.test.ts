import { expect, test } from 'vitest';
import { createClient } from '../client/create-client.ts';
import { settled } from '../driver/testing/manual-clock.ts';
import { MemoryDriver } from '../driver/testing/memory-driver.ts';
import type { Interceptor } from '../message/interceptor.ts';
import type { QueueOptions } from './queue.ts';

const FAILING: Interceptor = {
  name: 'counts',
  settled() {
    throw new Error('the counter is broken');
  },
};

function setUp(options: QueueOptions<number> = {}) {
  const driver = new MemoryDriver();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const mq = createClient(driver, { random: () => 0, onError });
  return { driver, clock: driver.clock, mq, queue: mq.queue<number>('q', options), errors };
}

test.each([
  ['returns', (seen: number[], data: number) => void seen.push(data)],
  ['answers with a promise', async (seen: number[], data: number) => void seen.push(data)],
])(
  'an interceptor whose `settled` throws is reported and stops nothing: the handler %s',
  async (_, handle) => {
    const counted: string[] = [];
    const second: Interceptor = { name: 'b', settled: ({ id }) => void counted.push(id) };
    const { queue, errors } = setUp({ interceptors: [FAILING, second] });
    const seen: number[] = [];
    const consumer = queue.consume(({ data }) => handle(seen, data));
    for (const data of [1, 2, 3]) await queue.send(data, { id: `m${data}` });
    await settled();
    expect(seen).toEqual([1, 2, 3]);
    expect(counted).toEqual(['m1', 'm2', 'm3']);
    expect(consumer.running).toBe(0);
    expect(errors).toHaveLength(3);
    expect(await queue.stats()).toMatchObject({ ready: 0, leased: 0 });
  },
);

test('a client that cannot even report goes on', async () => {
  const driver = new MemoryDriver();
  const onError = (): void => {
    throw new Error('the log is full');
  };
  const mq = createClient(driver, { interceptors: [FAILING], onError });
  const queue = mq.queue<number>('q');
  const warned = new Promise((resolve) => process.once('warning', resolve));
  await queue.send(1);
  await (await queue.receive())!.ack();
  expect(await warned).toMatchObject({ message: 'the log is full' });
});
