import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { writeInt64 } from '../../lib/bytes/int64.ts';
import { AT } from '../../log/batch.ts';
import { checkBatch } from '../record/check-batch.ts';
import { readBuffers } from '../record/record-reader.ts';
import { writeBatch, writeBatchCrc } from '../record/record-writer.ts';
import { LogPartition } from './log-partition.ts';
import type { ProducerSnapshot } from './producer-snapshot.ts';
import {
  resolveStreamConfig,
  STREAM_CONFIG_DEFAULTS,
  type StreamConfigName,
} from './stream-config.ts';
import { HeldLog } from './testing/held-log.ts';
import { type Kit, type KitOptions, openKit, START_MS } from './testing/kit.ts';

const open: Kit[] = [];

async function partitionOn(
  options: KitOptions & { overrides?: [StreamConfigName, string][] } = {},
): Promise<{ kit: Kit; partition: LogPartition }> {
  const { overrides = [], ...kitOptions } = options;
  const kit = await openKit(kitOptions);
  open.push(kit);
  const stream = await kit.streams.create({ name: 'a', overrides: new Map(overrides) });
  return { kit, partition: stream.partitions[0]! };
}

async function restarted(kit: Kit, crash = false): Promise<{ kit: Kit; partition: LogPartition }> {
  open.splice(open.indexOf(kit), 1);
  const next = await kit.restart({ crash });
  open.push(next);
  return { kit: next, partition: next.streams.get('a')!.partitions[0]! };
}

afterEach(async () => {
  for (const kit of open.splice(0)) await kit.destroy();
});

function batch(count: number, timestampMs = START_MS, codec: 'none' | 'gzip' = 'none'): Buffer {
  const records = Array.from({ length: count }, (_, index) => ({
    value: Buffer.from(`record ${index}`),
    timestampMs: timestampMs + index * 10,
  }));
  return writeBatch({ records, timestampMs, codec });
}

function produced(sequence: number, count = 1, id = 7, epoch = 0): Buffer {
  const records = Array.from({ length: count }, () => ({ value: Buffer.from('x') }));
  return writeBatch({ records, timestampMs: START_MS, producer: { id, epoch, sequence } });
}

function held(): { log: HeldLog; partition: LogPartition; saved: ProducerSnapshot[] } {
  const log = new HeldLog();
  const saved: ProducerSnapshot[] = [];
  const partition = new LogPartition({
    streamName: 'held',
    index: 0,
    log,
    config: STREAM_CONFIG_DEFAULTS,
    clock: { nowMs: () => START_MS, monotonicMs: () => 0 },
    budget: { count: 0, countMax: 1000 },
    saveProducers: async (snapshot) => void saved.push(snapshot),
  });
  return { log, partition, saved };
}

