/** Errors of the disk: which logs stop, what is refused, what goes on. */
import { describe, expect, it } from 'vitest';
import { DirectoryLockedError } from '../../lib/environment/disk.ts';
import {
  type DiskOperation,
  SimulatedDisk,
  systemError,
} from '../../lib/environment/simulated/simulated-disk.ts';
import { batchBaseOffset } from '../batch.ts';
import { LogFailedError, type LogOptions, StorageFullError } from '../log.ts';
import { makeBatch } from '../testing/batches.ts';
import { readBatches, turns } from '../testing/contract.ts';
import { openSimulatedEngine } from '../testing/simulated-engine.ts';
import { FormatTooNewError } from './data-directory.ts';

const OPTIONS: LogOptions = { durability: 'fsync', segmentBytes: 100_000 };
/** Too large for the commit log: goes straight to the segment. */
const LARGE = 40_000;

function failing(kind: DiskOperation['kind'], path: string, code: string) {
  return (operation: DiskOperation): void => {
    if (operation.kind === kind && operation.path.includes(path)) throw systemError(code, path);
  };
}

describe('an error of the disk', () => {
  for (const kind of ['write', 'datasync'] as const) {
    it(`stops only the log whose segment had it (${kind})`, async () => {
      const disk = new SimulatedDisk();
      const { engine } = await openSimulatedEngine(disk);
      const a = await engine.open('a', OPTIONS);
      const b = await engine.open('b', OPTIONS);
      a.append(makeBatch());
      await a.whenCommitted(1);
      disk.onOperation = failing(kind, '/logs/a/', 'EIO');
      a.append(makeBatch({ bodyBytes: LARGE }));
      b.append(makeBatch({ bodyBytes: LARGE }));
      await expect(a.whenCommitted(2)).rejects.toThrow(LogFailedError);
      await b.whenCommitted(1);
      disk.onOperation = undefined;
      // Never retried, although the disk would work again.
      expect(() => a.append(makeBatch())).toThrow(LogFailedError);
      expect(a.committed).toBe(1);
      expect(await readBatches(a, 0)).toHaveLength(1);
      disk.kill();
      const again = await openSimulatedEngine(disk);
      expect((await again.engine.open('a', OPTIONS)).committed).toBeGreaterThanOrEqual(1);
      expect(again.engine.metrics.damagedRanges).toBe(0);
    });
  }

  it('in the commit log stops the logs of the round; the others go on without it', async () => {
    const disk = new SimulatedDisk();
    const { engine } = await openSimulatedEngine(disk);
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => engine.open(name, OPTIONS)));
    disk.onOperation = failing('datasync', '/commit/', 'EIO');
    a!.append(makeBatch());
    b!.append(makeBatch());
    await expect(a!.whenCommitted(1)).rejects.toThrow(LogFailedError);
    await expect(b!.whenCommitted(1)).rejects.toThrow(LogFailedError);
    c!.append(makeBatch());
    await c!.whenCommitted(1);
    expect(c!.committed).toBe(1);
  });
});

