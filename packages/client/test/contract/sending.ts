/** Sending to queues: durable, per item, in order, with duplicates. */
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  drain,
  expectNothingBefore,
  facts,
  type Stage,
  take,
  uniqueName,
} from './stage.ts';

export function describeSending(stage: Stage): void {
  describe('sending', () => {
    it('answers with the id that the receiver sees', async () => {
      const queue = stage.queue<{ orderId: string }>();
      const sent = await queue.send({ orderId: '123' });
      const message = await take(queue);
      expect(sent).toEqual({ id: message.id, duplicate: false });
      expect(message.data).toEqual({ orderId: '123' });
      expect(facts(message)).toMatchObject({
        retryCount: 0,
        errors: [],
        redriven: 0,
        source: queue.name,
      });
      await message.ack();
    });

    it('makes ids that differ, and keeps one that was given', async () => {
      const queue = stage.queue();
      const first = await queue.send(1);
      const second = await queue.send(2);
      expect(first.id).not.toBe(second.id);
      await queue.send(3, { id: 'my-own' });
      const ids = (await drain(queue, 3)).map((message) => message.id);
      expect(ids.toSorted()).toEqual([first.id, second.id, 'my-own'].toSorted());
    });

    it('keeps every one of a thousand that are sent at the same time', async () => {
      const queue = stage.queue<number>();
      await queue.ready();
      const numbers = Array.from({ length: 1000 }, (_, index) => index);
      const sent = await Promise.all(numbers.map((number) => queue.send(number)));
      expect(new Set(sent.map(({ id }) => id)).size).toBe(1000);
      const received = new Set<number>();
      while (received.size < 1000) {
        const messages = await queue.receiveBatch({ max: 100, wait: '30s' });
        for (const { data } of messages) received.add(data);
        await Promise.all(messages.map((message) => message.ack()));
      }
      expect([...received].toSorted((a, b) => a - b)).toEqual(numbers);
    });

    it('forwards a received message with its data, headers, key and type', async () => {
      const [from, to] = [stage.queue(), stage.queue()];
      await from.send(
        { n: 1 },
        { headers: { colour: 'blue' }, key: 'k', type: 'Ordered', correlationId: 'c' },
      );
      const received = await take(from);
      await to.send(received);
      await received.ack();
      const forwarded = await take(to);
      expect(facts(forwarded)).toMatchObject({
        data: { n: 1 },
        headers: { colour: 'blue' },
        key: 'k',
        type: 'Ordered',
        source: to.name,
        retryCount: 0,
      });
      await forwarded.ack();
    });

    it('forwards without the attempts that failed before', async () => {
      const [from, to] = [stage.queue(), stage.queue()];
      await from.send('again');
      await (await take(from)).nack({ delay: 0, reason: new Error('first') });
      const second = await take(from);
      expect(second.retryCount).toBe(1);
      await to.send(second);
      await second.ack();
      const forwarded = await take(to);
      expect(facts(forwarded)).toMatchObject({ retryCount: 0, errors: [] });
      await forwarded.ack();
    });

    it('refuses what cannot be encoded, naming the queue', async () => {
      const queue = stage.queue();
      const cycle: { self?: unknown } = {};
      cycle.self = cycle;
      expect(await codeOf(() => queue.send(10n))).toBe('invalid-message');
      await expect(queue.send(cycle)).rejects.toThrow(queue.name);
      await expectNothingBefore(queue, 'nothing was to be sent');
    });

    it('refuses options without a meaning', async () => {
      const queue = stage.queue();
      const delay = stage.has('delay') ? 'invalid-argument' : 'unsupported';
      expect(await codeOf(() => queue.send(1, { delay: -1 }))).toBe(delay);
      const ttl = stage.has('ttl') ? 'invalid-argument' : 'unsupported';
      expect(await codeOf(() => queue.send(1, { ttl: Number.NaN }))).toBe(ttl);
      expect(await codeOf(() => queue.receive({ wait: -1 }))).toBe('invalid-argument');
    });

    it('keeps a queue apart from another one', async () => {
      const [a, b] = [stage.queue(), stage.queue()];
      await Promise.all([a.send('to a'), b.send('to b')]);
      expect((await drain(a, 1))[0]?.data).toBe('to a');
      expect((await drain(b, 1))[0]?.data).toBe('to b');
    });

    it('is seen by clients that connect later, and by other ones', async () => {
      const queue = stage.queue();
      await queue.send('hello');
      const later = (await stage.connect()).queue(queue.name);
      expect((await drain(later, 1))[0]?.data).toBe('hello');
    });
  });
  describeBatches(stage);
  describeDuplicates(stage);
}

