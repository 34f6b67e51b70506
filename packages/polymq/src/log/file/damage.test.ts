/** Torn tails, flipped bytes, missing indexes: what recovery and reading do with files that changed. */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '../../lib/environment/simulated/simulated-disk.ts';
import { batchBaseOffset } from '../batch.ts';
import { DamagedRangeError, type Log, type LogEngine } from '../log.ts';
import { makeBatch } from '../testing/batches.ts';
import { readBatches, turns, withOffset } from '../testing/contract.ts';
import { openSimulatedEngine } from '../testing/simulated-engine.ts';

/** Files end where their batches end, so that their bytes can be counted. */
const EXACT = { preallocateBytes: 0 };
const OPTIONS = { durability: 'fsync', segmentBytes: 1024 ** 2 } as const;
const SEGMENT = '/data/logs/a/00000000000000000000.log';

/** 200 bytes each with the header. */
function numbered(index: number): Buffer {
  return makeBatch({ bodyBytes: 139, fill: index });
}

async function filledDisk(count: number, end: 'close' | 'kill'): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const { engine, clock } = await openSimulatedEngine(disk, 1, EXACT);
  const log = await engine.open('a', OPTIONS);
  for (let i = 0; i < count; i++) log.append(numbered(i));
  await log.whenCommitted(count);
  if (end === 'close') await engine.close();
  else {
    // The segment is written from memory after a while.
    clock.advance(1000);
    await turns(10);
    disk.kill();
  }
  return disk;
}

async function reopen(disk: SimulatedDisk): Promise<{ engine: LogEngine; log: Log }> {
  const { engine } = await openSimulatedEngine(disk, 1, EXACT);
  return { engine, log: await engine.open('a', OPTIONS) };
}

/** Reads everything that can be read, going round damage. Returns the indexes of the batches. */
async function readAround(log: Log): Promise<number[]> {
  const seen: number[] = [];
  let offset = log.start;
  while (offset < log.committed) {
    try {
      const read = await log.read(offset, 1000, true);
      for (const buffer of read.buffers) {
        for (let at = 0; at < buffer.length; at += 200) {
          const index = batchBaseOffset(buffer, at);
          if (!buffer.subarray(at, at + 200).equals(expectedAt(index)))
            throw new Error('wrong bytes');
          seen.push(index);
        }
      }
      offset = read.nextOffset;
    } catch (error) {
      if (!(error instanceof DamagedRangeError)) throw error;
      expect(error.nextOffset).toBeGreaterThan(offset);
      offset = error.nextOffset;
    }
  }
  return seen;
}

const expectedBatches: Buffer[] = [];

function expectedAt(index: number): Buffer {
  expectedBatches[index] ??= withOffset(numbered(index), index);
  return expectedBatches[index];
}

