/** Groups: members share the records of a topic, in order per key, and the group remembers how far it is. */
import type { Client, Group, Topic } from '@polymq/client';
import { describe, expect, it } from 'vitest';
import { codeOf, eventually, gate, inTime, Seen, type Stage } from './stage.ts';
import { subscribe } from './topics.ts';

export function describeGroups(stage: Stage): void {
  if (!stage.has('group')) return;
  describeSharing(stage);
  describeProgress(stage);
  describeGroupRetries(stage);
}

/** Numbers for several keys, in order per key. */
async function fill(topic: Topic<number>, from: number, to: number, keys = 6): Promise<void> {
  const items = Array.from({ length: to - from }, (_, index) => from + index);
  await topic.publishBatch(items.map((data) => ({ data, key: `key-${data % keys}` })));
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_, n) => n);
const sorted = (data: readonly number[]): number[] => data.toSorted((a, b) => a - b);

interface Member extends Seen<number> {
  close(): Promise<void>;
}

/** A member of the group in a client of its own. */
function join(client: Client, topic: string, group: string, seen = new Seen<number>()): Member {
  const consumer = client
    .topic<number>(topic)
    .group(group)
    .consume(seen.handler, { onError: seen.onError });
  return Object.assign(seen, { close: () => consumer.close() });
}

function expectOrderPerKey(messages: readonly { key: string | undefined; data: number }[]): void {
  const last = new Map<string, number>();
  for (const { key, data } of messages) {
    expect(data, key).toBeGreaterThan(last.get(key!) ?? -1);
    last.set(key!, data);
  }
}

function describeSharing(stage: Stage): void {
  describe('groups', () => {
    it('give each record to one of their members, in order per key', async () => {
      const topic = stage.topic<number>({ partitions: 4 });
      await topic.ready();
      const [one, two] = [await stage.connect(), await stage.connect()];
      const all = new Seen<number>();
      const members = [one, two].map((client) => join(client, topic.name, 'readers', all));
      // Both are in when both have got something.
      await fill(topic, 0, 300);
      await all.until(300);
      expect(sorted(all.data)).toEqual(numbers(300));
      expectOrderPerKey(all.messages);
      await Promise.all(members.map((member) => member.close()));
    });

    it('each get everything', async () => {
      const topic = stage.topic<number>({ partitions: 2 });
      await fill(topic, 0, 20);
      const members = ['a', 'b'].map((group) => join(stage.client, topic.name, group));
      for (const member of members) {
        await member.until(20);
        expect(sorted(member.data)).toEqual(numbers(20));
        await member.close();
      }
    });

    it('begin at the first record, or with what is new if that is asked for', async () => {
      const topic = stage.topic<number>({ partitions: 1 });
      await fill(topic, 0, 3);
      const seen = new Seen<number>();
      const consumer = topic.group('late', { from: 'new' }).consume(seen.handler);
      await consumer.ready();
      await fill(topic, 3, 5);
      await seen.until(2);
      expect(seen.data).toEqual([3, 4]);
      await consumer.close();
      const early = join(stage.client, topic.name, 'early');
      await early.until(5);
      expect(early.data).toEqual([0, 1, 2, 3, 4]);
      await early.close();
    });

    it('keep the order of a key with several handlers at once', async () => {
      const topic = stage.topic<number>({ partitions: 2 });
      await fill(topic, 0, 100, 10);
      const done: { key: string | undefined; data: number }[] = [];
      const consumer = topic.group('wide').consume(
        async ({ key, data }) => {
          await new Promise((resolve) => setTimeout(resolve, data % 4));
          done.push({ key, data });
        },
        { concurrency: 5 },
      );
      await eventually('all were handled', () => done.length === 100);
      expectOrderPerKey(done);
      await consumer.close();
    });

    it('can be read as a loop', async () => {
      const topic = stage.topic<number>({ partitions: 1 });
      await fill(topic, 0, 5);
      const data: number[] = [];
      for await (const message of topic.group('loop').messages()) {
        data.push(message.data);
        if (data.length === 3) break;
      }
      expect(data).toEqual([0, 1, 2]);
      const rest = join(stage.client, topic.name, 'loop');
      await eventually('the rest came', () => rest.data.includes(4));
      // The last one of the loop was not settled: it comes again.
      expect(rest.data).toEqual([2, 3, 4]);
      await rest.close();
    });

    it('lose and repeat nothing when a member leaves', async () => {
      const topic = stage.topic<number>({ partitions: 4 });
      await topic.ready();
      const all = new Seen<number>();
      const [one, two] = [await stage.connect(), await stage.connect()];
      const stays = join(one, topic.name, 'readers', all);
      const leaves = two.topic<number>(topic.name).group('readers').consume(all.handler);
      await fill(topic, 0, 100);
      await all.until(100);
      await fill(topic, 100, 200);
      await leaves.close();
      await fill(topic, 200, 300);
      await all.until(300);
      await stays.close();
      expect(sorted(all.data)).toEqual(numbers(300));
    });

    it('lose nothing when a member comes', async () => {
      const topic = stage.topic<number>({ partitions: 4 });
      await fill(topic, 0, 100);
      const all = new Seen<number>();
      const members = [join(await stage.connect(), topic.name, 'readers', all)];
      await eventually('some came', () => all.messages.length > 0);
      members.push(join(await stage.connect(), topic.name, 'readers', all));
      await fill(topic, 100, 300);
      await eventually('each came', () => new Set(all.data).size === 300);
      await Promise.all(members.map((member) => member.close()));
    });

    it('repeat what a member had not finished when it was gone', async () => {
      const topic = stage.topic<number>({ partitions: 1 });
      await fill(topic, 0, 3);
      const client = await stage.connect();
      const [started, never] = [gate(), gate()];
      const stuck = client.topic<number>(topic.name).group('readers');
      stuck.consume(
        async ({ data }) => {
          if (data < 1) return;
          started.open();
          await never.promise;
        },
        { onError: () => {} },
      );
      await inTime('the handler that hangs', started.promise);
      await client.close({ drain: 0 });
      const next = join(stage.client, topic.name, 'readers');
      await eventually('the rest came', () => next.data.includes(2));
      expect(next.data).toEqual([1, 2]);
      never.open();
      await next.close();
    });
  });
}

