/** What queues are declared with, and what single messages are sent with: delays, priorities, order, expiry, limits. */
import { describe, expect, it } from 'vitest';
import { CLOCKS_MS, oneLetter } from './settling.ts';
import {
  codeOf,
  drain,
  errorOf,
  eventually,
  expectNothingBefore,
  facts,
  gate,
  QUICK,
  type Stage,
  take,
  uniqueName,
} from './stage.ts';

export function describeOptions(stage: Stage): void {
  describeDeclaring(stage);
  if (stage.has('delay')) describeDelays(stage);
  if (stage.has('priority')) describePriorities(stage);
  if (stage.has('fifo')) describeFifo(stage);
  if (stage.has('ttl')) describeExpiry(stage);
  if (stage.has('limit')) describeLimits(stage);
}

function describeDeclaring(stage: Stage): void {
  describe('declaring queues', () => {
    it('gives the same queue for the same name, and refuses other options', () => {
      const name = uniqueName('same');
      const queue = stage.client.queue(name, { retry: { max: 5 } });
      expect(stage.client.queue(name, { retry: { max: 5 } })).toBe(queue);
      expect(() => stage.client.queue(name, { retry: { max: 6 } })).toThrow(
        expect.objectContaining({ code: 'declared-otherwise' }),
      );
    });

    it('can be done by several clients at once', async () => {
      const name = uniqueName('shared');
      const clients = [stage.client, await stage.connect(), await stage.connect()];
      await Promise.all(clients.map((client) => client.queue(name).ready()));
      await clients[1]!.queue(name).send('hello');
      expect((await drain(clients[2]!.queue(name), 1))[0]?.data).toBe('hello');
    });

    it('fails for a queue that is not there and is not to be declared', async () => {
      const queue = stage.client.queue(uniqueName('missing'), { declare: false });
      expect(await codeOf(() => queue.send(1))).toBe('not-found');
    });

    it('uses a queue as it is when that is asked for', async () => {
      const queue = stage.queue();
      await queue.ready();
      const other = await stage.connect();
      const same = other.queue(queue.name, { declare: false });
      await same.send('found');
      expect((await drain(queue, 1))[0]?.data).toBe('found');
    });

    it('counts what waits', async () => {
      const queue = stage.queue();
      await queue.sendBatch([{ data: 1 }, { data: 2 }, { data: 3 }]);
      await eventually('three are ready', async () => (await queue.stats()).ready === 3);
      await drain(queue, 3);
      await eventually('none is ready', async () => (await queue.stats()).ready === 0);
    });

    it('removes what waits at purge', async () => {
      const queue = stage.queue();
      await queue.sendBatch([{ data: 1 }, { data: 2 }, { data: 3 }]);
      await eventually('three are ready', async () => (await queue.stats()).ready === 3);
      expect([3, undefined]).toContain(await queue.purge());
      await eventually('none is ready', async () => (await queue.stats()).ready === 0);
      await expectNothingBefore(queue, 'it was purged');
    });

    it('deletes a queue with its messages', async () => {
      const client = await stage.connect();
      const queue = stage.queue({}, client);
      await queue.send('gone');
      await queue.delete();
      const again = (await stage.connect()).queue(queue.name);
      await expectNothingBefore(again, 'the queue was deleted');
    });

    it('deletes a queue that is not there', async () => {
      await stage.client.driver.queues!.deleteQueue(uniqueName('missing'));
    });

    it('carries on with queues that do not last', async () => {
      const queue = stage.queue({ durable: false });
      await queue.send('for now');
      expect((await drain(queue, 1))[0]?.data).toBe('for now');
    });

    if (!stage.has('fifo')) return;
    it('refuses a queue that is there with other properties', async () => {
      const queue = stage.queue();
      await queue.ready();
      const other = await stage.connect();
      const otherwise = other.queue(queue.name, { fifo: true });
      expect(await codeOf(() => otherwise.ready())).toBe('declared-otherwise');
      expect(await codeOf(() => otherwise.send(1))).toBe('declared-otherwise');
    });
  });
}

