import { afterEach, describe, expect, it } from 'vitest';
import { writeBatch } from '../record/record-writer.ts';
import type { Stream } from '../stream/streams.ts';
import { type Kit, openKit, START_MS } from '../stream/testing/kit.ts';
import { StreamFeed } from './stream-feed.ts';
import type { StreamMessage } from './stream-reader.ts';

let kit: Kit;
let stream: Stream;
afterEach(() => kit.destroy());

async function start(partitionCount = 1): Promise<void> {
  kit = await openKit();
  stream = await kit.streams.create({ name: 's', partitionCount });
}

async function append(values: readonly string[], partition = 0): Promise<void> {
  const records = values.map((value) => ({
    value: Buffer.from(value),
    headers: [{ key: 'f', value: Buffer.from(value) }],
  }));
  const batch = writeBatch({ timestampMs: START_MS, records });
  await stream.partitions[partition]!.append(batch, 'committed');
}

/** A consumer with so much room, and what has come of it. */
function consumer(room = 100, onDeliver?: () => void) {
  const got: string[] = [];
  const failures: unknown[] = [];
  const state = { room };
  const feed = new StreamFeed(stream, {
    streams: kit.streams,
    timers: kit.environment.timers,
    room: () => state.room,
    deliver({ body }: StreamMessage) {
      state.room -= 1;
      got.push(body.toString());
      onDeliver?.();
    },
    failed: (error) => failures.push(error),
  });
  return { feed, got, failures, state };
}

/** Lets everything run that was put off. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a feed of a stream', () => {
  it('delivers what is there and what comes, once it has begun', async () => {
    await start();
    await append(['a']);
    const { feed, got } = consumer();
    await feed.open('first');
    await append(['b']);
    await settle();
    expect(got).toEqual([]);
    feed.begin();
    await settle();
    expect(got).toEqual(['a', 'b']);
    await append(['c']);
    await settle();
    expect(got).toEqual(['a', 'b', 'c']);
  });

  it('starts where it is told, and passes what the filter does', async () => {
    await start();
    await append(['a', 'b', 'c', 'd']);
    const { feed, got } = consumer();
    await feed.open(1, { header: 'f', values: ['a', 'b', 'd'], matchUnfiltered: false });
    feed.begin();
    await settle();
    expect(got).toEqual(['b', 'd']);
  });

  it('delivers no more than there is room for, and goes on when room is made', async () => {
    await start();
    await append(['a', 'b', 'c', 'd']);
    const { feed, got, state } = consumer(2);
    await feed.open('first');
    feed.begin();
    await settle();
    expect(got).toEqual(['a', 'b']);
    state.room = 1;
    feed.later();
    expect(got).toHaveLength(2);
    await settle();
    expect(got).toEqual(['a', 'b', 'c']);
    state.room = 5;
    feed.resume();
    await settle();
    expect(got).toEqual(['a', 'b', 'c', 'd']);
  });

  it('reads the partitions in turns', async () => {
    await start(3);
    for (const partition of [0, 1, 2]) await append([`${partition}a`, `${partition}b`], partition);
    const { feed, got, state } = consumer(0);
    await feed.open('first');
    feed.begin();
    for (let turn = 0; turn < 6; turn++) {
      state.room = 1;
      feed.resume();
      await settle();
    }
    expect(got).toEqual(['1a', '2a', '0a', '1b', '2b', '0b']);
  });
});

describe('the end of a feed', () => {
  it('comes when it is stopped, also from inside a delivery', async () => {
    await start();
    await append(['a']);
    const { feed, got, failures } = consumer(100, () => feed.stop());
    await feed.open('first');
    feed.begin();
    await settle();
    await append(['b']);
    await settle();
    expect([got, failures, feed.stopped]).toEqual([['a'], [], true]);
  });

  it('comes while it opens, and leaves nothing that listens', async () => {
    await start(2);
    await append(['a']);
    let listening = 0;
    for (const partition of stream.partitions) {
      const { onAdvance } = partition;
      partition.onAdvance = (listener) => {
        const stop = onAdvance.call(partition, listener);
        listening += 1;
        return () => {
          listening -= 1;
          stop();
        };
      };
    }
    const { feed, got } = consumer();
    const opened = feed.open('first');
    feed.stop();
    await opened;
    feed.begin();
    await settle();
    expect([got, listening]).toEqual([[], 0]);
  });

  it('comes with the end of its stream, and is told once', async () => {
    await start();
    await append(['a']);
    const { feed, got, failures } = consumer();
    await feed.open('first');
    await kit.streams.create({ name: 'other' });
    await kit.streams.delete('other');
    expect(failures).toEqual([]);
    await kit.streams.delete('s');
    feed.begin();
    await settle();
    expect([got, failures, feed.stopped]).toEqual([[], ['the stream was deleted'], true]);
  });

  it('comes when a record cannot be delivered', async () => {
    await start();
    await append(['a', 'b']);
    const broken = new Error('broken');
    const { feed, got, failures } = consumer(100, () => {
      throw broken;
    });
    await feed.open('first');
    feed.begin();
    await settle();
    expect([got, failures, feed.stopped]).toEqual([['a'], [broken], true]);
  });

  it('comes when it cannot open', async () => {
    await start();
    const broken = new Error('broken');
    stream.partitions[0]!.findTimestamp = () => Promise.reject(broken);
    const { feed, failures } = consumer();
    await expect(feed.open({ timestampMs: START_MS })).rejects.toBe(broken);
    expect([failures, feed.stopped]).toEqual([[], true]);
  });
});