function describeProgress(stage: Stage): void {
  describe('the progress of a group', () => {
    async function consumeAll(group: Group<number>, count: number): Promise<number[]> {
      const seen = new Seen<number>();
      const consumer = group.consume(seen.handler);
      await seen.until(count);
      await consumer.close();
      return seen.data;
    }

    it('goes on where it was', async () => {
      const topic = stage.topic<number>({ partitions: 2 });
      await fill(topic, 0, 10);
      expect(sorted(await consumeAll(topic.group('g'), 10))).toEqual(numbers(10));
      await fill(topic, 10, 15);
      const other = (await stage.connect()).topic<number>(topic.name);
      const rest = await consumeAll(other.group('g'), 5);
      expect(sorted(rest)).toEqual([10, 11, 12, 13, 14]);
    });

    it('is told as lag', async () => {
      const topic = stage.topic<number>({ partitions: 2 });
      const group = topic.group('g');
      await fill(topic, 0, 10);
      expect((await group.lag()).total).toBe(10);
      await consumeAll(group, 10);
      await eventually('all is committed', async () => (await group.lag()).total === 0);
      await fill(topic, 10, 13);
      const { total, partitions } = await group.lag();
      expect(total).toBe(3);
      expect(Object.values(partitions).reduce((sum, lag) => sum + lag, 0)).toBe(3);
    });

    it('can be set to the start, to the end, to an offset and to a time', async () => {
      const topic = stage.topic<number>({ partitions: 1 });
      const group = topic.group('g');
      await fill(topic, 0, 6);
      const seen = await subscribe(topic, { from: 'start' });
      const fourth = (await seen.until(6))[3]!;
      await seen.close();
      expect(await consumeAll(group, 6)).toEqual(numbers(6));
      await group.seek('start');
      expect(await consumeAll(group, 6)).toEqual(numbers(6));
      await group.seek(fourth.offset!);
      expect((await group.lag()).total).toBe(3);
      expect(await consumeAll(group, 3)).toEqual([3, 4, 5]);
      await group.seek(new Date(0));
      expect(await consumeAll(group, 6)).toEqual(numbers(6));
      await group.seek('start');
      await group.seek('new');
      await fill(topic, 6, 8);
      expect(await consumeAll(group, 2)).toEqual([6, 7]);
    });

    it('cannot be set while there are members', async () => {
      const topic = stage.topic<number>({ partitions: 1 });
      await fill(topic, 0, 1);
      const member = join(stage.client, topic.name, 'g');
      await member.until(1);
      expect(await codeOf(() => topic.group('g').seek('start'))).toBe('invalid-argument');
      await member.close();
    });
  });
}

function describeGroupRetries(stage: Stage): void {
  describe('retries in groups', () => {
    it('hold back the partition, then put the record aside with its errors', async () => {
      const topic = stage.topic<string>({ partitions: 1 });
      const calls: string[] = [];
      const group = topic.group('g', { retry: { max: 2, backoff: 'fixed', base: 5 } });
      const consumer = group.consume(({ data, retryCount }) => {
        calls.push(`${data} ${retryCount}`);
        if (data === 'bad') throw new Error('bad record');
      });
      await topic.publish('bad', { key: 'k', headers: { a: 'b' } });
      await topic.publish('good', { key: 'k' });
      await eventually('the good one came', () => calls.includes('good 0'));
      expect(calls).toEqual(['bad 0', 'bad 1', 'bad 2', 'good 0']);
      const letters = await subscribe(stage.client.topic(`${topic.name}-g-dlq`), { from: 'start' });
      const [letter] = await letters.until(1);
      expect(letter).toMatchObject({ data: 'bad', key: 'k', headers: { a: 'b' } });
      await Promise.all([letters.close(), consumer.close()]);
      await eventually('all is committed', async () => (await group.lag()).total === 0);
    });

    it('skip the record when there is no place for the dead, and tell', async () => {
      const topic = stage.topic<string>({ partitions: 1 });
      const seen = new Seen<string>();
      const group = topic.group('g', { retry: false, deadLetter: false });
      const consumer = group.consume(
        (message) => {
          if (message.data === 'bad') throw new Error('bad record');
          seen.handler(message as never);
        },
        { onError: seen.onError },
      );
      await topic.publish('bad', { key: 'k' });
      await topic.publish('good', { key: 'k' });
      await seen.until(1);
      expect(seen.data).toEqual(['good']);
      expect(seen.errors.length).toBeGreaterThanOrEqual(1);
      await consumer.close();
    });
  });
}
