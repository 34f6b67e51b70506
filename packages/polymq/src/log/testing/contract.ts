/**
 * The contract suite of the log port: what every engine must do, run by vitest on each.
 *
 * `create` gives an engine on a new empty place, `reopen` closes it cleanly and opens the same place
 * again; engines that keep nothing (`supports.persistence: false`) skip what needs that.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BATCH_HEADER_BYTES, batchBaseOffset, batchBytes } from '../batch.ts';
import { type Log, type LogEngine, type LogOptions, OffsetOutOfRangeError } from '../log.ts';
import { makeBatch } from './batches.ts';

export interface LogEngineContract {
  name: string;
  create(): Promise<LogEngine>;
  /** Closes the engine and opens its place again. */
  reopen(engine: LogEngine): Promise<LogEngine>;
  /** Removes the place. */
  destroy?(engine: LogEngine): Promise<void>;
  supports: { persistence: boolean };
}

const OPTIONS: LogOptions = { durability: 'fsync', segmentBytes: 1024 * 1024 };

export function logEngineContract(contract: LogEngineContract): void {
  describe(`log engine ${contract.name}`, () => {
    let engine: LogEngine;

    beforeEach(async () => {
      engine = await contract.create();
    });

    afterEach(async () => {
      await engine.close();
      await contract.destroy?.(engine);
    });

    describeAppending(() => engine);
    describeReading(() => engine);
    describeTimestamps(() => engine);
    describeTrimming(() => engine);
    describeEngine(() => engine);
    if (contract.supports.persistence) {
      describePersistence(
        () => engine,
        async () => {
          engine = await contract.reopen(engine);
          return engine;
        },
      );
    }
  });
}

function describeAppending(engine: () => LogEngine): void {
  it('gives base offsets by record count', async () => {
    const log = await engine().open('a', OPTIONS);
    expect(log.append(makeBatch({ recordCount: 3 }))).toBe(0);
    expect(log.append(makeBatch({ recordCount: 1 }))).toBe(3);
    expect(log.append(makeBatch({ recordCount: 5 }))).toBe(4);
    expect(log.tail).toBe(9);
    await log.whenCommitted(9);
    expect(log.committed).toBe(9);
  });

  it('gives the batch back byte for byte but for base offset and leader epoch', async () => {
    const log = await engine().open('a', OPTIONS);
    log.append(makeBatch());
    const batch = makeBatch({ recordCount: 2, bodyBytes: 1000, fill: 9 });
    const body = Buffer.from(batch);
    log.append(batch);
    await log.whenCommitted(log.tail);
    const [found] = await readBatches(log, 1);
    expect(batchBaseOffset(found!, 0)).toBe(1);
    expect(found!.readInt32BE(12)).toBe(0);
    expect(found!.subarray(16)).toEqual(body.subarray(16));
    expect(found!.subarray(8, 12)).toEqual(body.subarray(8, 12));
  });

  for (const durability of ['fsync', 'os', 'memory'] as const) {
    it(`commits in ${durability} mode and tells the listeners`, async () => {
      const log = await engine().open('a', { ...OPTIONS, durability });
      let committedSeen = 0;
      const stop = log.onCommitted(() => {
        committedSeen = log.committed;
      });
      for (let i = 0; i < 20; i++) log.append(makeBatch());
      await log.whenWritten(20);
      await log.whenCommitted(20);
      await until(() => committedSeen === 20);
      stop();
      log.append(makeBatch());
      await log.whenCommitted(21);
      await turns(3);
      expect(committedSeen).toBe(20);
    });
  }

  it('resolves each waiter only when its own offset is committed', async () => {
    const log = await engine().open('a', OPTIONS);
    const seen: number[] = [];
    const waits: Promise<void>[] = [];
    for (let i = 1; i <= 50; i++) {
      log.append(makeBatch());
      waits.push(
        log.whenCommitted(i).then(() => {
          expect(log.committed).toBeGreaterThanOrEqual(i);
          seen.push(i);
        }),
      );
      if (i % 7 === 0) await turns(1);
    }
    await Promise.all(waits);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen).toHaveLength(50);
  });
}

