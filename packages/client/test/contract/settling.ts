/** What becomes of a message: acknowledged, tried again, dead. */
import { type DeadLetter, PolymqError, type Queue } from '@polymq/client';
import { describe, expect, it } from 'vitest';
import {
  drain,
  eventually,
  expectNothingBefore,
  facts,
  QUICK,
  type Stage,
  take,
  uniqueName,
} from './stage.ts';

export function describeSettling(stage: Stage): void {
  describe('settling', () => {
    it('removes what is acknowledged for good', async () => {
      const client = await stage.connect();
      const queue = stage.queue({}, client);
      await queue.send('done');
      await (await take(queue)).ack();
      await client.close();
      await expectNothingBefore(stage.client.queue(queue.name), 'it was acknowledged');
    });

    it('does nothing the second time', async () => {
      const queue = stage.queue();
      await queue.send('once');
      const message = await take(queue);
      await message.ack();
      await message.ack();
      await message.nack({ delay: 0 });
      await message.reject('too late');
      await expectNothingBefore(queue, 'it was acknowledged first');
      expect(await queue.deadLetters.list()).toEqual([]);
    });

    it('gives back at once what a client had when it closes', async () => {
      const client = await stage.connect();
      // Nobody has the patience to wait for the end of that.
      const queue = stage.queue({ lease: '10m' }, client);
      await queue.sendBatch([{ data: 'settled' }, { data: 'unsettled' }]);
      const [settled, left] = [await take(queue), await take(queue)];
      await settled.ack();
      await client.close({ drain: 0 });
      const again = stage.client.queue(queue.name, { lease: '10m', retry: QUICK });
      expect((await drain(again, 1))[0]?.data).toBe(left.data);
      await expectNothingBefore(again, 'the other one was acknowledged');
    });

    it('tries again after nack, with count and reason', async () => {
      const queue = stage.queue();
      await queue.send({ n: 1 }, { id: 'the-id', key: 'k', type: 'T', headers: { a: 'b' } });
      const first = await take(queue);
      const beforeMs = stage.client.clock.nowMs();
      await first.nack({ delay: 0, reason: new TypeError('the first reason') });
      const second = await take(queue);
      expect(facts(second)).toMatchObject({
        id: 'the-id',
        data: { n: 1 },
        key: 'k',
        type: 'T',
        headers: { a: 'b' },
        retryCount: 1,
        timestamp: first.timestamp,
        errors: [{ name: 'TypeError', message: 'the first reason' }],
      });
      expect(second.errors[0]?.at).toBeGreaterThanOrEqual(beforeMs);
      await second.nack({ delay: 0, reason: 'only text' });
      const third = await take(queue);
      expect(third.retryCount).toBe(2);
      expect(third.errors.map(({ message }) => message)).toEqual(['only text', 'the first reason']);
      await third.ack();
      await expectNothingBefore(queue, 'it was acknowledged');
    });

    it('waits at least as long as nack says', async () => {
      const queue = stage.queue();
      await queue.send('patience');
      const delayMs = stage.delay(3);
      const message = await take(queue);
      const nackedMs = stage.client.clock.nowMs();
      await message.nack({ delay: delayMs });
      const again = await take(queue);
      expect(stage.client.clock.nowMs()).toBeGreaterThanOrEqual(nackedMs + delayMs - CLOCKS_MS);
      expect(again.retryCount).toBe(1);
      await again.ack();
    });

    it('lets others pass while one waits for its retry', async () => {
      const queue = stage.queue();
      await queue.send('slow');
      await (await take(queue)).nack({ delay: stage.delay(4) });
      await queue.send('quick');
      expect((await drain(queue, 2)).map(({ data }) => data)).toEqual(['quick', 'slow']);
    });

    it('ends as a dead letter when nack comes after the last retry', async () => {
      const queue = stage.queue({ retry: { max: 1, base: 10 } });
      await queue.send('hopeless');
      await (await take(queue)).nack({ delay: 0, reason: 'one' });
      await (await take(queue)).nack({ delay: 0, reason: 'two' });
      const letter = await oneLetter(queue);
      expect(letter).toMatchObject({ data: 'hopeless', queue: queue.name });
      expect(letter.errors.map(({ message }) => message)).toEqual(['two', 'one']);
      await expectNothingBefore(queue, 'it is dead');
    });

    it('goes straight to the dead letters at reject', async () => {
      const queue = stage.queue();
      await queue.send('refused');
      const beforeMs = stage.client.clock.nowMs();
      await (await take(queue)).reject(new Error('not mine'));
      const letter = await oneLetter(queue);
      expect(letter).toMatchObject({ data: 'refused', queue: queue.name, redriven: 0 });
      expect(letter.reason).toContain('not mine');
      expect(letter.diedAt).toBeGreaterThanOrEqual(beforeMs);
      await expectNothingBefore(queue, 'it is dead');
    });
  });
  describeRetries(stage);
  describeDelivery(stage);
}