function describeDelays(stage: Stage): void {
  describe('delays', () => {
    it('last at least as long as asked for', async () => {
      const queue = stage.queue();
      await queue.ready();
      const delayMs = stage.delay(4);
      const sentMs = stage.client.clock.nowMs();
      await queue.send('later', { delay: delayMs });
      const message = await take(queue);
      expect(stage.client.clock.nowMs()).toBeGreaterThanOrEqual(sentMs + delayMs - CLOCKS_MS);
      expect(facts(message)).toMatchObject({ data: 'later', retryCount: 0, headers: {} });
      await message.ack();
    });

    it('let messages come in the order in which they are due', async () => {
      const queue = stage.queue<string>();
      await queue.sendBatch([
        { data: 'third', delay: stage.delay(6) },
        { data: 'second', delay: stage.delay(3) },
        { data: 'first' },
      ]);
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual(['first', 'second', 'third']);
    });

    it('wake a consumer that waits', async () => {
      const queue = stage.queue();
      const came = gate<unknown>();
      const consumer = queue.consume((message) => came.open(message.data));
      await consumer.ready();
      await queue.send('later', { delay: stage.delay(2) });
      expect(await came.promise).toBe('later');
      await consumer.close();
    });

    it('keep everything else of the message', async () => {
      const queue = stage.queue();
      const options = { id: uniqueName('id'), key: 'k', type: 'T', headers: { a: 'ä' } };
      await queue.send({ n: 1 }, { ...options, correlationId: 'c', delay: stage.delay(1) });
      const [message] = await drain(queue, 1);
      expect(facts(message)).toMatchObject({ ...options, data: { n: 1 }, correlationId: 'c' });
    });

    it('hold back hundreds of messages, and lose none', async () => {
      const queue = stage.queue<number>();
      const items = Array.from({ length: 300 }, (_, data) => ({
        data,
        delay: stage.delay(1 + (data % 5)),
      }));
      await queue.sendBatch(items);
      const data = (await drain(queue, 300)).map((message) => message.data);
      expect(data.toSorted((a, b) => a - b)).toEqual(items.map((item) => item.data));
      await expectNothingBefore(queue, 'none came twice');
    });
  });
}

function describePriorities(stage: Stage): void {
  describe('priorities', () => {
    it('let higher ones overtake, and keep the order among equal ones', async () => {
      const queue = stage.queue<string>({ priorities: 5 });
      const items = [1, 5, 0, 3, 5, 1, 4, 0].map((priority, index) => ({
        data: `${priority}-${index}`,
        priority,
      }));
      await queue.sendBatch(items);
      await eventually('all wait', async () => (await queue.stats()).ready === items.length);
      expect((await drain(queue, items.length)).map(({ data }) => data)).toEqual([
        '5-1',
        '5-4',
        '4-6',
        '3-3',
        '1-0',
        '1-5',
        '0-2',
        '0-7',
      ]);
    });

    it('are zero for those that have none', async () => {
      const queue = stage.queue<string>({ priorities: 5 });
      await queue.send('none');
      await queue.send('one', { priority: 1 });
      expect((await drain(queue, 2)).map(({ data }) => data)).toEqual(['one', 'none']);
    });

    it('are there without being asked for', async () => {
      const queue = stage.queue<string>();
      await queue.send('low', { priority: 1 });
      await queue.send('high', { priority: 9 });
      expect((await drain(queue, 2)).map(({ data }) => data)).toEqual(['high', 'low']);
    });

    it('survive retries and redrives', async () => {
      const queue = stage.queue<string>({ priorities: 9 });
      await queue.send('urgent', { priority: 9 });
      await (await take(queue)).nack({ delay: 0 });
      await queue.send('usual', { priority: 1 });
      await eventually('both wait', async () => (await queue.stats()).ready === 2);
      const urgent = await take(queue);
      expect(urgent.data).toBe('urgent');
      await urgent.reject('for later');
      await oneLetter(queue);
      await queue.deadLetters.redrive();
      await eventually('both wait', async () => (await queue.stats()).ready === 2);
      expect((await drain(queue, 2)).map(({ data }) => data)).toEqual(['urgent', 'usual']);
    });

    it('have bounds', async () => {
      const queue = stage.queue({ priorities: 5 });
      expect(await codeOf(() => queue.send(1, { priority: 6 }))).toBe('invalid-argument');
      expect(await codeOf(() => queue.send(1, { priority: -1 }))).toBe('invalid-argument');
      const error = await errorOf(() => stage.queue({ priorities: 256 }));
      expect(error).toMatchObject({ code: 'invalid-argument' });
    });
  });
}

