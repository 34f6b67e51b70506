import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createNodeEnvironment } from '../../../lib/environment/node/node-environment.ts';
import { SimulatedDisk, systemError } from '../../../lib/environment/simulated/simulated-disk.ts';
import { openFileEngine } from '../../../log/file/file-engine.ts';
import { turns } from '../../../log/testing/contract.ts';
import { openSimulatedEngine } from '../../../log/testing/simulated-engine.ts';
import { ROW_FLAG } from '../rows.ts';
import { memoryEngine, openKit } from './testing/kit.ts';

describe('a restart of the message store', () => {
  it('knows after a clean stop which messages were delivered before', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    const [, second] = kit.put([
      [1, 1],
      [1, 2],
    ]);
    const page = kit.store.rows.page(second!);
    page.flags[kit.store.rows.index(second!)]! |= ROW_FLAG.redelivered;
    page.attempts[kit.store.rows.index(second!)] = 4;
    kit.store.update(second!, 0);
    await kit.store.close();
    const again = await openKit(engine);
    const rows = again.restored.map(({ row }) => again.row(row));
    expect(rows).toMatchObject([
      { flags: ROW_FLAG.persistent, attempts: 0 },
      { flags: ROW_FLAG.persistent | ROW_FLAG.redelivered, attempts: 4 },
    ]);
    // This one was not closed: a crash.
    const third = await openKit(engine);
    expect(third.row(third.restored[0]!.row).flags & ROW_FLAG.redelivered).not.toBe(0);
  });

  it('goes on from a snapshot and what came behind it', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    for (let seq = 0; seq < 50; seq++) {
      kit.put([[seq % 3, seq]], {
        body: `${seq}`,
        ttlMs: seq % 4 === 0 ? 1000 + seq : -1,
        dueMs: seq % 5 === 0 ? 99 + seq : 0,
        ...(seq % 7 === 0 && { groupId: `group ${seq}` }),
      });
    }
    kit.store.setMark('m', 7);
    await kit.store.close();
    const second = await openKit(engine);
    second.remove(second.restored[0]!.row);
    second.put([[0, 100]], { body: '100' });
    second.store.setMark('m', 8);
    await second.committed();
    const third = await openKit(engine);
    expect(third.restored).toHaveLength(50);
    expect(third.store.mark('m')).toBe(8);
    for (const { row, seq, dueMs, groupId } of third.restored) {
      expect(await third.loadBody(row)).toBe(`${seq}`);
      expect(dueMs).toBe(seq % 5 === 0 && seq < 50 ? 99 + seq : 0);
      expect(groupId).toBe(seq % 7 === 0 && seq < 50 ? `group ${seq}` : undefined);
      const expiresMs = third.store.rows.page(row).expiresMs[third.store.rows.index(row)];
      expect(expiresMs).toBe(seq % 4 === 0 && seq < 50 ? 1_700_000_001_000 + seq : 0);
    }
  });

  it('takes the older snapshot, or the journal alone, when the newest is damaged', async () => {
    for (const damage of ['manifest', '0', 'all']) {
      const engine = memoryEngine();
      const kit = await openKit(engine);
      kit.put([[1, 1]], { body: 'one' });
      await kit.store.close();
      const second = await openKit(engine);
      second.put([[1, 2]], { body: 'two' });
      second.remove(second.restored[0]!.row);
      await second.store.close();
      for (const key of await engine.blobs.list('queues/')) {
        if (damage === 'all' || key === `queues/0/${damage}`) await engine.blobs.delete(key);
      }
      const third = await openKit(engine);
      expect(third.restored).toMatchObject([{ queue: 1, seq: 2 }]);
      expect(await third.loadBody(third.restored[0]!.row)).toBe('two');
    }
  });

  it('forgets messages of queues that are gone', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    kit.put([
      [1, 1],
      [2, 1],
    ]);
    await kit.committed();
    const again = await openKit(engine, { knowsQueue: (id) => id === 2 });
    expect(again.restored).toMatchObject([{ queue: 2, seq: 1 }]);
  });

  it('forgets removals in any order', async () => {
    const engine = memoryEngine();
    const kit = await openKit(engine);
    const rows = new Map<string, number>();
    for (let seq = 0; seq < 1000; seq++) {
      for (const queue of [1, 65, 2]) rows.set(`${queue}/${seq}`, kit.put([[queue, seq]])[0]!);
    }
    await kit.committed();
    const gone: string[] = [];
    for (const [key] of [...rows].reverse()) if (Number(key.split('/')[1]) % 3 > 0) gone.push(key);
    for (const key of gone) kit.remove(rows.get(key)!);
    await kit.committed();
    const again = await openKit(engine);
    const left = again.restored.map(({ queue, seq }) => `${queue}/${seq}`);
    expect(left.sort()).toEqual([...rows.keys()].filter((key) => !gone.includes(key)).sort());
  });
});

