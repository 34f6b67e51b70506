import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { writeBatch } from '../record/record-writer.ts';
import type { LogPartition } from './log-partition.ts';
import type { StreamConfigName } from './stream-config.ts';
import { type Kit, openKit, START_MS } from './testing/kit.ts';

const open: Kit[] = [];

afterEach(async () => {
  for (const kit of open.splice(0)) await kit.destroy();
});

async function partitionWith(
  overrides: [StreamConfigName, string][],
  options: { retentionCheckMs?: number; producerExpirationMs?: number } = {},
): Promise<{ kit: Kit; partition: LogPartition }> {
  const kit = await openKit(options);
  open.push(kit);
  const segments: [StreamConfigName, string] = ['segmentBytes', '1024'];
  const stream = await kit.streams.create({
    name: 'a',
    overrides: new Map([segments, ...overrides]),
  });
  return { kit, partition: stream.partitions[0]! };
}

/** One batch that nearly fills a segment. */
async function fill(partition: LogPartition, timestampMs: number): Promise<void> {
  const records = [{ value: Buffer.alloc(900) }];
  await partition.append(writeBatch({ records, timestampMs }), 'committed');
}

describe('retention', () => {
  it('removes whole segments whose newest record is too old', async () => {
    const { kit, partition } = await partitionWith([['retentionMs', '10000']]);
    for (let at = 0; at < 5; at++) await fill(partition, START_MS + at * 1000);
    kit.clock.advance(12_000);
    expect(await kit.retention.apply(partition)).toBe(2);
    kit.clock.advance(1000);
    expect(await kit.retention.apply(partition)).toBe(3);
  });

  it('removes the last segment too, and goes on behind it', async () => {
    const { kit, partition } = await partitionWith([['retentionMs', '10000']]);
    for (let at = 0; at < 3; at++) await fill(partition, START_MS);
    kit.clock.advance(10_001);
    expect(await kit.retention.apply(partition)).toBe(3);
    await fill(partition, START_MS + 10_000);
    expect(partition.startOffset).toBe(3);
    expect(partition.endOffset).toBe(4);
  });

  it('stops at a segment that is still wanted, though later ones are old', async () => {
    const { kit, partition } = await partitionWith([['retentionMs', '10000']]);
    await fill(partition, START_MS);
    await fill(partition, START_MS + 3_600_000);
    await fill(partition, START_MS);
    kit.clock.advance(20_000);
    expect(await kit.retention.apply(partition)).toBe(1);
  });

  it('keeps records for ever when told to, and those without a time', async () => {
    const forever = await partitionWith([['retentionMs', '-1']]);
    await fill(forever.partition, START_MS);
    await fill(forever.partition, START_MS);
    forever.kit.clock.advance(1e12);
    expect(await forever.kit.retention.apply(forever.partition)).toBe(0);
    const timeless = await partitionWith([['retentionMs', '1000']]);
    await fill(timeless.partition, -1);
    await fill(timeless.partition, -1);
    timeless.kit.clock.advance(1e12);
    expect(await timeless.kit.retention.apply(timeless.partition)).toBe(0);
  });

  it('removes the oldest closed segments of a partition that is too large', async () => {
    const { kit, partition } = await partitionWith([['retentionBytes', '3000']]);
    for (let at = 0; at < 6; at++) await fill(partition, START_MS);
    expect(await kit.retention.apply(partition)).toBe(2);
    expect(partition.sizeBytes).toBeGreaterThanOrEqual(3000);
    await kit.streams.configure('a', new Map([['retentionBytes', '0']]));
    // The segment that is appended to stays.
    expect(await kit.retention.apply(partition)).toBe(5);
  });

  it('closes a segment that has been open for long', async () => {
    const { kit, partition } = await partitionWith([['segmentMs', '60000']]);
    await fill(partition, START_MS);
    await kit.retention.apply(partition);
    kit.clock.advance(59_999);
    await kit.retention.apply(partition);
    expect(partition.log.segments()).toHaveLength(1);
    kit.clock.advance(1);
    await kit.retention.apply(partition);
    expect(partition.log.segments()).toHaveLength(2);
  });

  it('forgets idempotent producers that were silent', async () => {
    const { kit, partition } = await partitionWith([], { producerExpirationMs: 5000 });
    const producer = { id: 1, epoch: 0, sequence: 0 };
    await partition.append(writeBatch({ records: [{}], timestampMs: START_MS, producer }), 'none');
    kit.clock.advance(5000);
    await kit.retention.run();
    expect(partition.producerCount).toBe(1);
    kit.clock.advance(1);
    await kit.retention.run();
    expect(partition.producerCount).toBe(0);
  });

  it('runs by itself, again and again, until it is stopped', async () => {
    const { kit, partition } = await partitionWith([['retentionMs', '1000']], {
      retentionCheckMs: 60_000,
    });
    for (let round = 1; round <= 3; round++) {
      await fill(partition, kit.clock.nowMs);
      kit.clock.advance(60_000);
      await turn();
      expect(partition.startOffset).toBe(round);
    }
    await kit.retention.stop();
    expect(kit.clock.timers.size).toBe(0);
  });

  it('goes on with other partitions when one fails', async () => {
    const { kit, partition } = await partitionWith([['retentionMs', '1000']]);
    const other = await kit.streams.create({ name: 'b' });
    await fill(partition, START_MS);
    await other.partitions[0]!.append(
      writeBatch({ records: [{}], timestampMs: START_MS }),
      'committed',
    );
    partition.log.trim = () => Promise.reject(new Error('EIO'));
    kit.clock.advance(604_800_001);
    await kit.retention.run();
    expect(partition.startOffset).toBe(0);
    expect(other.partitions[0]!.startOffset).toBe(1);
  });
});