describe('partition', () => {
  it('settles when what was appended before is committed, and shows it then', async () => {
    const { log, partition } = held();
    await partition.settle();
    void partition.append(batch(2), 'written');
    const settling = partition.settle().then(() => partition.endOffset);
    void partition.append(batch(3), 'written');
    log.commit(2);
    expect(await settling).toBe(2);
  });

  it('settles also when the records were lost', async () => {
    const { log, partition } = held();
    partition.append(batch(2), 'written').catch(() => undefined);
    const settling = partition.settle().then(() => partition.endOffset);
    log.lose();
    expect(await settling).toBe(0);
  });

  it('returns nothing for offsets that are appended but not committed', async () => {
    const { log, partition } = held();
    void partition.append(batch(2), 'written');
    expect(await partition.read(2, 100, true)).toMatchObject({ bytes: 0, nextOffset: 2 });
    expect(() => partition.read(3, 100, true)).toThrow('out of range');
    log.commit();
    expect(() => partition.read(3, 100, true)).toThrow('out of range');
  });

  it('refuses a batch larger than the stream takes', async () => {
    const size = batch(1).length;
    const { partition } = await partitionOn({ overrides: [['batchBytesMax', String(size)]] });
    await partition.append(batch(1), 'committed');
    const larger = partition.append(batch(2), 'committed');
    await expect(larger).rejects.toMatchObject({ code: 'message-too-large' });
    expect(partition.endOffset).toBe(1);
  });

  it('refuses records dated too far ahead or behind', async () => {
    const { partition } = await partitionOn({
      overrides: [
        ['timestampAheadMsMax', '1000'],
        ['timestampBehindMsMax', '2000'],
      ],
    });
    await partition.append(batch(1, START_MS + 1000), 'committed');
    await partition.append(batch(1, START_MS - 2000), 'committed');
    await partition.append(batch(1, -1), 'committed');
    for (const bad of [START_MS + 1001, START_MS - 2001]) {
      await expect(partition.append(batch(1, bad), 'committed')).rejects.toMatchObject({
        code: 'invalid-timestamp',
      });
    }
    expect(partition.endOffset).toBe(3);
  });

  it('stamps the append time where the stream says so', async () => {
    const { partition, kit } = await partitionOn({ overrides: [['timestampType', 'append']] });
    kit.clock.advance(5000);
    const appended = await partition.append(batch(3, 1), 'committed');
    expect(appended.appendTimeMs).toBe(START_MS + 5000);
    const { buffers } = await partition.read(0, 4096, true);
    const times = [...readBuffers(buffers)].map(({ timestampMs }) => timestampMs);
    expect(times).toEqual(new Array(3).fill(START_MS + 5000));
    // Apart from the stamp it is a batch like any other, with the right checksum.
    const copy = Buffer.from(buffers[0]!);
    expect(() => checkBatch(copy)).toThrow(/append time/);
    expect(await partition.findTimestamp(START_MS + 5000)).toEqual({
      offset: 0,
      timestampMs: START_MS + 5000,
    });
  });

  it.each(['none', 'gzip'] as const)('finds records by time inside batches (%s)', async (codec) => {
    const { partition } = await partitionOn();
    expect(await partition.findTimestamp(0)).toBeUndefined();
    expect(await partition.findMaxTimestamp()).toBeUndefined();
    await partition.append(batch(10, START_MS, codec), 'committed');
    await partition.append(batch(10, START_MS - 1000, codec), 'committed');
    await partition.append(batch(10, START_MS + 1000, codec), 'committed');
    const at = async (ms: number): Promise<number | undefined> =>
      (await partition.findTimestamp(START_MS + ms))?.offset;
    expect(await at(-5000)).toBe(0);
    expect(await at(0)).toBe(0);
    expect(await at(11)).toBe(2);
    expect(await at(90)).toBe(9);
    expect(await at(91)).toBe(20);
    expect(await at(1090)).toBe(29);
    expect(await at(1091)).toBeUndefined();
    expect(await partition.findMaxTimestamp()).toEqual({
      offset: 29,
      timestampMs: START_MS + 1090,
    });
  });

  it('answers with the first offset of a batch that holds not what it says', async () => {
    const { partition } = await partitionOn();
    const liar = batch(3);
    writeInt64(liar, START_MS + 500, AT.maxTimestamp);
    writeBatchCrc(liar);
    const broken = batch(3, START_MS + 1000, 'gzip');
    broken.fill(0, 70);
    writeBatchCrc(broken);
    await partition.append(liar, 'committed');
    await partition.append(broken, 'committed');
    expect(await partition.findTimestamp(START_MS + 400)).toMatchObject({ offset: 0 });
    expect(await partition.findTimestamp(START_MS + 900)).toMatchObject({ offset: 3 });
    expect(await partition.findMaxTimestamp()).toMatchObject({ offset: 3 });
  });

  it('never finds a record that was deleted', async () => {
    const { partition } = await partitionOn();
    await partition.append(batch(10), 'committed');
    await partition.append(batch(10, START_MS - 500), 'committed');
    await partition.append(batch(10, START_MS + 500), 'committed');
    expect(await partition.deleteRecords(5)).toBe(5);
    expect(await partition.findTimestamp(START_MS + 20)).toMatchObject({ offset: 5 });
    expect(await partition.findTimestamp(0)).toMatchObject({ offset: 5 });
  });

  it('looks behind a batch whose matching records were deleted with its head', async () => {
    const { partition } = await partitionOn();
    const records = [{ timestampMs: START_MS + 100 }, { timestampMs: START_MS }];
    await partition.append(writeBatch({ records, timestampMs: START_MS }), 'committed');
    await partition.append(batch(1, START_MS + 150), 'committed');
    expect(await partition.findTimestamp(START_MS + 50)).toMatchObject({ offset: 0 });
    await partition.deleteRecords(1);
    expect(await partition.findTimestamp(START_MS + 50)).toMatchObject({ offset: 2 });
  });

  it('deletes records up to an offset or all, and keeps doing so after a restart', async () => {
    const { partition, kit } = await partitionOn();
    await partition.append(batch(10), 'committed');
    expect(await partition.deleteRecords(4)).toBe(4);
    expect(await partition.deleteRecords(2)).toBe(4);
    for (const bad of [11, -2]) {
      await expect(partition.deleteRecords(bad)).rejects.toMatchObject({
        code: 'offset-out-of-range',
      });
    }
    expect(() => partition.read(3, 100, true)).toThrow(
      expect.objectContaining({ code: 'offset-out-of-range' }),
    );
    const again = await restarted(kit);
    expect(again.partition.startOffset).toBe(4);
    expect(await again.partition.deleteRecords(-1)).toBe(10);
    expect(again.partition.startOffset).toBe(10);
  });

  it('knows the end of its one epoch', async () => {
    const { partition } = await partitionOn();
    await partition.append(batch(10), 'committed');
    expect(partition.endOfEpoch(0)).toEqual({ epoch: 0, endOffset: 10 });
    expect(partition.endOfEpoch(1)).toEqual({ epoch: -1, endOffset: -1 });
    expect(partition.endOfEpoch(-1)).toEqual({ epoch: -1, endOffset: -1 });
  });

  it('tells of advances until told to stop', async () => {
    const { partition } = await partitionOn();
    let told = 0;
    const stop = partition.onAdvance(() => told++);
    await partition.append(batch(1), 'committed');
    await turn();
    expect(told).toBe(1);
    stop();
    await partition.append(batch(1), 'committed');
    await turn();
    expect(told).toBe(1);
  });
});