function describeBatches(stage: Stage): void {
  describe('sending batches', () => {
    it('answers per item, in order', async () => {
      const queue = stage.queue();
      const items = [{ data: 'a', id: 'id-a' }, { data: 'b' }, { data: 'c', id: 'id-c' }];
      const outcomes = await queue.sendBatch(items);
      expect(outcomes).toHaveLength(3);
      expect(outcomes.map(({ duplicate, error }) => ({ duplicate, error }))).toEqual(
        Array(3).fill({ duplicate: false, error: undefined }),
      );
      const ids = new Map((await drain(queue, 3)).map(({ data, id }) => [data, id]));
      expect(outcomes.map(({ id }) => id)).toEqual([ids.get('a'), ids.get('b'), ids.get('c')]);
      expect(ids.get('a')).toBe('id-a');
    });

    it('stores the others when one cannot be sent', async () => {
      const queue = stage.queue();
      const outcomes = await queue.sendBatch([{ data: 1 }, { data: 10n }, { data: 3 }]);
      expect(outcomes.map(({ error }) => error?.code)).toEqual([
        undefined,
        'invalid-message',
        undefined,
      ]);
      const data = (await drain(queue, 2)).map((message) => message.data);
      expect(data.toSorted()).toEqual([1, 3]);
      await expectNothingBefore(queue, 'two messages were stored');
    });

    it('takes an empty one', async () => {
      expect(await stage.queue().sendBatch([])).toEqual([]);
    });

    it('stores a thousand items', async () => {
      const queue = stage.queue<number>();
      const numbers = Array.from({ length: 1000 }, (_, index) => index);
      const outcomes = await queue.sendBatch(numbers.map((data) => ({ data })));
      expect(outcomes.filter(({ error }) => error === undefined)).toHaveLength(1000);
      const received = new Set<number>();
      while (received.size < 1000) {
        const messages = await queue.receiveBatch({ max: 250, wait: '30s' });
        for (const { data } of messages) received.add(data);
        await Promise.all(messages.map((message) => message.ack()));
      }
      expect(received.size).toBe(1000);
    });

    it('keeps options per item', async () => {
      const queue = stage.queue();
      await queue.sendBatch([
        { data: 1, key: 'one', headers: { n: '1' }, type: 'One' },
        { data: 2, key: 'two', headers: { n: '2' }, type: 'Two' },
      ]);
      const messages = (await drain(queue, 2)).toSorted((a, b) => Number(a.data) - Number(b.data));
      expect(messages.map(facts)).toMatchObject([
        { key: 'one', headers: { n: '1' }, type: 'One' },
        { key: 'two', headers: { n: '2' }, type: 'Two' },
      ]);
    });
  });
}

function describeDuplicates(stage: Stage): void {
  if (!stage.has('dedupe')) return;
  /** Where the window needs a queue of its own kind (SQS), the SDK may ask for fifo. */
  const options = stage.has('fifo') ? { fifo: true } : {};
  describe('duplicates', () => {
    it('stores one of two with the same text, and says so', async () => {
      const queue = stage.queue(options);
      const first = await queue.send('a', { dedupe: 'order-1', key: 'k' });
      const second = await queue.send('b', { dedupe: 'order-1', key: 'k' });
      expect([first.duplicate, second.duplicate]).toEqual([false, true]);
      const [only] = await drain(queue, 1);
      expect(only?.data).toBe('a');
      await expectNothingBefore(queue, 'the second one is a duplicate');
    });

    it('says which of a batch were known', async () => {
      const queue = stage.queue(options);
      const outcomes = await queue.sendBatch([
        { data: 1, dedupe: 'x', key: 'k' },
        { data: 2, dedupe: 'y', key: 'k' },
        { data: 3, dedupe: 'x', key: 'k' },
        { data: 4, dedupe: 'z', key: 'k' },
      ]);
      expect(outcomes.map(({ duplicate }) => duplicate)).toEqual([false, false, true, false]);
      expect((await drain(queue, 3)).map(({ data }) => data)).toEqual([1, 2, 4]);
    });

    it('still knows one that was acknowledged', async () => {
      const queue = stage.queue(options);
      const dedupe = uniqueName('dedupe');
      await queue.send(1, { dedupe, key: 'k' });
      await drain(queue, 1);
      expect(await queue.send(2, { dedupe, key: 'k' })).toMatchObject({ duplicate: true });
      await expectNothingBefore(queue, 'it was known');
    });

    it('looks at one queue only', async () => {
      const [a, b] = [stage.queue(options), stage.queue(options)];
      await a.send(1, { dedupe: 'same', key: 'k' });
      expect(await b.send(1, { dedupe: 'same', key: 'k' })).toMatchObject({ duplicate: false });
    });
  });
}