function describeFifo(stage: Stage): void {
  /** Sends to `keys` keys, handles with several consumers, and returns the order per key. */
  describe('fifo queues', () => {
    it('handle each key in order, one at a time, with many handlers and consumers', async () => {
      const queue = stage.queue<number>({ fifo: true });
      const options = { fifo: true, retry: QUICK };
      const other = (await stage.connect()).queue<number>(queue.name, options);
      const orders = new Map<string, number[]>();
      const busy = new Set<string>();
      const overlaps: string[] = [];
      let handled = 0;
      const handler = async (message: { key: string | undefined; data: number }) => {
        const key = message.key!;
        if (busy.has(key)) overlaps.push(key);
        busy.add(key);
        await new Promise((resolve) => setTimeout(resolve, message.data % 3));
        orders.set(key, [...(orders.get(key) ?? []), message.data]);
        busy.delete(key);
        handled += 1;
      };
      const consumers = [queue, other].map((each) => each.consume(handler, { concurrency: 5 }));
      const items = Array.from({ length: 120 }, (_, data) => ({ data, key: `key-${data % 6}` }));
      await queue.sendBatch(items);
      await eventually('all were handled', () => handled === items.length);
      await Promise.all(consumers.map((consumer) => consumer.close()));
      expect(overlaps).toEqual([]);
      for (const [key, order] of orders) {
        expect(order, key).toEqual(
          items.filter((item) => item.key === key).map(({ data }) => data),
        );
      }
    });

    it('do not let a key wait for another one', async () => {
      const queue = stage.queue<string>({ fifo: true });
      const bStarted = gate();
      const done: string[] = [];
      const consumer = queue.consume(
        async (message) => {
          if (message.data === 'a') await bStarted.promise;
          else bStarted.open();
          done.push(message.data);
        },
        { concurrency: 2 },
      );
      await queue.send('a', { key: 'a' });
      await queue.send('b', { key: 'b' });
      await eventually('both are done', () => done.length === 2);
      expect(done).toEqual(['b', 'a']);
      await consumer.close();
    });

    it('hold a key back while one of its messages is tried again', async () => {
      const queue = stage.queue<string>({ fifo: true, retry: { max: 3, base: stage.delay(1) } });
      const order: string[] = [];
      const consumer = queue.consume((message) => {
        order.push(`${message.data} ${message.retryCount}`);
        if (message.data === 'a1' && message.retryCount < 2) throw new Error('not yet');
      });
      await queue.sendBatch([
        { data: 'a1', key: 'a' },
        { data: 'a2', key: 'a' },
        { data: 'a3', key: 'a' },
      ]);
      await eventually('all were handled', () => order.includes('a3 0'));
      expect(order).toEqual(['a1 0', 'a1 1', 'a1 2', 'a2 0', 'a3 0']);
      await consumer.close();
    });

    it('go on with the key when one of its messages is dead', async () => {
      const queue = stage.queue<string>({ fifo: true, retry: { max: 1, base: 0 } });
      const done: string[] = [];
      const consumer = queue.consume((message) => {
        if (message.data === 'bad') throw new Error('never');
        done.push(message.data);
      });
      await queue.sendBatch([
        { data: 'bad', key: 'k' },
        { data: 'good', key: 'k' },
      ]);
      await eventually('the good one was handled', () => done.length === 1);
      expect(await oneLetter(queue)).toMatchObject({ data: 'bad', key: 'k' });
      await consumer.close();
    });

    it('give a received message back to its old place', async () => {
      const client = await stage.connect();
      const queue = stage.queue<number>({ fifo: true, lease: stage.leaseMs }, client);
      await queue.sendBatch([1, 2, 3].map((data) => ({ data, key: 'k' })));
      expect((await take(queue)).data).toBe(1);
      await client.close({ drain: 0 });
      const options = { fifo: true, lease: stage.leaseMs, retry: QUICK };
      const same = stage.client.queue<number>(queue.name, options);
      expect((await drain(same, 3)).map(({ data }) => data)).toEqual([1, 2, 3]);
    });
  });
}

function describeExpiry(stage: Stage): void {
  describe('expiry', () => {
    it('makes dead letters of what nobody got in time', async () => {
      const queue = stage.queue({ ttl: stage.delay(2) });
      await queue.send('stale', { key: 'k', headers: { a: 'b' } });
      const letter = await oneLetter(queue);
      expect(letter).toMatchObject({ data: 'stale', key: 'k', headers: { a: 'b' } });
      expect(letter.queue).toBe(queue.name);
      expect(letter.reason).toMatch(/expire/i);
      expect(await queue.receive({ wait: 50 })).toBeUndefined();
    });

    it('can be that of a single message', async () => {
      const queue = stage.queue<string>();
      await queue.send('stale', { ttl: stage.delay(2) });
      await queue.send('stays');
      expect(await oneLetter(queue)).toMatchObject({ data: 'stale' });
      expect((await drain(queue, 1))[0]?.data).toBe('stays');
    });

    it('does not touch what was received in time', async () => {
      const queue = stage.queue({ ttl: stage.delay(5) });
      await queue.send('kept');
      const message = await take(queue);
      await new Promise((resolve) => setTimeout(resolve, stage.delay(8)));
      await message.ack();
      expect(await queue.deadLetters.list()).toEqual([]);
    });

    it('lets the expired be redriven, and live', async () => {
      const queue = stage.queue<string>();
      await queue.send('stale', { ttl: stage.delay(2) });
      await oneLetter(queue);
      expect(await queue.deadLetters.redrive()).toBe(1);
      const message = await take(queue);
      expect(facts(message)).toMatchObject({ data: 'stale', redriven: 1 });
      await message.ack();
    });

    it('drops the expired when there is no dead-letter queue', async () => {
      const queue = stage.queue<string>({ ttl: stage.delay(2), deadLetter: false });
      await queue.send('stale');
      await eventually('it is gone', async () => (await queue.stats()).ready === 0);
      expect(await queue.receive({ wait: 50 })).toBeUndefined();
    });
  });
}

