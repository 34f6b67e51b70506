/** Topics: every subscriber gets everything, from where he wants. */
import type { Published, SubscribeOptions, Topic } from '@polymq/client';
import { describe, expect, it } from 'vitest';
import type { TopicRecord } from '../../src/message/wire-message.ts';
import {
  codeOf,
  drain,
  eventually,
  expectNothingBefore,
  facts,
  gate,
  Seen,
  type Stage,
  uniqueName,
} from './stage.ts';

export function describeTopics(stage: Stage): void {
  /** Where nothing is stored, topics are live. */
  const options = stage.has('replay') || !stage.has('live') ? {} : { live: true };
  describeSubscribers(stage, options);
  describeRecords(stage, options);
  if (stage.has('live')) describeLive(stage);
  if (stage.has('replay')) describeReplay(stage);
  if (stage.has('fanout')) describeFanout(stage);
}

/** Subscribes and waits until nothing is missed. */
export async function subscribe<T>(
  topic: Topic<T>,
  options: SubscribeOptions<T> = {},
): Promise<Seen<T> & { close(): Promise<void> }> {
  const seen = new Seen<T>();
  const consumer = topic.subscribe(seen.handler, { onError: seen.onError, ...options });
  await consumer.ready();
  return Object.assign(seen, { close: () => consumer.close() });
}

function describeSubscribers(stage: Stage, options: { live?: boolean }): void {
  describe('topics', () => {
    it('give every subscriber a copy', async () => {
      const topic = stage.topic<number>(options);
      const other = (await stage.connect()).topic<number>(topic.name, options);
      const all = [await subscribe(topic), await subscribe(topic), await subscribe(other)];
      for (let n = 0; n < 10; n += 1) await topic.publish(n, { key: 'k' });
      for (const seen of all) {
        await seen.until(10);
        expect(seen.data).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        await seen.close();
      }
    });

    it('show subscribers nothing from before, if they want what is new', async () => {
      const topic = stage.topic<string>(options);
      await topic.publish('before');
      const seen = await subscribe(topic, { from: 'new' });
      await topic.publish('after');
      await seen.until(1);
      expect(seen.data).toEqual(['after']);
      await seen.close();
    });

    it('show nothing after the subscription was closed', async () => {
      const topic = stage.topic<number>(options);
      const [left, stayed] = [await subscribe(topic), await subscribe(topic)];
      await topic.publish(1);
      await Promise.all([left.until(1), stayed.until(1)]);
      await left.close();
      await topic.publish(2);
      await stayed.until(2);
      expect(left.data).toEqual([1]);
      await stayed.close();
    });

    it('keep the order of a key', async () => {
      const topic = stage.topic<number>(options);
      const seen = await subscribe(topic);
      const items = Array.from({ length: 200 }, (_, data) => ({ data, key: `key-${data % 7}` }));
      await topic.publishBatch(items);
      const messages = await seen.until(200);
      for (let k = 0; k < 7; k += 1) {
        const data = messages.filter(({ key }) => key === `key-${k}`).map((m) => m.data);
        expect(data).toEqual(items.filter(({ key }) => key === `key-${k}`).map((i) => i.data));
      }
      await seen.close();
    });

    it('keep the order of a key with several handlers at once', async () => {
      const topic = stage.topic<number>(options);
      const done = new Map<string, number[]>();
      let running = 0;
      let most = 0;
      let count = 0;
      const consumer = topic.subscribe(
        async ({ key, data }) => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setTimeout(resolve, data % 4));
          done.set(key!, [...(done.get(key!) ?? []), data]);
          running -= 1;
          count += 1;
        },
        { concurrency: 4 },
      );
      await consumer.ready();
      const items = Array.from({ length: 80 }, (_, data) => ({ data, key: `key-${data % 8}` }));
      await topic.publishBatch(items);
      await eventually('all were handled', () => count === 80);
      for (const data of done.values()) expect(data).toEqual(data.toSorted((a, b) => a - b));
      expect(most).toBeGreaterThan(1);
      expect(most).toBeLessThanOrEqual(4);
      await consumer.close();
    });

    it('show a subscriber only what passes his filter', async () => {
      const topic = stage.topic<number>(options);
      const even = await subscribe(topic, { filter: ({ data }) => data % 2 === 0 });
      const blue = await subscribe(topic, { filter: ({ headers }) => headers['c'] === 'blue' });
      for (let n = 1; n <= 6; n += 1) {
        await topic.publish(n, { key: 'k', headers: { c: n > 3 ? 'blue' : 'red' } });
      }
      await Promise.all([even.until(3), blue.until(3)]);
      expect(even.data).toEqual([2, 4, 6]);
      expect(blue.data).toEqual([4, 5, 6]);
      await Promise.all([even.close(), blue.close()]);
    });

    it('call a handler again that throws, and go on when its retries are used up', async () => {
      const topic = stage.topic<string>(options);
      const calls: string[] = [];
      const errors: unknown[] = [];
      const consumer = topic.subscribe(
        ({ data, retryCount }) => {
          calls.push(`${data} ${retryCount}`);
          if (data === 'bad') throw new Error('bad record');
        },
        {
          retry: { max: 2, backoff: 'fixed', base: 5 },
          onError: (error) => void errors.push(error),
        },
      );
      await consumer.ready();
      await topic.publish('bad', { key: 'k' });
      await topic.publish('good', { key: 'k' });
      await eventually('the good one came', () => calls.includes('good 0'));
      expect(calls).toEqual(['bad 0', 'bad 1', 'bad 2', 'good 0']);
      expect(errors.length).toBeGreaterThanOrEqual(1);
      await consumer.close();
    });

    it('hand a sink no more of a partition while it is busy', async () => {
      const topic = stage.topic<number>(options);
      await topic.ready();
      const busy = new Set<number>();
      const records: TopicRecord[] = [];
      let overlaps = 0;
      const subscription = await stage.client.driver.topics!.subscribeTopic(
        topic.name,
        { at: 'new' },
        {
          async deliver(batch) {
            const partition = batch[0]!.partition;
            if (busy.has(partition)) overlaps += 1;
            busy.add(partition);
            records.push(...batch);
            await new Promise((resolve) => setTimeout(resolve, 5));
            busy.delete(partition);
          },
          ended() {},
        },
      );
      for (let n = 0; n < 20; n += 1) await topic.publish(n, { key: 'k' });
      await eventually('all came', () => records.length === 20);
      expect(overlaps).toBe(0);
      expect(new Set(records.map(({ id }) => id)).size).toBe(20);
      await subscription.close();
    });

    it('are the same for the same name, and refuse other options', () => {
      const name = uniqueName('same');
      const topic = stage.client.topic(name, options);
      expect(stage.client.topic(name, options)).toBe(topic);
    });

    it('end with their client', async () => {
      const client = await stage.connect();
      const topic = stage.topic(options, client);
      const seen = await subscribe(topic);
      await client.close();
      expect(await codeOf(() => topic.publish(1))).toBe('closed');
      expect(seen.data).toEqual([]);
    });
  });
}

