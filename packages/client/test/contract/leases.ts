/** Leases: what happens to messages whose receiver falls silent. */
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/message/wire-message.ts';
import { CLOCKS_MS } from './settling.ts';
import {
  codeOf,
  drain,
  eventually,
  expectNothingBefore,
  facts,
  gate,
  inTime,
  QUICK,
  type Stage,
  take,
} from './stage.ts';

export function describeLeases(stage: Stage): void {
  /** Without a time there are no leases to lose but with the connection. */
  if (stage.client.driver.queues?.extend === undefined) return;
  const lease = stage.leaseMs;

  describe('leases', () => {
    it('give a message to the next one when they end, and count that', async () => {
      const queue = stage.queue({ lease });
      await queue.send('forgotten');
      const takenMs = stage.client.clock.nowMs();
      const first = await take(queue);
      const second = await take(queue);
      expect(stage.client.clock.nowMs()).toBeGreaterThanOrEqual(takenMs + lease - CLOCKS_MS);
      expect(facts(second)).toMatchObject({ id: first.id, retryCount: 1 });
      await second.ack();
      await expectNothingBefore(queue, 'it was acknowledged');
    });

    it('tell who comes too late, and keep the message with the other one', async () => {
      const queue = stage.queue({ lease });
      await queue.send('slow');
      const first = await take(queue);
      const second = await take(queue);
      expect(await codeOf(() => first.ack())).toBe('lease-lost');
      await second.nack({ delay: 0, reason: 'still there' });
      expect((await drain(queue, 1))[0]?.errors[0]?.message).toBe('still there');
    });

    it('refuse to be extended when they were lost', async () => {
      const queue = stage.queue({ lease });
      await queue.send('slow');
      const first = await take(queue);
      const second = await take(queue);
      expect(await codeOf(() => first.extend())).toBe('lease-lost');
      await second.ack();
    });

    it('last longer when they are extended', async () => {
      const queue = stage.queue({ lease });
      await queue.send('mine for longer');
      const first = await take(queue);
      const extendedMs = stage.client.clock.nowMs();
      await first.extend(lease * 3);
      const second = await take(queue);
      expect(stage.client.clock.nowMs()).toBeGreaterThanOrEqual(extendedMs + lease * 3 - CLOCKS_MS);
      expect(second.id).toBe(first.id);
      await second.ack();
    });

    it('are extended by consumers as long as the handler runs, and while a message waits', async () => {
      // Twice the shortest: a machine that is busy elsewhere must find the time to extend it.
      const longer = lease * 2;
      const queue = stage.queue<number>({ lease: longer });
      const handled: number[] = [];
      const consumer = queue.consume(
        async (message) => {
          handled.push(message.data);
          // The one that is handled, and the ones behind it, outlast their first lease twice.
          if (message.data === 0) await new Promise((resolve) => setTimeout(resolve, longer * 2.5));
          expect(message.retryCount).toBe(0);
        },
        { concurrency: 1, prefetch: 5 },
      );
      await consumer.ready();
      await queue.sendBatch([{ data: 0 }, { data: 1 }, { data: 2 }]);
      const other = (await stage.connect()).queue<number>(queue.name, {
        lease: longer,
        retry: QUICK,
      });
      await eventually('all were handled', () => handled.length >= 3);
      await consumer.close();
      expect(handled.toSorted()).toEqual([0, 1, 2]);
      await expectNothingBefore(other, 'all were acknowledged');
    });

    it('are no longer extended beyond the longest time, and the handler is told', async () => {
      const queue = stage.queue({ lease, leaseMax: lease * 1.5, retry: { max: 5, base: 0 } });
      const aborted = gate();
      let calls = 0;
      const consumer = queue.consume(
        async (message) => {
          calls += 1;
          if (calls > 1) return;
          message.signal.addEventListener('abort', () => aborted.open());
          await aborted.promise;
        },
        { concurrency: 2, onError: () => {} },
      );
      await queue.send('hangs');
      await inTime('the signal of the handler that hangs', aborted.promise);
      await eventually('another one handles it', () => calls === 2);
      await consumer.close();
    });

    it('report deliveries of a subscription that were lost', async () => {
      const queue = stage.queue({ lease });
      await queue.ready();
      const driver = stage.client.driver.queues!;
      const [came, lost] = [[] as Delivery[], [] as Delivery[]];
      const subscription = await driver.subscribeQueue(
        queue.name,
        { prefetch: 1, leaseMs: lease },
        {
          deliver: (deliveries) => void came.push(...deliveries),
          lost: (deliveries) => void lost.push(...deliveries),
          ended: () => {},
        },
      );
      await queue.send('left alone');
      await eventually('it came', () => came.length >= 1);
      await eventually('it was lost', () => lost.length >= 1);
      expect(lost[0]).toBe(came[0]);
      await eventually('it came again', () => came.length >= 2);
      expect(came[1]?.id).toBe(came[0]?.id);
      expect(came[1]?.redeliveries).toBeGreaterThanOrEqual(1);
      await subscription.close();
    });

    it('bury a message that nobody ever answers', async () => {
      const queue = stage.queue({ lease, retry: { max: 1, base: 0 } });
      await queue.send('kills its worker');
      await take(queue);
      await take(queue);
      let calls = 0;
      const consumer = queue.consume(() => {
        calls += 1;
      });
      const letter = await eventually('it is dead', async () => {
        return (await queue.deadLetters.list())[0];
      });
      expect(letter).toMatchObject({ data: 'kills its worker', queue: queue.name });
      expect(letter.reason).toBeTruthy();
      expect(calls).toBe(0);
      await consumer.close();
    });
  });
}
