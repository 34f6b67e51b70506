import type { TopicRecord } from '@polymq/client/driver';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type EmbeddedClient, embed } from '../embed.ts';
import { LiveRecords } from './live-records.ts';

const MIB = 1 << 20;
let client: EmbeddedClient | undefined;

afterEach(async () => {
  vi.restoreAllMocks();
  await client?.close();
  client = undefined;
});

function warnings(): unknown[] {
  const told: unknown[] = [];
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void told.push(warning));
  return told;
}

const record = (offset: number, bytes = 1): TopicRecord =>
  ({ offset, body: { length: bytes } }) as unknown as TopicRecord;

function takeAll(records: LiveRecords): number[] {
  const offsets: number[] = [];
  while (records.count > 0) offsets.push(...records.take().map(({ offset }) => offset));
  return offsets;
}

describe('records that wait for a live subscriber', () => {
  it('come in order, some at a time', () => {
    const records = new LiveRecords('t');
    for (let n = 0; n < 1_200; n += 1) records.add(record(n));
    expect(records.take()).toHaveLength(500);
    expect([...takeAll(records)]).toEqual(Array.from({ length: 700 }, (_, n) => 500 + n));
    expect(records.dropped).toBe(0);
  });

  it('lose the oldest when they are too many, and that is told once', () => {
    const told = warnings();
    const records = new LiveRecords('prices');
    for (let n = 0; n < 30_000; n += 1) records.add(record(n));
    const left = takeAll(records);
    expect(left.at(-1)).toBe(29_999);
    expect(left).toEqual(Array.from(left, (_, n) => 30_000 - left.length + n));
    expect(records.dropped + left.length).toBe(30_000);
    expect(told).toEqual([expect.objectContaining({ code: 'queue-full' })]);
    expect(String(told[0])).toContain('"prices"');
  });

  it('lose the oldest when they are too large together', () => {
    warnings();
    const records = new LiveRecords('t');
    for (let n = 0; n < 100; n += 1) records.add(record(n, MIB));
    expect(records.count).toBeLessThanOrEqual(64);
    expect(takeAll(records).at(-1)).toBe(99);
    for (let n = 0; n < 64; n += 1) records.add(record(n, MIB));
    expect(records.count).toBe(64);
  });
});

describe('a live subscriber that is slow', () => {
  it('sees the newest messages, and a warning is given', async () => {
    const told = warnings();
    client = await embed({ data: 'memory:' });
    const topic = client.topic<number>('live', { live: true });
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const seen: number[] = [];
    const consumer = topic.subscribe(async ({ data }) => {
      await gate;
      seen.push(data);
    });
    await consumer.ready();
    for (let batch = 0; batch < 12; batch += 1) {
      await topic.publishBatch(
        Array.from({ length: 1_000 }, (_, n) => ({ data: batch * 1_000 + n })),
      );
    }
    open();
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toBe(11_999);
    expect(told).toEqual([expect.objectContaining({ code: 'queue-full' })]);
  });
});