function describeRecords(stage: Stage, options: { live?: boolean }): void {
  describe('records of topics', () => {
    it('carry data and properties', async () => {
      const topic = stage.topic(options);
      const seen = await subscribe(topic);
      const beforeMs = stage.client.clock.nowMs();
      const properties = {
        id: uniqueName('id'),
        key: 'Schlüssel',
        type: 'T',
        headers: { empty: '', text: '你好 🦊' },
        correlationId: 'c',
      };
      await topic.publish({ a: ['ü'] }, properties);
      const [message] = await seen.until(1);
      expect(facts(message)).toMatchObject({
        ...properties,
        data: { a: ['ü'] },
        source: topic.name,
      });
      expect(facts(message)).toMatchObject({ retryCount: 0, errors: [], redriven: 0 });
      expect(message!.timestamp).toBeGreaterThanOrEqual(beforeMs);
      await seen.close();
    });

    it('carry bytes, text, and nothing', async () => {
      const topic = stage.topic(options);
      const seen = await subscribe(topic);
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      for (const data of [bytes, 'text', '', null, new Uint8Array(0), 0]) {
        await topic.publish(data, { key: 'k' });
      }
      const data = (await seen.until(6)).map((message) => message.data);
      expect(Buffer.from(data[0] as Uint8Array).equals(bytes)).toBe(true);
      expect(data.slice(1, 4)).toEqual(['text', '', null]);
      expect((data[4] as Uint8Array).length).toBe(0);
      expect(data[5]).toBe(0);
      await seen.close();
    });

    it('say where they went', async () => {
      const topic = stage.topic<number>(options);
      const seen = await subscribe(topic);
      const published: Published[] = [];
      for (let n = 0; n < 3; n += 1) published.push(await topic.publish(n, { key: 'k' }));
      published.push(...(await topic.publishBatch([{ data: 3, key: 'k' }])));
      const messages = await seen.until(4);
      expect(messages.map(({ id }) => id)).toEqual(published.map(({ id }) => id));
      if (published[0]?.offset !== undefined) {
        for (const [index, { partition, offset }] of published.entries()) {
          expect(facts(messages[index])).toMatchObject({ partition, offset });
        }
        expect(new Set(published.map(({ partition }) => partition)).size).toBe(1);
        const offsets = published.map(({ offset }) => offset!);
        expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
      }
      await seen.close();
    });

    it('answer a batch in order, and an empty one', async () => {
      const topic = stage.topic<number>(options);
      const items = Array.from({ length: 50 }, (_, data) => ({ data, id: `id-${data}` }));
      const published = await topic.publishBatch(items);
      expect(published.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
      expect(await topic.publishBatch([])).toEqual([]);
    });

    it('can be a thousand at the same time', async () => {
      const topic = stage.topic<number>(options);
      const seen = await subscribe(topic);
      await Promise.all(Array.from({ length: 1000 }, (_, n) => topic.publish(n)));
      await seen.until(1000);
      expect(seen.data.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 1000 }, (_, n) => n),
      );
      await seen.close();
    });
  });
}