function describeReading(engine: () => LogEngine): void {
  it('reads whole batches up to the limit in bytes', async () => {
    const log = await engine().open('a', OPTIONS);
    for (let i = 0; i < 10; i++) log.append(makeBatch({ bodyBytes: 100 - BATCH_HEADER_BYTES }));
    await log.whenCommitted(10);
    const read = await log.read(2, 350, false);
    expect(read.bytes).toBe(300);
    expect(read.nextOffset).toBe(5);
    expect(Buffer.concat(read.buffers)).toHaveLength(300);
  });

  it('reads nothing if the first batch is larger than the limit, unless one is wanted', async () => {
    const log = await engine().open('a', OPTIONS);
    log.append(makeBatch({ bodyBytes: 5000 }));
    log.append(makeBatch({ bodyBytes: 10 }));
    await log.whenCommitted(2);
    expect((await log.read(0, 100, false)).bytes).toBe(0);
    const read = await log.read(0, 100, true);
    expect(read.nextOffset).toBe(1);
    expect(read.bytes).toBe(5000 + BATCH_HEADER_BYTES);
  });

  it('reads the batch that contains an offset in its middle', async () => {
    const log = await engine().open('a', OPTIONS);
    for (let i = 0; i < 5; i++) log.append(makeBatch({ recordCount: 10, fill: i }));
    await log.whenCommitted(50);
    const [found] = await readBatches(log, 27);
    expect(batchBaseOffset(found!, 0)).toBe(20);
  });

  it('reads nothing at the end and refuses offsets outside', async () => {
    const log = await engine().open('a', OPTIONS);
    log.append(makeBatch());
    await log.whenCommitted(1);
    expect(await log.read(1, 1000, true)).toEqual({ buffers: [], bytes: 0, nextOffset: 1 });
    expect(() => log.read(2, 1000, true)).toThrow(OffsetOutOfRangeError);
    expect(() => log.read(-1, 1000, true)).toThrow(OffsetOutOfRangeError);
  });

  it('reads across segments', async () => {
    const log = await engine().open('a', { ...OPTIONS, segmentBytes: 1000 });
    for (let i = 0; i < 100; i++) log.append(makeBatch({ bodyBytes: 200, fill: i }));
    await log.whenCommitted(100);
    expect(log.segments().length).toBeGreaterThan(20);
    const all = await readBatches(log, 0);
    expect(all.map((batch) => batchBaseOffset(batch, 0))).toEqual(range(0, 100));
    expect(all[63]).toEqual(withOffset(makeBatch({ bodyBytes: 200, fill: 63 }), 63));
  });

  it('visits the headers of all batches from one on', async () => {
    const log = await engine().open('a', { ...OPTIONS, segmentBytes: 5000 });
    for (let i = 0; i < 60; i++) log.append(makeBatch({ recordCount: 2, bodyBytes: 100 + i }));
    await log.whenCommitted(120);
    const seen: [number, number][] = [];
    await log.scanHeaders(31, (header, at, bytes) => {
      seen.push([batchBaseOffset(header, at), bytes]);
    });
    expect(seen).toEqual(range(15, 60).map((i) => [2 * i, 161 + i]));
  });
}

function describeTimestamps(engine: () => LogEngine): void {
  it('finds the first batch at or after a timestamp', async () => {
    const log = await engine().open('a', { ...OPTIONS, segmentBytes: 2000 });
    for (const timestampMs of [100, 200, 150, 300, 250, 400]) {
      log.append(makeBatch({ timestampMs, bodyBytes: 900 }));
    }
    await log.whenCommitted(6);
    expect(await log.findTimestamp(0)).toBe(0);
    expect(await log.findTimestamp(101)).toBe(1);
    expect(await log.findTimestamp(201)).toBe(3);
    expect(await log.findTimestamp(301)).toBe(5);
    expect(await log.findTimestamp(401)).toBeUndefined();
  });

  it('finds the batch with the largest timestamp', async () => {
    const log = await engine().open('a', { ...OPTIONS, segmentBytes: 2000 });
    expect(await log.findMaxTimestamp()).toBeUndefined();
    for (const timestampMs of [100, 500, 150, 300]) {
      log.append(makeBatch({ timestampMs, bodyBytes: 900 }));
    }
    await log.whenCommitted(4);
    expect(await log.findMaxTimestamp()).toEqual({ baseOffset: 1, timestampMs: 500 });
  });
}

