/** What outlives the engine's end: everything durable; and, where clients outlive it, their consumers and calls. */
import { describe, expect, it } from 'vitest';
import { CLOCKS_MS } from './settling.ts';
import {
  collect,
  drain,
  eventually,
  expectNothingBefore,
  inTime,
  QUICK,
  Seen,
  type Stage,
  take,
} from './stage.ts';
import { subscribe } from './topics.ts';

export function describeRestarts(stage: Stage): void {
  for (const how of ['restart', 'kill'] as const) {
    if (stage.engine[how] === undefined) continue;
    const title = how === 'restart' ? 'after an orderly restart' : 'after a crash';
    describe(title, () => {
      if (stage.has('queue')) describeStored(stage, how);
      if (stage.has('queue') && stage.contract.clientsOutliveEngine !== false) {
        describeReconnects(stage, how);
      }
      if (stage.has('topic')) describeTopicsAfter(stage, how);
    });
  }
}

type How = 'restart' | 'kill';

function describeStored(stage: Stage, how: How): void {
  it('has all messages, attempts and dead letters', async () => {
    const before = stage.queue<string>();
    await before.sendBatch(['a', 'b', 'c', 'd'].map((data) => ({ data, headers: { of: data } })));
    const [a, b, c] = [await take(before), await take(before), await take(before)];
    await a.ack();
    await b.nack({ delay: 0, reason: 'before the end' });
    await c.reject('dead before the end');
    await eventually('it is dead', async () => (await before.deadLetters.list()).length === 1);
    // Acknowledgements may be on their way for a moment.
    await eventually('two are left', async () => (await before.stats()).ready === 2);
    await stage.restart(how);
    const queue = stage.client.queue<string>(before.name, { retry: QUICK });
    const rest = await drain(queue, 2);
    expect(rest.map(({ data }) => data).toSorted()).toEqual([b.data, 'd'].toSorted());
    const again = rest.find(({ data }) => data === b.data);
    expect(again?.retryCount).toBeGreaterThanOrEqual(1);
    expect(again?.errors.map(({ message }) => message)).toEqual(['before the end']);
    expect(again?.headers).toEqual({ of: b.data });
    const [letter] = await queue.deadLetters.list();
    expect(letter).toMatchObject({ data: c.data, queue: queue.name });
    expect(letter?.reason).toContain('dead before the end');
    await expectNothingBefore(queue, 'what was acknowledged is gone');
  });

  it('hands out again what had not been settled', async () => {
    const before = stage.queue<string>({ lease: stage.leaseMs * 2 });
    await before.send('in flight');
    await take(before);
    await stage.restart(how);
    const queue = stage.client.queue<string>(before.name, {
      lease: stage.leaseMs * 2,
      retry: QUICK,
    });
    expect((await drain(queue, 1))[0]?.data).toBe('in flight');
  });

  if (stage.has('delay')) {
    it('keeps delays', async () => {
      const before = stage.queue<string>();
      const delayMs = Math.max(3000, stage.restartMsMax + 1500);
      const sentMs = stage.client.clock.nowMs();
      await before.send('later', { delay: delayMs });
      await before.send('now');
      await stage.restart(how);
      const queue = stage.client.queue<string>(before.name, { retry: QUICK });
      const came = new Map<string, number>();
      while (came.size < 2) {
        const [message] = await drain(queue, 1);
        came.set(message!.data, stage.client.clock.nowMs());
      }
      // When the restart has taken longer than the delay, they may come in any order.
      expect(came.get('later')).toBeGreaterThanOrEqual(sentMs + delayMs - CLOCKS_MS);
      await expectNothingBefore(queue, 'each came once');
    });
  }

  if (stage.has('dedupe')) {
    it('still knows what it had seen', async () => {
      const options = stage.has('fifo') ? { fifo: true } : {};
      const before = stage.queue<string>(options);
      await before.send('first', { dedupe: 'one', key: 'k' });
      await stage.restart(how);
      const queue = stage.client.queue<string>(before.name, { ...options, retry: QUICK });
      const second = await queue.send('second', { dedupe: 'one', key: 'k' });
      expect(second.duplicate).toBe(true);
      expect((await drain(queue, 1))[0]?.data).toBe('first');
    });
  }
}