function describeLive(stage: Stage): void {
  describe('live topics', () => {
    it('give every subscriber a copy, and store nothing', async () => {
      const topic = stage.topic<string>({ live: true });
      await topic.publish('nobody hears');
      const [a, b] = [await subscribe(topic), await subscribe(topic)];
      expect(await topic.publish('both hear')).toMatchObject({
        partition: undefined,
        offset: undefined,
      });
      await Promise.all([a.until(1), b.until(1)]);
      expect([a.data, b.data]).toEqual([['both hear'], ['both hear']]);
      expect(facts(a.messages[0])).toMatchObject({ offset: undefined, partition: undefined });
      await Promise.all([a.close(), b.close()]);
    });

    it('refuse to be read from before', async () => {
      const topic = stage.topic({ live: true });
      expect(await codeOf(() => topic.subscribe(() => {}, { from: 'start' }))).toBe(
        stage.has('replay') ? 'invalid-argument' : 'unsupported',
      );
    });

    it('reach subscribers of other clients', async () => {
      const topic = stage.topic<number>({ live: true });
      const other = (await stage.connect()).topic<number>(topic.name, { live: true });
      const seen = await subscribe(other);
      for (let n = 0; n < 100; n += 1) await topic.publish(n);
      await seen.until(100);
      expect(seen.data).toEqual(Array.from({ length: 100 }, (_, n) => n));
      await seen.close();
    });
  });
}

