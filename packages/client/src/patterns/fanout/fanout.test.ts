import { describe, expect, it } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { MemoryDriver } from '../../driver/testing/memory-driver.ts';
import { fanout } from './fanout.ts';

describe('a fan-out', () => {
  it('puts a copy of everything published into each of the queues', async () => {
    const mq = createClient(new MemoryDriver());
    const topic = mq.topic<{ n: number }>('placed');
    const payments = mq.queue<{ n: number }>('payments');
    await fanout(mq, topic).to(payments, 'inventory');
    await topic.publish({ n: 1 });
    expect((await payments.receive())?.data).toEqual({ n: 1 });
    expect((await mq.queue('inventory').receive())?.data).toEqual({ n: 1 });
  });

  it('refuses an engine that cannot', () => {
    const mq = createClient(new MemoryDriver({ without: ['fanout'] }));
    expect(() => fanout(mq, 'placed')).toThrow(/fanout/);
  });
});