function indexes(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

const TEARS: Record<string, (content: Buffer, at: number) => Buffer> = {
  truncated: (content, at) => Buffer.from(content.subarray(0, at)),
  'filled with zeros': (content, at) => Buffer.from(content).fill(0, at),
  'filled with garbage': (content, at) => {
    const copy = Buffer.from(content);
    for (let i = at; i < copy.length; i++) copy[i] = copy[i]! ^ (1 + ((i * 7) % 255));
    return copy;
  },
};

describe('a torn tail', () => {
  for (const [name, tear] of Object.entries(TEARS)) {
    it(`opens with every whole batch when the tail is ${name}, over the last 4 KiB`, async () => {
      // What was killed and cannot be replayed: the commit log is gone, too.
      const disk = await filledDisk(30, 'kill');
      await disk.edit('/data/commit/0', () => Buffer.alloc(0));
      const content = (await disk.readFile(SEGMENT))!;
      expect(content).toHaveLength(6000);
      for (let at = content.length - 4096; at < content.length; at++) {
        await disk.edit(SEGMENT, () => tear(content, at));
        const { engine, log } = await reopen(disk);
        const whole = Math.floor(at / 200);
        expect([log.committed, log.tail]).toEqual([whole, whole]);
        expect(await readAround(log)).toEqual(indexes(0, whole));
        expect(engine.metrics.damagedRanges).toBe(0);
        disk.kill();
      }
    });
  }

  it('is damage, not the end, where the checkpoint knows it to be durable', async () => {
    const disk = await filledDisk(30, 'close');
    await disk.edit(SEGMENT, (content) => Buffer.from(content.subarray(0, 5000)));
    const { engine, log } = await reopen(disk);
    expect(log.committed).toBe(30);
    expect(await readAround(log)).toEqual(indexes(0, 25));
    expect(engine.metrics.damagedRanges).toBe(1);
    expect(log.append(numbered(30))).toBe(30);
    await log.whenCommitted(31);
    await engine.close();
    const again = await reopen(disk);
    expect(await readAround(again.log)).toEqual([...indexes(0, 25), 30]);
    expect(again.engine.metrics.damagedRanges).toBe(0);
  });
});

describe('a flipped byte', () => {
  it('is never served after a clean stop, wherever it is in a batch', async () => {
    for (let at = 2000; at < 2200; at++) {
      const disk = await filledDisk(30, 'close');
      await disk.edit(SEGMENT, (content) => {
        content[at] = content[at]! ^ 0x10;
        return content;
      });
      const { engine, log } = await reopen(disk);
      expect(await readAround(log)).toEqual([...indexes(0, 10), ...indexes(11, 30)]);
      expect(engine.metrics.damagedRanges).toBe(1);
      await engine.close();
      const again = await reopen(disk);
      expect(await readAround(again.log)).toEqual([...indexes(0, 10), ...indexes(11, 30)]);
      expect(again.engine.metrics.damagedRanges).toBe(0);
    }
  });

  it('is quarantined by recovery, which cuts nothing behind it', async () => {
    const disk = await filledDisk(30, 'kill');
    await disk.edit('/data/commit/0', () => Buffer.alloc(0));
    await disk.edit(SEGMENT, (content) => {
      content[2500] = content[2500]! ^ 1;
      return content;
    });
    const { engine, log } = await reopen(disk);
    expect(engine.metrics.damagedRanges).toBe(1);
    expect(log.committed).toBe(30);
    expect(await readAround(log)).toEqual([...indexes(0, 12), ...indexes(13, 30)]);
    const headers: number[] = [];
    await log.scanHeaders(0, (header, at) => headers.push(batchBaseOffset(header, at)));
    expect(headers).toEqual([...indexes(0, 12), ...indexes(13, 30)]);
    expect(disk.paths().filter((path) => path.startsWith('/data/quarantine/a/'))).toHaveLength(1);
  });

  it('is healed if the commit log still has the batch', async () => {
    const disk = await filledDisk(30, 'kill');
    await disk.edit(SEGMENT, (content) => {
      content[2500] = content[2500]! ^ 1;
      return content;
    });
    const { engine, log } = await reopen(disk);
    expect(engine.metrics.damagedRanges).toBe(0);
    expect(await readAround(log)).toEqual(indexes(0, 30));
  });
});

describe('the index of a segment', () => {
  for (const [name, change] of [
    ['missing', () => Buffer.alloc(0)],
    ['damaged', (content: Buffer) => content.fill(1, 40, 50)],
  ] as const) {
    it(`is made again when it is ${name}`, async () => {
      const disk = new SimulatedDisk();
      const first = await openSimulatedEngine(disk, 1, EXACT);
      const log = await first.engine.open('a', { ...OPTIONS, segmentBytes: 2 * 1024 ** 2 });
      const count = 300;
      for (let i = 0; i < count; i++) {
        log.append(makeBatch({ bodyBytes: 10_000, fill: i, timestampMs: i }));
      }
      await log.whenCommitted(count);
      await first.engine.close();
      const path = SEGMENT.replace('.log', '.index');
      expect(disk.paths()).toContain(path);
      await disk.edit(path, change);
      const { engine, log: again } = await reopen(disk);
      expect(await again.findTimestamp(123)).toBe(123);
      const [batch] = await readBatches(again, 150);
      expect(batchBaseOffset(batch!, 0)).toBe(150);
      await engine.close();
    });
  }
});