function describeReconnects(stage: Stage, how: How): void {
  it('consumers go on, and calls made meanwhile wait', async () => {
    const client = await stage.connect();
    const queue = stage.queue<number>({ lease: stage.leaseMs * 2 }, client);
    const states: string[] = [];
    client.onConnection((state) => void states.push(state));
    const seen = collect(queue);
    await queue.send(0);
    await seen.until(1);
    const restarting = stage.restart(how);
    const sends: Promise<number | undefined>[] = [];
    for (let n = 1; n <= 20; n += 1) {
      // What was under way when the connection broke may have been stored or not: it says so.
      sends.push(
        queue.send(n).then(
          () => n,
          (error: { retryable?: boolean }) => {
            expect(error).toMatchObject({ retryable: true });
            return undefined;
          },
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await restarting;
    const stored = (await inTime('the sends', Promise.all(sends))).filter((n) => n !== undefined);
    expect(stored.length).toBeGreaterThan(0);
    await queue.send(21);
    await eventually('everything stored has come', () =>
      [...stored, 21].every((n) => seen.data.includes(n)),
    );
    await eventually('the connection is back', () => states.at(-1) === 'back');
    expect(states).toContain('lost');
    await seen.consumer.close();
  });

  it('tells handlers that their messages are not theirs any more', async () => {
    const client = await stage.connect();
    const queue = stage.queue<string>({ lease: stage.leaseMs * 2 }, client);
    const calls: AbortSignal[] = [];
    const consumer = queue.consume(
      async (message) => {
        calls.push(message.signal);
        // The first call lasts until it is told to stop; the second one is that after the restart.
        if (calls.length > 1) return;
        await new Promise<void>((resolve) => {
          message.signal.addEventListener('abort', () => resolve());
        });
      },
      { onError: () => {} },
    );
    await queue.send('long work');
    await eventually('the handler runs', () => calls.length === 1);
    if (client.driver.queues?.extend !== undefined) {
      // The lease is the engine's and outlives the connection: the handler just goes on.
      await stage.restart(how);
      await consumer.close({ drain: 0 });
      return;
    }
    await stage.restart(how);
    await eventually('the handler was told', () => calls[0]?.aborted === true);
    await eventually('it is handled again', () => calls.length >= 2);
    await consumer.close();
    await expectNothingBefore(queue, 'it was acknowledged at last');
  });

  it('receives go on', async () => {
    const client = await stage.connect();
    const queue = stage.queue<string>({}, client);
    await queue.ready();
    await stage.restart(how);
    const waiting = queue.receive({ wait: '30s' });
    await queue.send('after');
    const message = await waiting;
    expect(message?.data).toBe('after');
    await message?.ack();
  });
}

function describeTopicsAfter(stage: Stage, how: How): void {
  const outlives = stage.contract.clientsOutliveEngine !== false;
  const stored = stage.has('replay');
  const options = stored || !stage.has('live') ? {} : { live: true };

  if (stored) {
    it('has all records', async () => {
      const before = stage.topic<number>({ partitions: 2 });
      await before.publishBatch(Array.from({ length: 50 }, (_, data) => ({ data })));
      await stage.restart(how);
      const seen = await subscribe(stage.client.topic<number>(before.name), { from: 'start' });
      await seen.until(50);
      expect(seen.data.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
      await seen.close();
    });
  }

  if (stage.has('group')) {
    it('knows how far a group was', async () => {
      const before = stage.topic<number>({ partitions: 1 });
      await before.publishBatch([0, 1, 2].map((data) => ({ data })));
      const first = new Seen<number>();
      const consumer = before.group('g').consume(first.handler);
      await first.until(3);
      await consumer.close();
      await stage.restart(how);
      const topic = stage.client.topic<number>(before.name);
      await topic.publish(3);
      const seen = new Seen<number>();
      const next = topic.group('g').consume(seen.handler);
      await seen.until(1);
      expect(seen.data).toEqual([3]);
      await next.close();
    });
  }

  if (outlives) {
    it('subscribers go on', async () => {
      const topic = stage.topic<string>(options);
      const seen = await subscribe(topic);
      await topic.publish('before');
      await seen.until(1);
      await stage.restart(how);
      // A live topic has a moment after the restart in which nobody has subscribed again.
      await eventually('something comes again', async () => {
        await topic.publish('after');
        return seen.data.includes('after');
      });
      await seen.close();
    });
  }

  if (outlives && stage.has('group')) {
    it('groups go on, and lose nothing', async () => {
      const topic = stage.topic<number>({ partitions: 2 });
      const seen = new Seen<number>();
      const consumer = topic.group('g').consume(seen.handler, { onError: () => {} });
      await topic.publishBatch(Array.from({ length: 20 }, (_, data) => ({ data })));
      await seen.until(20);
      await stage.restart(how);
      await topic.publishBatch(Array.from({ length: 20 }, (_, index) => ({ data: 20 + index })));
      await eventually('all came', () => new Set(seen.data).size === 40);
      await consumer.close();
    });
  }
}