function describeReplay(stage: Stage): void {
  describe('reading topics again', () => {
    async function filled(): Promise<{ topic: Topic<number>; published: Published[] }> {
      const topic = stage.topic<number>({ partitions: 1 });
      const published: Published[] = [];
      for (let n = 0; n < 5; n += 1) published.push(await topic.publish(n, { key: 'k' }));
      return { topic, published };
    }

    it('begins at the first record', async () => {
      const { topic } = await filled();
      const seen = await subscribe(topic, { from: 'start' });
      await topic.publish(5, { key: 'k' });
      await seen.until(6);
      expect(seen.data).toEqual([0, 1, 2, 3, 4, 5]);
      expect(seen.messages.map(({ retryCount }) => retryCount)).toEqual([0, 0, 0, 0, 0, 0]);
      await seen.close();
    });

    it('begins at an offset', async () => {
      const { topic, published } = await filled();
      if (published[2]?.offset === undefined) {
        // Where publishing does not say the offset, a reader does.
        const seen = await subscribe(topic, { from: 'start' });
        const messages = await seen.until(5);
        await seen.close();
        published[2] = { ...published[2]!, offset: messages[2]!.offset, partition: 0 };
      }
      const offset = published[2]!.offset!;
      const seen = await subscribe(topic, { from: offset });
      await seen.until(3);
      expect(seen.data).toEqual([2, 3, 4]);
      await seen.close();
      const again = await subscribe(topic, { from: { [published[2]!.partition!]: offset + 1 } });
      await again.until(2);
      expect(again.data).toEqual([3, 4]);
      await again.close();
    });

    it('begins at a time', async () => {
      const topic = stage.topic<string>({ partitions: 1 });
      await topic.publish('before', { key: 'k' });
      await new Promise((resolve) => setTimeout(resolve, 1100));
      const since = new Date(stage.client.clock.nowMs());
      await topic.publish('after', { key: 'k' });
      const seen = await subscribe(topic, { from: since });
      await seen.until(1);
      expect(seen.data.at(-1)).toBe('after');
      expect(seen.messages.every(({ timestamp }) => timestamp >= +since)).toBe(true);
      await seen.close();
    });

    it('is the same for everyone, as often as one likes', async () => {
      const { topic } = await filled();
      for (let count = 0; count < 2; count += 1) {
        const seen = await subscribe(topic, { from: 'start' });
        await seen.until(5);
        expect(seen.data).toEqual([0, 1, 2, 3, 4]);
        await seen.close();
      }
    });

    it('reads all partitions', async () => {
      const topic = stage.topic<number>({ partitions: 3 });
      const items = Array.from({ length: 90 }, (_, data) => ({ data, key: `key-${data % 10}` }));
      await topic.publishBatch(items);
      const seen = await subscribe(topic, { from: 'start' });
      await seen.until(90);
      expect(seen.data.toSorted((a, b) => a - b)).toEqual(items.map(({ data }) => data));
      await seen.close();
    });
  });
}

function describeFanout(stage: Stage): void {
  describe('fan-out to queues', () => {
    it('gives every bound queue a copy with everything it carries', async () => {
      const topic = stage.topic<{ n: number }>();
      const queues = [stage.queue<{ n: number }>(), stage.queue<{ n: number }>()];
      const driver = stage.client.driver.topics!;
      await Promise.all([topic.ready(), ...queues.map((queue) => queue.ready())]);
      for (const queue of queues) {
        await driver.bindQueue!(topic.name, queue.name);
        await driver.bindQueue!(topic.name, queue.name);
      }
      const properties = { key: 'k', type: 'T', headers: { a: 'ä' }, correlationId: 'c' };
      const { id } = await topic.publish({ n: 1 }, properties);
      for (const queue of queues) {
        const [message] = await drain(queue, 1);
        expect(facts(message)).toMatchObject({
          ...properties,
          id,
          data: { n: 1 },
          source: queue.name,
        });
        expect(message?.retryCount).toBe(0);
        await expectNothingBefore(queue, 'one copy each');
      }
    });

    it('keeps copies for queues that nobody reads, and for subscribers beside them', async () => {
      const topic = stage.topic<number>();
      const queue = stage.queue<number>();
      await Promise.all([topic.ready(), queue.ready()]);
      await stage.client.driver.topics!.bindQueue!(topic.name, queue.name);
      const seen = await subscribe(topic);
      for (let n = 0; n < 20; n += 1) await topic.publish(n);
      await seen.until(20);
      await seen.close();
      const data = (await drain(queue, 20)).map((message) => message.data);
      expect(data.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    });

    it('lets copies be tried again and die on their own', async () => {
      const topic = stage.topic<string>();
      const [a, b] = [stage.queue<string>({ retry: false }), stage.queue<string>()];
      await Promise.all([topic.ready(), a.ready(), b.ready()]);
      for (const queue of [a, b])
        await stage.client.driver.topics!.bindQueue!(topic.name, queue.name);
      await topic.publish('x');
      const opened = gate();
      const consumer = a.consume(() => {
        opened.open();
        throw new Error('only here');
      });
      await opened.promise;
      await eventually('it is dead', async () => (await a.deadLetters.list()).length === 1);
      expect(facts((await drain(b, 1))[0])).toMatchObject({ data: 'x', retryCount: 0 });
      expect(await b.deadLetters.list()).toEqual([]);
      await consumer.close();
    });
  });
}