function describeLimits(stage: Stage): void {
  const limited = (overflow: 'reject' | 'drop-oldest' | 'block' | 'drop-lowest-priority') => ({
    limit: { messages: 3, overflow },
  });

  describe('limits', () => {
    it('reject what is too much, until there is room', async () => {
      const queue = stage.queue<number>(limited('reject'));
      for (let n = 1; n <= 3; n += 1) await queue.send(n);
      const error = await errorOf(() => queue.send(4));
      expect(error).toMatchObject({ code: 'queue-full', retryable: true });
      expect((await drain(queue, 1))[0]?.data).toBe(1);
      await eventually('there is room', async () => (await queue.stats()).ready === 2);
      await queue.send(5);
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual([2, 3, 5]);
    });

    it('say which of a batch were rejected', async () => {
      const queue = stage.queue<number>(limited('reject'));
      const outcomes = await queue.sendBatch([1, 2, 3, 4, 5].map((data) => ({ data })));
      const full = outcomes.filter(({ error }) => error !== undefined);
      expect(full.map(({ error }) => error?.code)).toEqual(full.map(() => 'queue-full'));
      expect(full.length).toBe(2);
      const data = (await drain(queue, 3)).map((message) => message.data);
      expect(data).toEqual([1, 2, 3]);
    });

    it('drop the oldest one into the dead letters', async () => {
      const queue = stage.queue<number>(limited('drop-oldest'));
      for (let n = 1; n <= 4; n += 1) await queue.send(n);
      const letter = await oneLetter(queue);
      expect(letter).toMatchObject({ data: 1, queue: queue.name });
      expect(letter.reason).toBeTruthy();
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual([2, 3, 4]);
    });

    it('let a sender wait until there is room', async () => {
      const queue = stage.queue<number>(limited('block'));
      for (let n = 1; n <= 3; n += 1) await queue.send(n);
      let sent = false;
      const fourth = queue.send(4).then(() => {
        sent = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(sent).toBe(false);
      await drain(queue, 1);
      await fourth;
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual([2, 3, 4]);
    });

    it('end the wait of a sender after its timeout', async () => {
      const queue = stage.queue<number>(limited('block'));
      for (let n = 1; n <= 3; n += 1) await queue.send(n);
      const error = await errorOf(() => queue.send(4, { timeout: 150 }));
      expect(error).toMatchObject({ retryable: true });
      expect(['queue-full', 'timeout']).toContain((error as { code: string }).code);
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual([1, 2, 3]);
      await expectNothingBefore(queue, 'the fourth was given up');
    });

    it('can be in bytes', async () => {
      const queue = stage.queue<Uint8Array>({ limit: { bytes: 10_000, overflow: 'reject' } });
      const body = Buffer.alloc(3000);
      let error: unknown;
      let stored = 0;
      for (; stored < 10 && error === undefined; stored += 1) {
        error = await queue.send(body).then(
          () => undefined,
          (reason: unknown) => reason,
        );
      }
      expect(error).toMatchObject({ code: 'queue-full' });
      expect(stored).toBeGreaterThanOrEqual(3);
    });

    if (!stage.has('drop-lowest-priority')) return;
    it('drop the least important one', async () => {
      const queue = stage.queue<string>({ ...limited('drop-lowest-priority'), priorities: 5 });
      await queue.send('five', { priority: 5 });
      await queue.send('one', { priority: 1 });
      await queue.send('three', { priority: 3 });
      await queue.send('four', { priority: 4 });
      expect(await oneLetter(queue)).toMatchObject({ data: 'one' });
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual(['five', 'four', 'three']);
    });

    it('drop the newcomer when it is the least important', async () => {
      const queue = stage.queue<string>({ ...limited('drop-lowest-priority'), priorities: 5 });
      for (const data of ['a', 'b', 'c']) await queue.send(data, { priority: 4 });
      await queue.send('zero', { priority: 0 });
      expect(await oneLetter(queue)).toMatchObject({ data: 'zero' });
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual(['a', 'b', 'c']);
    });
  });
}