function describeRetries(stage: Stage): void {
  describe('retries', () => {
    it('come after each throw, then the message is a dead letter with the reason', async () => {
      const queue = stage.queue({ retry: { max: 3, backoff: 'fixed', base: 10 } });
      const counts: number[] = [];
      const consumer = queue.consume((message) => {
        counts.push(message.retryCount);
        throw new RangeError(`attempt ${counts.length}`);
      });
      await queue.send('poison', { key: 'k', headers: { a: 'b' } });
      const letter = await oneLetter(queue);
      expect(counts).toEqual([0, 1, 2, 3]);
      expect(letter).toMatchObject({
        data: 'poison',
        key: 'k',
        headers: { a: 'b' },
        queue: queue.name,
        retryCount: 4,
      });
      expect(letter.reason).toContain('attempt 4');
      expect(letter.errors.map(({ name, message }) => `${name}: ${message}`)).toEqual([
        'RangeError: attempt 4',
        'RangeError: attempt 3',
        'RangeError: attempt 2',
        'RangeError: attempt 1',
      ]);
      await consumer.close();
      await expectNothingBefore(queue, 'it is dead');
    });

    it('end with the attempt that succeeds', async () => {
      const queue = stage.queue();
      let attempts = 0;
      const consumer = queue.consume(() => {
        attempts += 1;
        if (attempts < 3) throw new Error('not yet');
      });
      await queue.send('third time lucky');
      await eventually('three attempts were made', () => attempts === 3);
      await consumer.close();
      expect(await queue.deadLetters.list()).toEqual([]);
      await expectNothingBefore(queue, 'it succeeded');
    });

    it('are none when that is what was asked for', async () => {
      const queue = stage.queue({ retry: false });
      let attempts = 0;
      const consumer = queue.consume(() => {
        attempts += 1;
        throw new Error('once is enough');
      });
      await queue.send(1);
      expect((await oneLetter(queue)).reason).toContain('once is enough');
      expect(attempts).toBe(1);
      await consumer.close();
    });

    it('wait for what a function of attempt and error says', async () => {
      const asked: [number, unknown][] = [];
      const backoff = (attempt: number, error: unknown): number => {
        asked.push([attempt, (error as Error).message]);
        return 10;
      };
      const queue = stage.queue({ retry: { max: 2, backoff } });
      const consumer = queue.consume((message) => {
        throw new Error(`failure ${message.retryCount}`);
      });
      await queue.send(1);
      await oneLetter(queue);
      expect(asked.slice(0, 2)).toEqual([
        [1, 'failure 0'],
        [2, 'failure 1'],
      ]);
      await consumer.close();
    });

    it('keep at most ten errors, the newest ones', async () => {
      const queue = stage.queue({ retry: { max: 12, backoff: 'fixed', base: 0 } });
      let attempts = 0;
      const consumer = queue.consume(() => {
        attempts += 1;
        throw new Error(`${attempts} ${'long '.repeat(500)}`);
      });
      await queue.send(1);
      const letter = await oneLetter(queue);
      expect(letter.errors).toHaveLength(10);
      expect(letter.errors.map(({ message }) => Number.parseInt(message, 10))).toEqual([
        13, 12, 11, 10, 9, 8, 7, 6, 5, 4,
      ]);
      for (const { message } of letter.errors) expect(message.length).toBeLessThanOrEqual(500);
      await consumer.close();
    });

    it('leave the other messages alone', async () => {
      const queue = stage.queue<number>();
      const done = new Set<number>();
      const consumer = queue.consume(
        (message) => {
          if (message.data % 5 === 0) throw new Error('a fifth of them is bad');
          done.add(message.data);
        },
        { concurrency: 4 },
      );
      await queue.sendBatch(Array.from({ length: 50 }, (_, data) => ({ data })));
      const letters = await eventually('ten are dead', async () => {
        const all = await queue.deadLetters.list({ limit: 100 });
        return all.length >= 10 && all;
      });
      expect(letters.map(({ data }) => Number(data)).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 10 }, (_, n) => n * 5),
      );
      await eventually('forty are done', () => done.size === 40);
      await consumer.close();
    });
  });
}

