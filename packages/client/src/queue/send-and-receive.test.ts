import { expect, test } from 'vitest';
import { createClient } from '../client/create-client.ts';
import { MemoryDriver } from '../driver/testing/memory-driver.ts';

test('what is sent is received with its data, and gone when it is acknowledged', async () => {
  const mq = createClient(new MemoryDriver());
  const queue = mq.queue<{ a: number }>('orders');
  const { id, duplicate } = await queue.send({ a: 1 }, { key: 'k', headers: { h: 'x' } });
  const message = await queue.receive();
  expect(message).toMatchObject({ id, data: { a: 1 }, key: 'k', headers: { h: 'x' } });
  expect(duplicate).toBe(false);
  await message!.ack();
  expect(await queue.stats()).toMatchObject({ ready: 0, leased: 0 });
});