function describeTrimming(engine: () => LogEngine): void {
  it('trims up to an offset and frees whole segments', async () => {
    const log = await engine().open('a', { ...OPTIONS, segmentBytes: 1000 });
    for (let i = 0; i < 30; i++) log.append(makeBatch({ bodyBytes: 239, timestampMs: 1000 + i }));
    await log.whenCommitted(30);
    const sizeBefore = log.sizeBytes;
    await log.trim(14);
    expect(log.start).toBe(14);
    expect(log.sizeBytes).toBeLessThan(sizeBefore);
    expect(log.segments()[0]!.endOffset).toBeGreaterThan(14);
    expect(() => log.read(13, 1000, true)).toThrow(OffsetOutOfRangeError);
    expect(batchBaseOffset((await readBatches(log, 14))[0]!, 0)).toBe(14);
    expect(await log.findTimestamp(0)).toBe(14);
  });

  it('trims everything and goes on with the next offset', async () => {
    const log = await engine().open('a', OPTIONS);
    for (let i = 0; i < 5; i++) log.append(makeBatch());
    await log.whenCommitted(5);
    await log.trim(5);
    expect(log.start).toBe(5);
    expect(log.sizeBytes).toBe(0);
    expect(log.append(makeBatch())).toBe(5);
    await log.whenCommitted(6);
    expect(await readBatches(log, 5)).toHaveLength(1);
    await expect(log.trim(7)).rejects.toThrow(OffsetOutOfRangeError);
  });

  it('rolls the active segment on request, but not an empty one', async () => {
    const log = await engine().open('a', OPTIONS);
    log.rollSegment();
    expect(log.segments()).toHaveLength(1);
    log.append(makeBatch({ timestampMs: 5 }));
    log.rollSegment();
    log.rollSegment();
    log.append(makeBatch({ timestampMs: 6 }));
    await log.whenCommitted(2);
    expect(log.segments()).toMatchObject([
      { baseOffset: 0, endOffset: 1, maxTimestampMs: 5, closed: true },
      { baseOffset: 1, endOffset: 2, maxTimestampMs: 6, closed: false },
    ]);
  });
}

function describeEngine(engine: () => LogEngine): void {
  it('keeps logs apart and lists them', async () => {
    const names = ['b', 'a/0', 'ü .', '..', `x/${'long'.repeat(150)}/7`];
    for (const [index, name] of names.entries()) {
      const log = await engine().open(name, OPTIONS);
      log.append(makeBatch({ fill: index }));
      await log.whenCommitted(1);
    }
    expect(await engine().list()).toEqual([...names].sort());
    for (const [index, name] of names.entries()) {
      const log = await engine().open(name, OPTIONS);
      expect((await readBatches(log, 0))[0]).toEqual(withOffset(makeBatch({ fill: index }), 0));
    }
  });

  it('deletes a log, whose name is then free', async () => {
    const log = await engine().open('a', OPTIONS);
    log.append(makeBatch());
    await log.whenCommitted(1);
    await engine().delete('a');
    expect(await engine().list()).toEqual([]);
    expect(() => log.append(makeBatch())).toThrow();
    const again = await engine().open('a', OPTIONS);
    expect(again.tail).toBe(0);
  });

  it('keeps small values', async () => {
    const { blobs } = engine();
    expect(await blobs.get('group/1')).toBeUndefined();
    await blobs.put('group/1', Buffer.from('one'));
    await blobs.put('group/2', Buffer.from('two'));
    await blobs.put('other', Buffer.alloc(0));
    await blobs.put('group/1', Buffer.from('uno'));
    expect((await blobs.get('group/1'))?.toString()).toBe('uno');
    expect((await blobs.get('other'))?.length).toBe(0);
    expect(await blobs.list('group/')).toEqual(['group/1', 'group/2']);
    await blobs.delete('group/1');
    await blobs.delete('group/never');
    expect(await blobs.list('')).toEqual(['group/2', 'other']);
  });

  it('counts what it does', async () => {
    const log = await engine().open('a', OPTIONS);
    log.append(makeBatch({ bodyBytes: 39 }));
    log.append(makeBatch({ bodyBytes: 39 }));
    await log.whenCommitted(2);
    await readBatches(log, 0);
    expect(engine().metrics).toMatchObject({
      appendedBatches: 2,
      appendedBytes: 200,
      readBytes: 200,
    });
  });
}