function describeDelivery(stage: Stage): void {
  describe('the delivery guarantee', () => {
    it('at-most-once: is acknowledged before the handler, whatever that does', async () => {
      const queue = stage.queue({ delivery: 'at-most-once' });
      let attempts = 0;
      const consumer = queue.consume(
        () => {
          attempts += 1;
          throw new Error('too bad');
        },
        { onError: () => {} },
      );
      await queue.send(1);
      await eventually('it was tried', () => attempts === 1);
      await consumer.close();
      await expectNothingBefore(queue, 'it was acknowledged');
      expect(attempts).toBe(1);
      expect(await queue.deadLetters.list()).toEqual([]);
    });

    it('effectively-once: is not handled again when its id was handled', async () => {
      const done = new Set<string>();
      const once = async (id: string, work: () => Promise<void>): Promise<boolean> => {
        if (done.has(id)) return false;
        await work();
        done.add(id);
        return true;
      };
      const queue = stage.queue({ delivery: { mode: 'effectively-once', once: { once } } });
      const seen: unknown[] = [];
      const consumer = queue.consume((message) => void seen.push(message.data));
      await queue.send('first', { id: 'twin' });
      await eventually('the first came', () => seen.length === 1);
      await queue.send('again', { id: 'twin' });
      await queue.send('other');
      await eventually('the other came', () => seen.length === 2);
      expect(seen).toEqual(['first', 'other']);
      await consumer.close();
      // Such a queue cannot be received from by hand: look at it in the usual way.
      const usual = (await stage.connect()).queue(queue.name);
      await expectNothingBefore(usual, 'the twin was acknowledged');
    });

    it('drops the dead when nobody wants them', async () => {
      const queue = stage.queue({ deadLetter: false, retry: false });
      expect(queue.deadLetters.name).toBeUndefined();
      await queue.send('drop me');
      await (await take(queue)).nack({ delay: 0 });
      await expectNothingBefore(queue, 'it was dropped');
    });

    it('uses the dead-letter queue that was named', async () => {
      const name = uniqueName('elsewhere');
      const queue = stage.queue({ deadLetter: name });
      expect(queue.deadLetters.name).toBe(name);
      await queue.send(1);
      await (await take(queue)).reject('for the other queue');
      expect(await oneLetter(queue)).toMatchObject({ data: 1 });
      const [message] = await drain(
        stage.client.queue(name, { declare: false, deadLetter: false }),
        1,
      );
      expect(message?.data).toBe(1);
    });

    it('never runs a handler after its client was closed', async () => {
      const client = await stage.connect();
      const queue = stage.queue({}, client);
      await client.close();
      await expect(queue.send(1)).rejects.toBeInstanceOf(PolymqError);
      await expect(queue.receive()).rejects.toMatchObject({ code: 'closed' });
      await expect(queue.send(1)).rejects.toMatchObject({ code: 'closed', retryable: false });
    });

    it('closes a client as often as one likes', async () => {
      const client = await stage.connect();
      await Promise.all([client.close(), client.close()]);
      await client.close();
      await client[Symbol.asyncDispose]();
    });
  });
}

/** Engines round times to whole ms, each in its way. */
export const CLOCKS_MS = 5;

/** The only dead letter of the queue. */
export function oneLetter<T>(queue: Queue<T>): Promise<DeadLetter<T>> {
  return eventually('there is one dead letter', async () => {
    const letters = await queue.deadLetters.list();
    return letters.length === 1 && letters[0];
  });
}
