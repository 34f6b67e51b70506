import { afterEach, describe, expect, it } from 'vitest';
import { writeBatch } from '../record/record-writer.ts';
import type { StreamChange } from './streams.ts';
import { type Kit, type KitOptions, openKit, START_MS } from './testing/kit.ts';

const open: Kit[] = [];

async function kit(options: KitOptions = {}): Promise<Kit> {
  const opened = await openKit(options);
  open.push(opened);
  return opened;
}

async function restart(from: Kit, options: Parameters<Kit['restart']>[0] = {}): Promise<Kit> {
  open.splice(open.indexOf(from), 1);
  const opened = await from.restart(options);
  open.push(opened);
  return opened;
}

afterEach(async () => {
  for (const one of open.splice(0)) await one.destroy();
});

function batch(text = 'x'): Buffer {
  return writeBatch({ records: [{ value: Buffer.from(text) }], timestampMs: START_MS });
}

for (const engine of ['memory', 'file'] as const) {
  const options: KitOptions = engine === 'file' ? { engine } : {};

  describe(`stream catalogue on the ${engine} engine`, () => {
    it('creates a stream, takes records and gives them back', async () => {
      const { streams } = await kit(options);
      const stream = await streams.create({ name: 'orders', partitionCount: 3 });
      expect(stream.partitions.map((partition) => partition.index)).toEqual([0, 1, 2]);
      expect(streams.get('orders')).toBe(stream);
      expect(streams.getById(stream.id)).toBe(stream);
      const appended = await stream.partitions[1]!.append(batch('hello'), 'committed');
      expect(appended).toEqual({ baseOffset: 0, appendTimeMs: -1, startOffset: 0 });
      const read = await stream.partitions[1]!.read(0, 1024, true);
      expect(read.nextOffset).toBe(1);
      expect(stream.partitions[1]!.endOffset).toBe(1);
      expect(stream.partitions[0]!.endOffset).toBe(0);
    });

    it('has streams, settings and records again after a restart', async () => {
      const before = await kit(options);
      const overrides = new Map([['retentionMs', '1000'] as const]);
      const { id } = await before.streams.create({ name: 'a', partitionCount: 2, overrides });
      await before.streams.create({ name: 'b' });
      await before.streams.setPartitionCount('b', 4);
      await before.streams.configure('b', new Map([['segmentBytes', '4096']]));
      await before.streams.configureDefaults(new Map([['batchBytesMax', '5000']]));
      await before.streams.create({ name: 'gone' });
      await before.streams.delete('gone');
      await before.streams.get('a')!.partitions[1]!.append(batch('kept'), 'committed');

      const { streams } = await restart(before);
      expect(streams.list().map(({ name }) => name)).toEqual(['a', 'b']);
      expect(streams.get('a')!.id).toBe(id);
      expect(streams.get('a')!.config.retentionMs).toBe(1000);
      expect(streams.get('a')!.config.batchBytesMax).toBe(5000);
      expect(streams.get('b')!.partitions).toHaveLength(4);
      expect([...streams.get('b')!.overrides]).toEqual([['segmentBytes', '4096']]);
      expect(streams.defaultOverrides.get('batchBytesMax')).toBe('5000');
      const { buffers } = await streams.get('a')!.partitions[1]!.read(0, 1024, true);
      expect(buffers[0]!.includes('kept')).toBe(true);
    });

    it('never shows old records under a name that was deleted and created again', async () => {
      const { streams, engine: logs } = await kit(options);
      const first = await streams.create({ name: 'a' });
      await first.partitions[0]!.append(batch(), 'committed');
      await streams.delete('a');
      const second = await streams.create({ name: 'a' });
      expect(second.id).not.toBe(first.id);
      expect(second.partitions[0]!.endOffset).toBe(0);
      expect(await logs.list()).toEqual(['meta', `stream/${second.id}/0`]);
      const late = first.partitions[0]!.append(batch(), 'committed');
      await expect(late).rejects.toMatchObject({ code: 'unknown-partition' });
    });

    it('removes logs at start that no stream declares', async () => {
      const before = await kit(options);
      await before.streams.create({ name: 'a' });
      await before.engine.open('stream/00000000-dead-4000-8000-000000000000/0', {
        durability: 'fsync',
        segmentBytes: 4096,
      });
      const after = await restart(before);
      expect(after.orphansRemoved).toEqual(['stream/00000000-dead-4000-8000-000000000000/0']);
      expect(await after.engine.list()).toHaveLength(2);
    });
  });
}