describe('on a real disk', () => {
  it('restores messages after the engine was opened again', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'polymq-store-'));
    try {
      const environment = createNodeEnvironment();
      const first = await openFileEngine(environment, { directory });
      const kit = await openKit(first);
      for (let seq = 0; seq < 500; seq++) kit.put([[seq % 2, seq]], { body: `${seq}` });
      kit.store.setMark('m', 3);
      await kit.store.close();
      await first.close();
      const second = await openFileEngine(environment, { directory });
      const again = await openKit(second);
      expect(again.restored).toHaveLength(500);
      for (const { row, seq } of again.restored) expect(await again.loadBody(row)).toBe(`${seq}`);
      expect(again.store.mark('m')).toBe(3);
      await again.store.close();
      await second.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('trouble with the disk', () => {
  it('reports messages that are damaged, and serves the others', async () => {
    const disk = new SimulatedDisk();
    const { engine } = await openSimulatedEngine(disk);
    const kit = await openKit(engine, { segmentBytes: 1 << 20 });
    for (let seq = 0; seq < 3; seq++) {
      kit.put([[1, seq]], { body: `${seq}`.repeat(20_000) });
      await kit.committed();
    }
    await kit.store.close();
    await engine.close();
    await damage(disk, '1111111111111111');
    const { engine: reopened } = await openSimulatedEngine(disk);
    const again = await openKit(reopened);
    const lost: number[] = [];
    again.store.onLost = (row) => {
      lost.push(again.row(row).seq);
      again.remove(row);
    };
    expect(again.restored).toHaveLength(3);
    const bodies: (string | undefined)[] = [];
    for (const { row } of again.restored) bodies.push((await again.loadBody(row))?.slice(0, 1));
    expect(bodies).toEqual(['0', undefined, '2']);
    expect(lost).toEqual([1]);
  });

  it('confirms nothing while the disk is full, and everything in order when it is not', async () => {
    const disk = new SimulatedDisk();
    const { engine, clock } = await openSimulatedEngine(disk);
    const kit = await openKit(engine, {}, clock);
    kit.put([[1, 0]], { body: 'before' });
    await kit.committed();
    disk.onOperation = ({ kind, path }) => {
      if (kind === 'write') throw systemError('ENOSPC', path);
    };
    const rows: number[] = [];
    let confirmed = 0;
    for (let seq = 1; seq < 6; seq++) {
      rows.push(...kit.put([[1, seq]], { body: `${seq}`.repeat(30_000) }));
      void kit.committed().then(() => confirmed++);
      await turns(4);
    }
    clock.advance(3000);
    await turns(10);
    expect(confirmed).toBe(0);
    expect(kit.store.uncommittedBytes).toBeGreaterThan(150_000);
    expect(kit.body(rows[0]!)).toMatch(/^1/);
    disk.onOperation = undefined;
    for (let wait = 0; wait < 40 && confirmed < 5; wait++) {
      clock.advance(500);
      await turns(5);
    }
    expect(confirmed).toBe(5);
    expect(kit.store.uncommittedBytes).toBe(0);
    const again = await openKit(engine, {}, clock);
    expect(again.restored.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await again.loadBody(again.restored[5]!.row)).toMatch(/^5+$/);
  });

  it('can be closed while the disk is full', async () => {
    const disk = new SimulatedDisk();
    const { engine, clock } = await openSimulatedEngine(disk);
    const kit = await openKit(engine, {}, clock);
    disk.onOperation = ({ kind, path }) => {
      if (kind === 'write') throw systemError('ENOSPC', path);
    };
    kit.put([[1, 0]]);
    const waiting = kit.committed();
    await kit.store.close();
    await expect(waiting).rejects.toMatchObject({ code: 'stopping' });
  });

  it('tells those who wait that the journal has failed', async () => {
    const disk = new SimulatedDisk();
    const { engine, clock } = await openSimulatedEngine(disk);
    const kit = await openKit(engine, {}, clock);
    disk.onOperation = ({ kind, path }) => {
      if (kind === 'datasync') throw systemError('EIO', path);
    };
    let calls = 0;
    kit.store.onCommitted(() => calls++);
    kit.put([[1, 0]]);
    await expect(kit.committed()).rejects.toMatchObject({ code: 'storage-failed' });
    kit.put([[1, 1]]);
    await expect(kit.committed()).rejects.toMatchObject({ code: 'storage-failed' });
    await turns(5);
    expect(calls).toBe(0);
  });
});

/** Flips a bit where `text` is, in a segment of the journal. */
async function damage(disk: SimulatedDisk, text: string): Promise<void> {
  const folder = '/data/logs/queues';
  for (const { name } of await disk.list(folder)) {
    const content = await disk.readFile(`${folder}/${name}`);
    const at = content?.indexOf(text) ?? -1;
    if (content === undefined || at < 0) continue;
    const file = await disk.open(`${folder}/${name}`);
    file.writeSync([Buffer.from('X')], at);
    await file.datasync();
    await file.close();
    return;
  }
  throw new Error(`"${text}" is in no segment`);
}