function describePersistence(engine: () => LogEngine, reopen: () => Promise<LogEngine>): void {
  it('has everything after it was opened again', async () => {
    const log = await engine().open('a', { ...OPTIONS, segmentBytes: 3000 });
    for (let i = 0; i < 40; i++) {
      log.append(makeBatch({ bodyBytes: 300, fill: i, timestampMs: 1000 + i }));
    }
    const segments = log.segments();
    await engine().blobs.put('k', Buffer.from('v'));
    await reopen();
    const again = await engine().open('a', { ...OPTIONS, segmentBytes: 3000 });
    expect([again.start, again.committed, again.tail]).toEqual([0, 40, 40]);
    expect(again.segments()).toEqual(segments);
    const all = await readBatches(again, 0);
    expect(all.map((batch, i) => batch.equals(withOffset(rebuilt(i), i)))).not.toContain(false);
    expect(all).toHaveLength(40);
    expect(await again.findTimestamp(1023)).toBe(23);
    expect((await engine().blobs.get('k'))?.toString()).toBe('v');
    expect(again.append(makeBatch())).toBe(40);
    await again.whenCommitted(41);
  });

  it('keeps start and tail of a log that was trimmed to nothing', async () => {
    const log = await engine().open('a', OPTIONS);
    for (let i = 0; i < 9; i++) log.append(makeBatch());
    await log.whenCommitted(9);
    await log.trim(9);
    await reopen();
    const again = await engine().open('a', OPTIONS);
    expect([again.start, again.committed, again.tail]).toEqual([9, 9, 9]);
  });

  it('keeps a start in the middle of a segment', async () => {
    const log = await engine().open('a', OPTIONS);
    for (let i = 0; i < 9; i++) log.append(makeBatch());
    await log.whenCommitted(9);
    await log.trim(4);
    await reopen();
    const again = await engine().open('a', OPTIONS);
    expect([again.start, again.committed]).toEqual([4, 9]);
    expect(await readBatches(again, 4)).toHaveLength(5);
  });

  it('does not bring back a deleted log', async () => {
    const log = await engine().open('a', OPTIONS);
    log.append(makeBatch());
    await log.whenCommitted(1);
    await engine().delete('a');
    const second = await engine().open('a', OPTIONS);
    second.append(makeBatch({ fill: 5 }));
    await second.whenCommitted(1);
    await engine().delete('a');
    await reopen();
    expect(await engine().list()).toEqual([]);
    expect((await engine().open('a', OPTIONS)).tail).toBe(0);
  });

  it('commits what was appended when it is closed', async () => {
    const log = await engine().open('a', { ...OPTIONS, durability: 'memory' });
    for (let i = 0; i < 9; i++) log.append(makeBatch());
    await reopen();
    expect((await engine().open('a', OPTIONS)).committed).toBe(9);
  });
}

function rebuilt(i: number): Buffer {
  return makeBatch({ bodyBytes: 300, fill: i, timestampMs: 1000 + i });
}

/** All batches from the one that contains `from` on, each in its own buffer. */
export async function readBatches(log: Log, from: number, bytesMax = 4096): Promise<Buffer[]> {
  const batches: Buffer[] = [];
  let offset = from;
  while (offset < log.committed) {
    const read = await log.read(offset, bytesMax, true);
    if (read.nextOffset <= offset) throw new Error(`reading made no progress at ${offset}`);
    expect(read.bytes).toBe(read.buffers.reduce((sum, buffer) => sum + buffer.length, 0));
    for (const buffer of read.buffers) batches.push(...splitBatches(buffer));
    offset = read.nextOffset;
  }
  return batches;
}

function splitBatches(buffer: Buffer): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at < buffer.length; at += batchBytes(buffer, at)) {
    batches.push(buffer.subarray(at, at + batchBytes(buffer, at)));
  }
  return batches;
}

/** The batch as the log gives it back. */
export function withOffset(batch: Buffer, offset: number): Buffer {
  batch.writeBigInt64BE(BigInt(offset), 0);
  batch.writeInt32BE(0, 12);
  return batch;
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}