describe('idempotent producer', () => {
  it('is answered with the first offset when it sends a batch again', async () => {
    const { partition } = await partitionOn();
    await partition.append(batch(5), 'committed');
    const first = await partition.append(produced(0, 3), 'committed');
    await partition.append(produced(3, 3), 'committed');
    expect(first.baseOffset).toBe(5);
    expect((await partition.append(produced(0, 3), 'committed')).baseOffset).toBe(5);
    expect(partition.endOffset).toBe(11);
    await expect(partition.append(produced(9), 'committed')).rejects.toMatchObject({
      code: 'out-of-order-sequence',
    });
    expect(partition.producerCount).toBe(1);
  });

  it.each(['clean', 'crash'] as const)('is remembered over a restart (%s)', async (kind) => {
    for (const engine of [undefined, 'file'] as const) {
      const { partition, kit } = await partitionOn(engine ? { engine } : {});
      await partition.append(produced(0, 3), 'committed');
      await partition.append(produced(0, 1, 8, 4), 'committed');
      const second = await restarted(kit, kind === 'crash');
      await second.partition.append(produced(3, 2), 'committed');
      await second.partition.append(batch(2), 'committed');
      const third = await restarted(second.kit, kind === 'crash');
      expect(third.partition.producerCount).toBe(2);
      expect((await third.partition.append(produced(0, 3), 'committed')).baseOffset).toBe(0);
      expect((await third.partition.append(produced(3, 2), 'committed')).baseOffset).toBe(4);
      expect((await third.partition.append(produced(5, 1), 'committed')).baseOffset).toBe(8);
      await expect(third.partition.append(produced(1, 1, 8, 3), 'none')).rejects.toMatchObject({
        code: 'stale-producer-epoch',
      });
    }
  });

  it('is remembered from snapshots alone once its batches are deleted', async () => {
    const { partition, kit } = await partitionOn();
    await partition.append(produced(0, 3), 'committed');
    const second = await restarted(kit);
    await second.partition.append(batch(1), 'committed');
    await second.partition.deleteRecords(-1);
    const third = await restarted(second.kit, true);
    expect((await third.partition.append(produced(0, 3), 'committed')).baseOffset).toBe(0);
  });

  it('does not get a duplicate confirmed before the original is committed', async () => {
    const { partition, log } = held();
    const done: string[] = [];
    void partition.append(produced(0), 'committed').then(() => done.push('original'));
    void partition.append(produced(0), 'committed').then(() => done.push('duplicate'));
    await turn();
    expect(log.batches).toHaveLength(1);
    expect(done).toEqual([]);
    log.commit();
    await turn();
    expect(done).toEqual(['original', 'duplicate']);
  });

  it('sends a batch that found no room again, as if it had never been sent', async () => {
    const { partition, log } = held();
    const kept = partition.append(produced(0), 'committed');
    log.commit();
    await kept;
    const lost = [
      partition.append(produced(1), 'committed'),
      partition.append(produced(2), 'committed'),
      partition.append(produced(1), 'committed'),
      partition.append(produced(0, 1, 9), 'committed'),
    ];
    log.lose();
    for (const outcome of await Promise.allSettled(lost)) {
      expect(outcome).toMatchObject({ reason: { code: 'storage-full' } });
    }
    const skipping = partition.append(produced(2), 'committed');
    await expect(skipping).rejects.toMatchObject({ code: 'out-of-order-sequence' });
    const again = partition.append(produced(1), 'committed');
    log.commit();
    expect((await again).baseOffset).toBe(1);
    expect(partition.producerCount).toBe(1);
  });

  it('is not confused by other batches that take the offsets of lost ones', async () => {
    const { partition, log } = held();
    const lost = partition.append(produced(0), 'committed');
    log.lose();
    await expect(lost).rejects.toMatchObject({ code: 'storage-full' });
    // Offset 0 is taken by somebody else, who is committed.
    const other = partition.append(batch(5), 'committed');
    log.commit();
    await other;
    const again = partition.append(produced(0), 'committed');
    log.commit();
    expect((await again).baseOffset).toBe(5);
  });

  it('is saved only as far as it is committed', async () => {
    const { partition, log, saved } = held();
    void partition.append(produced(0, 2), 'committed');
    const saving = partition.producers.saveSoon();
    await turn();
    expect(saved).toEqual([]);
    log.commit();
    await saving;
    expect(saved).toMatchObject([{ offset: 2 }]);
    void partition.append(produced(2), 'committed').catch(() => undefined);
    const failing = partition.producers.saveSoon();
    log.lose();
    await failing;
    expect(saved).toHaveLength(1);
  });

  it('leaves no snapshot behind when its stream is deleted', async () => {
    const { partition, kit } = await partitionOn();
    await partition.append(produced(0), 'committed');
    await partition.producers.saveSoon();
    expect(await kit.engine.blobs.list('producers/')).toHaveLength(1);
    await kit.streams.delete('a');
    expect(await kit.engine.blobs.list('producers/')).toEqual([]);
  });

  it('does not believe a snapshot that reaches beyond the log', async () => {
    const { kit } = await partitionOn();
    const stream = kit.streams.get('a')!;
    const name = stream.partitions[0]!.log.name;
    await stream.partitions[0]!.append(produced(0, 2), 'committed');
    const { ProducerSnapshots } = await import('./producer-snapshots.ts');
    const snapshots = await ProducerSnapshots.load(kit.engine.blobs);
    const batches = [{ firstSequence: 50, lastSequence: 59, baseOffset: 5, endOffset: 15 }];
    const state = { epoch: 9, seenMs: START_MS, batches };
    await snapshots.write({ log: name, offset: 15, producers: new Map([[7, state]]) });
    const again = await restarted(kit, true);
    expect((await again.partition.append(produced(0, 2), 'committed')).baseOffset).toBe(0);
    // It is replaced at once: the log may grow past it with other batches.
    const after = await ProducerSnapshots.load(kit.engine.blobs);
    expect(after.take(name, 1000)).toMatchObject({ offset: 2 });
  });
});

describe('partition of a failed log', () => {
  it('says that the log has no room, and goes on', async () => {
    const { partition, log } = held();
    const one = partition.append(batch(1), 'committed');
    log.lose();
    await expect(one).rejects.toMatchObject({ code: 'storage-full' });
    const two = partition.append(batch(1), 'written');
    log.commit();
    expect((await two).baseOffset).toBe(0);
  });

  it('answers at once when nothing is waited for', async () => {
    const { partition } = held();
    expect((await partition.append(batch(4), 'none')).baseOffset).toBe(0);
    expect((await partition.append(batch(4), 'none')).baseOffset).toBe(4);
  });

  it('applies new settings to what comes', async () => {
    const { partition } = held();
    const overrides = new Map([['batchBytesMax', '1']] as const);
    partition.configure(resolveStreamConfig(STREAM_CONFIG_DEFAULTS, overrides));
    await expect(partition.append(batch(1), 'none')).rejects.toMatchObject({
      code: 'message-too-large',
    });
  });
});
