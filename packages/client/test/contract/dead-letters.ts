/** Dead letters: looking without effect, and moving back. */

import type { Queue } from '@polymq/client';
import { describe, expect, it } from 'vitest';
import { drain, eventually, expectNothingBefore, facts, type Stage, take } from './stage.ts';

export function describeDeadLetters(stage: Stage): void {
  /** Kills a message for each of the numbers, in this order. */
  async function kill(queue: Queue<number>, numbers: readonly number[]): Promise<void> {
    for (const data of numbers) {
      await queue.send(data, { key: `key-${data}`, type: 'T', headers: { n: `${data}` } });
      await (await take(queue)).reject(`number ${data}`);
    }
    await eventually('all are dead', async () => {
      const letters = await queue.deadLetters.list({ limit: 1000 });
      return letters.length === numbers.length;
    });
  }

  const data = (letters: readonly { data: unknown }[]): number[] =>
    letters.map((letter) => Number(letter.data)).toSorted((a, b) => a - b);

  describe('dead letters', () => {
    it('are none at first', async () => {
      const queue = stage.queue();
      expect(queue.deadLetters.name).toBe(`${queue.name}-dlq`);
      expect(await queue.deadLetters.list()).toEqual([]);
      expect(await queue.deadLetters.redrive()).toBe(0);
    });

    it('are listed as often as one likes, and stay', async () => {
      const queue = stage.queue<number>();
      await kill(queue, [1, 2, 3]);
      for (let count = 0; count < 3; count += 1) {
        expect(data(await queue.deadLetters.list())).toEqual([1, 2, 3]);
      }
      expect((await queue.deadLetters.stats()).ready).toBe(3);
      const letters = stage.client.queue<number>(queue.deadLetters.name!, {
        declare: false,
        deadLetter: false,
      });
      expect(data(await drain(letters, 3))).toEqual([1, 2, 3]);
    });

    it('are listed with what they were sent with, and where, when and why they died', async () => {
      const queue = stage.queue<number>();
      const beforeMs = stage.client.clock.nowMs();
      await kill(queue, [7]);
      const [letter] = await queue.deadLetters.list();
      expect(letter).toMatchObject({
        data: 7,
        key: 'key-7',
        type: 'T',
        headers: { n: '7' },
        queue: queue.name,
        redriven: 0,
      });
      expect(letter?.reason).toContain('number 7');
      expect(letter?.diedAt).toBeGreaterThanOrEqual(beforeMs);
      expect(letter?.timestamp).toBeLessThanOrEqual(letter?.diedAt ?? 0);
      expect(Buffer.from(letter!.body).toString()).toBe('7');
    });

    it('are listed by a condition, and up to a limit', async () => {
      const queue = stage.queue<number>();
      await kill(queue, [1, 2, 3, 4, 5]);
      const odd = await queue.deadLetters.list({
        where: (letter) => Number(letter.data) % 2 === 1,
      });
      expect(data(odd)).toEqual([1, 3, 5]);
      expect(await queue.deadLetters.list({ limit: 2 })).toHaveLength(2);
    });

    it('go back all together, marked, with their retries before them', async () => {
      const queue = stage.queue<number>({ retry: { max: 1, backoff: 'fixed', base: 0 } });
      await queue.send(1, { key: 'k', type: 'T', headers: { a: 'b' } });
      await (await take(queue)).nack({ delay: 0, reason: 'one' });
      await (await take(queue)).nack({ delay: 0, reason: 'two' });
      await eventually('it is dead', async () => (await queue.deadLetters.list()).length === 1);
      expect(await queue.deadLetters.redrive()).toBe(1);
      const again = await take(queue);
      expect(facts(again)).toMatchObject({
        data: 1,
        key: 'k',
        type: 'T',
        headers: { a: 'b' },
        retryCount: 0,
        errors: [],
        redriven: 1,
      });
      expect(await queue.deadLetters.list()).toEqual([]);
      await again.reject('once more');
      await eventually('it is dead again', async () => (await queue.deadLetters.list())[0]);
      expect((await queue.deadLetters.list())[0]?.redriven).toBe(1);
      await queue.deadLetters.redrive();
      const last = await take(queue);
      expect(last.redriven).toBe(2);
      await last.ack();
    });

    it('go back by a condition; the others stay', async () => {
      const queue = stage.queue<number>();
      await kill(queue, [1, 2, 3, 4, 5, 6]);
      const moved = await queue.deadLetters.redrive({
        where: (letter) => letter.reason?.includes('2') === true || letter.data === 5,
      });
      expect(moved).toBe(2);
      expect(data(await drain(queue, 2))).toEqual([2, 5]);
      await expectNothingBefore(queue, 'two were redriven');
      await eventually('four are left', async () => {
        const letters = await queue.deadLetters.list();
        return letters.length === 4 && data(letters).join() === '1,3,4,6';
      });
    });

    it('go back up to a limit', async () => {
      const queue = stage.queue<number>();
      await kill(queue, [1, 2, 3, 4]);
      expect(await queue.deadLetters.redrive({ limit: 3 })).toBe(3);
      await drain(queue, 3);
      await eventually('one is left', async () => (await queue.deadLetters.list()).length === 1);
    });

    it('go to another queue if that is asked for', async () => {
      const [queue, other] = [stage.queue<number>(), stage.queue<number>()];
      await other.ready();
      await kill(queue, [1, 2]);
      expect(await queue.deadLetters.redrive({ to: other.name })).toBe(2);
      expect(data(await drain(other, 2))).toEqual([1, 2]);
      await expectNothingBefore(queue, 'they went elsewhere');
    });

    it('go back to where they died when several queues share a dead-letter queue', async () => {
      const shared = `${stage.queue().name}-shared`;
      const [a, b] = [
        stage.queue<number>({ deadLetter: shared }),
        stage.queue<number>({ deadLetter: shared }),
      ];
      for (const [queue, n] of [[a, 1] as const, [b, 2] as const]) {
        await queue.send(n);
        await (await take(queue)).reject('no');
      }
      await eventually('both are dead', async () => (await a.deadLetters.list()).length === 2);
      expect(await a.deadLetters.redrive()).toBe(2);
      expect(data(await drain(a, 1))).toEqual([1]);
      expect(data(await drain(b, 1))).toEqual([2]);
    });

    it('can be purged', async () => {
      const queue = stage.queue<number>();
      await kill(queue, [1, 2, 3]);
      const count = await queue.deadLetters.purge();
      expect([3, undefined]).toContain(count);
      await eventually('they are gone', async () => (await queue.deadLetters.list()).length === 0);
    });

    if (!stage.has('peek')) return;
    it('are looked at in order, without a lease', async () => {
      const queue = stage.queue<number>();
      await queue.sendBatch([{ data: 1 }, { data: 2 }, { data: 3 }]);
      const driver = stage.client.driver.queues!;
      const peeked = await eventually('three are to be seen', async () => {
        const messages = await driver.peek(queue.name, 10);
        return messages.length === 3 && messages;
      });
      expect(peeked.map(({ body }) => Number(Buffer.from(body).toString()))).toEqual([1, 2, 3]);
      expect(await driver.peek(queue.name, 2)).toHaveLength(2);
      const messages = await drain(queue, 3);
      expect(messages.map((message) => message.retryCount)).toEqual([0, 0, 0]);
      await expect(driver.peek(`${queue.name}-missing`, 1)).rejects.toMatchObject({
        code: 'not-found',
      });
    });
  });
}