describe('stream catalogue', () => {
  it.each(['', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250)])(
    'refuses the name "%s"',
    async (name) => {
      const { streams } = await kit();
      await expect(streams.create({ name })).rejects.toMatchObject({ code: 'invalid-name' });
    },
  );

  it('accepts the longest name and all its characters', async () => {
    const { streams } = await kit();
    const name = 'aZ09._-'.padEnd(249, 'x');
    expect((await streams.create({ name })).name).toBe(name);
  });

  it('lets one of two creations of the same name win', async () => {
    const { streams } = await kit();
    const both = await Promise.allSettled([
      streams.create({ name: 'a' }),
      streams.create({ name: 'a' }),
    ]);
    expect(both[0]).toMatchObject({ status: 'fulfilled' });
    expect(both[1]).toMatchObject({ reason: { code: 'stream-exists' } });
    expect(streams.list()).toHaveLength(1);
  });

  it('counts what is being created against its limits', async () => {
    const { streams } = await kit({ limits: { streamsMax: 3, partitionsMax: 5 } });
    const outcomes = await Promise.allSettled([
      streams.create({ name: 'a', partitionCount: 3 }),
      streams.create({ name: 'b', partitionCount: 3 }),
      streams.create({ name: 'c', partitionCount: 2 }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'limit-reached' } });
    await expect(streams.setPartitionCount('a', 4)).rejects.toMatchObject({
      code: 'limit-reached',
    });
    await streams.delete('c');
    await streams.setPartitionCount('a', 5);
    expect(streams.partitionCount).toBe(5);
  });

  it('changes nothing in a dry run', async () => {
    const { streams, engine } = await kit();
    const dry = await streams.create({ name: 'a', partitionCount: 7 }, { dryRun: true });
    expect(dry.partitions).toHaveLength(7);
    expect(streams.list()).toEqual([]);
    const real = await streams.create({ name: 'a' });
    await streams.setPartitionCount('a', 2, { dryRun: true });
    await streams.configure('a', new Map([['retentionMs', '5']]), { dryRun: true });
    expect(real.partitions).toHaveLength(1);
    expect(real.overrides.size).toBe(0);
    expect(await engine.list()).toHaveLength(2);
  });

  it('only grows a stream, and refuses counts that are none', async () => {
    const { streams } = await kit();
    await streams.create({ name: 'a', partitionCount: 2 });
    for (const count of [0, 1, 2, -1, 2.5]) {
      await expect(streams.setPartitionCount('a', count)).rejects.toMatchObject({
        code: 'invalid-partitions',
      });
    }
    await expect(streams.create({ name: 'b', partitionCount: 0 })).rejects.toMatchObject({
      code: 'invalid-partitions',
    });
    await expect(streams.setPartitionCount('b', 3)).rejects.toMatchObject({
      code: 'unknown-stream',
    });
  });

  it('takes settings all or not at all', async () => {
    const { streams } = await kit();
    await streams.create({ name: 'a' });
    const changes = new Map([
      ['retentionMs', '5'],
      ['timestampType', 'sometimes'],
    ] as const);
    await expect(streams.configure('a', changes)).rejects.toMatchObject({ code: 'invalid-config' });
    expect(streams.get('a')!.config.retentionMs).toBe(604_800_000);
    await expect(streams.create({ name: 'b', overrides: changes })).rejects.toMatchObject({
      code: 'invalid-config',
    });
    await streams.configure('a', new Map([['retentionMs', '5']]));
    expect(streams.get('a')!.partitions[0]!.config.retentionMs).toBe(5);
    await streams.configure('a', new Map([['retentionMs', undefined]]));
    expect(streams.get('a')!.config.retentionMs).toBe(604_800_000);
    expect(streams.get('a')!.overrides.size).toBe(0);
  });

  it('tells of every change, in order', async () => {
    const { streams } = await kit();
    const seen: string[] = [];
    const stop = streams.onChange((change: StreamChange) => {
      seen.push(`${change.kind} ${change.stream.name} ${change.stream.partitions.length}`);
    });
    await streams.create({ name: 'a' });
    await streams.setPartitionCount('a', 2);
    await streams.configure('a', new Map([['retentionMs', '5']]));
    await streams.delete('a');
    stop();
    await streams.create({ name: 'b' });
    expect(seen).toEqual(['created a 1', 'grown a 2', 'configured a 2', 'deleted a 2']);
  });

  it('refuses changes once it is closing', async () => {
    const opened = await kit();
    await opened.close();
    await expect(opened.streams.create({ name: 'a' })).rejects.toMatchObject({ code: 'stopping' });
  });

  it('removes the logs again when the declaration cannot be written', async () => {
    const opened = await kit();
    await opened.meta.close();
    await expect(opened.streams.create({ name: 'a' })).rejects.toMatchObject({ code: 'stopping' });
    expect(await opened.engine.list()).toEqual(['meta']);
    expect(opened.streams.list()).toEqual([]);
    expect(opened.streams.partitionCount).toBe(0);
  });
});
