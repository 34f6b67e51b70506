import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createNodeEnvironment } from '../../lib/environment/node/node-environment.ts';
import { openFileEngine } from '../../log/file/file-engine.ts';
import { type LogEngine, StorageFullError } from '../../log/log.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { openClusterId } from './cluster-id.ts';
import { MetaJournal, type MetaTable, type MetaWriter } from './meta-journal.ts';

const environment = createNodeEnvironment();

class Sum implements MetaTable<{ add: number }, number> {
  readonly name: string;
  total = 0;
  applied: number[] = [];

  constructor(name = 'sum') {
    this.name = name;
  }

  apply({ add }: { add: number }): void {
    this.total += add;
    this.applied.push(add);
  }

  save(): number {
    return this.total;
  }

  load(state: number): void {
    this.total = state;
  }
}

async function openSum(
  engine: LogEngine,
  options: { snapshotAfterCommands?: number } = {},
): Promise<{ meta: MetaJournal; sum: Sum; writer: MetaWriter<{ add: number }> }> {
  const meta = await MetaJournal.open({ engine, clock: environment.clock, ...options });
  const sum = new Sum();
  return { meta, sum, writer: meta.register(sum) };
}

describe('meta journal', () => {
  it('applies commands when they are committed, in order, and again after a restart', async () => {
    const engine = createMemoryEngine(environment);
    const { sum, writer } = await openSum(engine);
    await Promise.all([1, 2, 3].map((add) => writer.propose({ add })));
    await writer.propose({ add: 4 });
    expect(sum.applied).toEqual([1, 2, 3, 4]);
    expect((await openSum(engine)).sum.applied).toEqual([1, 2, 3, 4]);
  });

  it('keeps its commands on disk', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'polymq-meta-'));
    try {
      let engine = await openFileEngine(environment, { directory });
      const { writer, meta } = await openSum(engine, { snapshotAfterCommands: 10 });
      await Promise.all(Array.from({ length: 37 }, (_, add) => writer.propose({ add })));
      await meta.close();
      await engine.close();
      engine = await openFileEngine(environment, { directory });
      expect((await openSum(engine)).sum.total).toBe((37 * 36) / 2);
      await engine.close();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('keeps what was read for a table until the table registers', async () => {
    const engine = createMemoryEngine(environment);
    const first = await openSum(engine, { snapshotAfterCommands: 2 });
    const late = first.meta.register(new Sum('late'));
    await late.propose({ add: 5 });
    await first.writer.propose({ add: 1 });
    await late.propose({ add: 6 });
    await first.meta.close();

    const second = await openSum(engine, { snapshotAfterCommands: 2 });
    // Due for a snapshot, but it would lose the table that has not come yet.
    for (let count = 0; count < 5; count++) await second.writer.propose({ add: 1 });
    const lateSum = new Sum('late');
    second.meta.register(lateSum);
    expect(lateSum.total).toBe(11);
    expect(second.sum.total).toBe(6);
    const third = await openSum(engine);
    const lateAgain = new Sum('late');
    third.meta.register(lateAgain);
    expect([third.sum.total, lateAgain.total]).toEqual([6, 11]);
  });

  it('trims its log behind snapshots, and goes on from them', async () => {
    const engine = createMemoryEngine(environment);
    const { meta, writer } = await openSum(engine, { snapshotAfterCommands: 10 });
    for (let add = 0; add < 45; add++) await writer.propose({ add });
    await meta.close();
    const log = await engine.open('meta', { durability: 'fsync', segmentBytes: 4096 });
    expect(log.start).toBeGreaterThanOrEqual(20);
    const again = await openSum(engine);
    expect(again.sum.total).toBe((45 * 44) / 2);
    expect(again.sum.applied.length).toBeLessThan(20);
  });

  it('survives the loss of either snapshot', async () => {
    for (const lost of ['meta/snapshot-a', 'meta/snapshot-b']) {
      const engine = createMemoryEngine(environment);
      const { meta, writer } = await openSum(engine, { snapshotAfterCommands: 10 });
      for (let add = 0; add < 45; add++) await writer.propose({ add });
      await meta.close();
      await engine.blobs.delete(lost);
      const again = await openSum(engine, { snapshotAfterCommands: 10 });
      expect(again.sum.total).toBe((45 * 44) / 2);
      for (let add = 45; add < 80; add++) await again.writer.propose({ add });
      await again.meta.close();
      expect((await openSum(engine)).sum.total).toBe((80 * 79) / 2);
    }
  });

  it('refuses to start when commands are missing', async () => {
    const engine = createMemoryEngine(environment);
    const { meta, writer } = await openSum(engine, { snapshotAfterCommands: 10 });
    for (let add = 0; add < 45; add++) await writer.propose({ add });
    await meta.close();
    await engine.blobs.delete('meta/snapshot-a');
    await engine.blobs.delete('meta/snapshot-b');
    await expect(openSum(engine)).rejects.toThrow(/declarations are missing/);
  });

  it('refuses what a newer version wrote', async () => {
    const engine = createMemoryEngine(environment);
    const snapshot = JSON.stringify({ v: 2, offset: 0, tables: {} });
    await engine.blobs.put('meta/snapshot-a', Buffer.from(snapshot));
    await expect(openSum(engine)).rejects.toThrow(/newer version/);
  });

  it('does not apply a command that found no room, and goes on with the next', async () => {
    const engine = createMemoryEngine(environment);
    const { meta, sum, writer } = await openSum(engine);
    await writer.propose({ add: 1 });
    const log = await engine.open('meta', { durability: 'fsync', segmentBytes: 4096 });
    const append = log.append.bind(log);
    log.append = () => {
      throw new StorageFullError('meta');
    };
    await expect(writer.propose({ add: 2 })).rejects.toMatchObject({ code: 'storage-full' });
    log.append = append;
    await writer.propose({ add: 3 });
    expect(sum.applied).toEqual([1, 3]);
    await meta.close();
    await expect(writer.propose({ add: 4 })).rejects.toMatchObject({ code: 'stopping' });
  });

  it('does not apply a command that was appended but could not be written', async () => {
    const engine = createMemoryEngine(environment);
    const { sum, writer } = await openSum(engine);
    await writer.propose({ add: 1 });
    const log = await engine.open('meta', { durability: 'fsync', segmentBytes: 4096 });
    const { append, whenCommitted } = log;
    // The log takes the command at the next offset and then goes back.
    log.append = () => log.tail;
    log.whenCommitted = () => Promise.reject(new StorageFullError('meta'));
    await expect(writer.propose({ add: 2 })).rejects.toMatchObject({ code: 'storage-full' });
    log.append = append;
    log.whenCommitted = whenCommitted;
    await writer.propose({ add: 3 });
    expect(sum.applied).toEqual([1, 3]);
  });
});

describe('cluster id', () => {
  it('is made once and stays', async () => {
    const engine = createMemoryEngine(environment);
    const ids: string[] = [];
    for (let start = 0; start < 3; start++) {
      const meta = await MetaJournal.open({ engine, clock: environment.clock });
      ids.push(await openClusterId(meta, environment.random));
      await meta.close();
    }
    expect(ids[0]).toMatch(/^[\w-]{22}$/);
    expect(new Set(ids).size).toBe(1);
  });
});