describe('a full disk', () => {
  it('takes back the batch that found no room, and the log goes on', async () => {
    const disk = new SimulatedDisk();
    const { engine, clock } = await openSimulatedEngine(disk);
    const log = await engine.open('a', OPTIONS);
    log.append(makeBatch({ fill: 1 }));
    await log.whenCommitted(1);
    disk.onOperation = failing('write', '/logs/a/', 'ENOSPC');
    expect(log.append(makeBatch({ bodyBytes: LARGE }))).toBe(1);
    await expect(log.whenCommitted(2)).rejects.toThrow(StorageFullError);
    expect(log.tail).toBe(1);
    expect(() => log.append(makeBatch())).toThrow(StorageFullError);
    disk.onOperation = undefined;
    await untilAppended(clock, () => log.append(makeBatch({ bodyBytes: LARGE, fill: 2 })));
    await log.whenCommitted(2);
    const batches = await readBatches(log, 0);
    expect(batches.map((batch) => batchBaseOffset(batch, 0))).toEqual([0, 1]);
    await engine.close();
    const again = await openSimulatedEngine(disk);
    expect(await readBatches(await again.engine.open('a', OPTIONS), 0)).toEqual(batches);
  });

  it('takes back batches that had already begun a new segment', async () => {
    const disk = new SimulatedDisk();
    const { engine, clock } = await openSimulatedEngine(disk);
    const log = await engine.open('a', { ...OPTIONS, segmentBytes: 50_000 });
    log.append(makeBatch({ bodyBytes: LARGE }));
    await log.whenCommitted(1);
    disk.onOperation = failing('write', '/logs/a/', 'ENOSPC');
    for (let i = 0; i < 4; i++) log.append(makeBatch({ bodyBytes: LARGE }));
    await expect(log.whenCommitted(5)).rejects.toThrow(StorageFullError);
    expect([log.tail, log.segments().length]).toEqual([1, 2]);
    disk.onOperation = undefined;
    await untilAppended(clock, () => log.append(makeBatch({ bodyBytes: LARGE, fill: 2 })));
    await log.whenCommitted(2);
    disk.kill();
    const again = await openSimulatedEngine(disk);
    const reopened = await again.engine.open('a', OPTIONS);
    expect(reopened.committed).toBe(2);
    expect(await readBatches(reopened, 0)).toHaveLength(2);
    expect(again.engine.metrics.damagedRanges).toBe(0);
  });

  it('keeps what is committed when its segment has no room yet', async () => {
    const disk = new SimulatedDisk();
    const { engine, clock } = await openSimulatedEngine(disk);
    const log = await engine.open('a', OPTIONS);
    for (let i = 0; i < 5; i++) log.append(makeBatch({ fill: i }));
    await log.whenCommitted(5);
    disk.onOperation = failing('write', '/logs/a/', 'ENOSPC');
    clock.advance(300);
    await turns(5);
    expect(() => log.append(makeBatch())).toThrow(StorageFullError);
    expect(await readBatches(log, 0)).toHaveLength(5);
    disk.onOperation = undefined;
    await untilAppended(clock, () => log.append(makeBatch()));
    await log.whenCommitted(6);
    expect(await readBatches(log, 0)).toHaveLength(6);
  });

  it('is announced by refusing appends below the hard limit', async () => {
    const disk = new SimulatedDisk();
    const { engine, clock } = await openSimulatedEngine(disk, 1, { hardFreeBytes: 1000 });
    const log = await engine.open('a', OPTIONS);
    expect(engine.metrics.lowSpace).toBe(false);
    disk.free = 999;
    clock.advance(1100);
    await turns(3);
    expect(() => log.append(makeBatch())).toThrow(StorageFullError);
    expect(engine.metrics.lowSpace).toBe(true);
    disk.free = 1024 ** 4;
    clock.advance(1100);
    await turns(3);
    expect(log.append(makeBatch())).toBe(0);
    await log.whenCommitted(1);
  });
});

describe('the data directory', () => {
  it('is refused to a second engine, and free after the first', async () => {
    const disk = new SimulatedDisk();
    const { engine } = await openSimulatedEngine(disk);
    await expect(openSimulatedEngine(disk)).rejects.toThrow(DirectoryLockedError);
    await engine.close();
    await (await openSimulatedEngine(disk)).engine.close();
  });

  it('is refused if a newer version wrote it, naming both versions', async () => {
    const disk = new SimulatedDisk();
    await (await openSimulatedEngine(disk)).engine.close();
    await disk.edit('/data/format.json', () => Buffer.from('{"format": 7}\n'));
    await expect(openSimulatedEngine(disk)).rejects.toThrow(FormatTooNewError);
    await expect(openSimulatedEngine(disk)).rejects.toThrow(/version 7.*up to 1/);
  });
});

describe('the commit log', () => {
  it('commits small batches of many logs with one sync', async () => {
    const disk = new SimulatedDisk();
    const { engine } = await openSimulatedEngine(disk, 1, { commitFileBytes: 1024 ** 2 });
    const names = Array.from({ length: 100 }, (_, i) => `t/${i}`);
    const logs = await Promise.all(names.map((name) => engine.open(name, OPTIONS)));
    const before = engine.metrics.syncs;
    for (const log of logs) log.append(makeBatch());
    await Promise.all(logs.map((log) => log.whenCommitted(1)));
    expect(engine.metrics.syncs - before).toBe(1);
    disk.kill();
    const again = await openSimulatedEngine(disk);
    for (const name of names) {
      expect((await again.engine.open(name, OPTIONS)).committed).toBe(1);
    }
  });

  it('is used over and over', async () => {
    const disk = new SimulatedDisk();
    const { engine } = await openSimulatedEngine(disk);
    const logs = await Promise.all(['a', 'b'].map((name) => engine.open(name, OPTIONS)));
    for (let i = 0; i < 500; i++) {
      for (const log of logs) log.append(makeBatch({ bodyBytes: 500, fill: i }));
      await Promise.all(logs.map((log) => log.whenCommitted(i + 1)));
    }
    expect((await disk.size('/data/commit/0'))! + (await disk.size('/data/commit/1'))!).toBe(
      65_536,
    );
    disk.kill();
    const again = await openSimulatedEngine(disk);
    for (const name of ['a', 'b']) {
      const log = await again.engine.open(name, OPTIONS);
      expect(log.committed).toBe(500);
      expect(await readBatches(log, 0)).toHaveLength(500);
    }
  });
});

async function untilAppended(
  clock: { advance(ms: number): void },
  append: () => number,
): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      append();
      return;
    } catch (error) {
      if (!(error instanceof StorageFullError)) throw error;
      clock.advance(1100);
      await turns(5);
    }
  }
  throw new Error('appending is refused for good');
}
