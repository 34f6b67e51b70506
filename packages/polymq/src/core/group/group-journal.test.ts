import { describe, expect, test } from 'vitest';
import type { LogEngine } from '../../log/log.ts';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import { GroupJournal } from './group-journal.ts';
import type { GroupStore } from './group-store.ts';
import type { CommittedOffset } from './groups.ts';
import { encodeEntry, type JournalEntry } from './journal-entry.ts';
import { HeldEngine } from './testing/held-engine.ts';
import { VirtualEnvironment } from './testing/virtual-environment.ts';

const environment = new VirtualEnvironment();

function open(engine: LogEngine, snapshotBytes = 1 << 20): Promise<GroupJournal> {
  return settled(GroupJournal.open({ environment, engine, durability: 'fsync', snapshotBytes }));
}

async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const watched = promise.finally(() => {
    done = true;
  });
  watched.catch(() => undefined);
  while (!done) await environment.settle();
  return watched;
}

function commit(group: string, partition: number, offset: number, atMs = 7): JournalEntry {
  const one = { stream: 'orders', partition, offset, leaderEpoch: 3, metadata: 'ä"\n' };
  return { kind: 'commit', group, offsets: [{ ...one, committedAtMs: atMs }] };
}

/** The state as lines, in an order that does not depend on how it came about. */
function stateOf(store: GroupStore): string[] {
  const lines = [...store.entries()].flatMap((entry) => {
    if (entry.kind !== 'commit') return [encodeEntry(entry)];
    return entry.offsets.map((one) => encodeEntry({ ...entry, offsets: [one] }));
  });
  return lines.sort();
}

const members: JournalEntry = {
  kind: 'members',
  group: 'g',
  atMs: 99,
  record: {
    protocolType: 'consumer',
    protocolName: 'range',
    generation: 12,
    leaderId: 'a-1',
    members: [
      {
        memberId: 'a-1',
        instanceId: undefined,
        clientId: 'a',
        clientHost: '/127.0.0.1',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 60_000,
        protocols: [
          { name: 'range', metadata: Buffer.from([0, 255, 10]) },
          { name: 'sticky', metadata: Buffer.alloc(0) },
        ],
        assignment: Buffer.from([1, 2, 3]),
      },
      {
        memberId: 'b-2',
        instanceId: 'i2',
        clientId: 'b',
        clientHost: '/127.0.0.1',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 60_000,
        protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
        assignment: Buffer.alloc(0),
      },
    ],
  },
};

describe('the group journal', () => {
  test('holds after reopening what was written, in all kinds of entries', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine);
    for (const entry of [
      commit('g', 0, 5),
      commit('g', 1, 6),
      commit('g', 2, Number.MAX_SAFE_INTEGER),
      members,
      commit('h', 0, 1),
      commit('gone', 0, 1),
      { kind: 'forget', group: 'g', partitions: [{ stream: 'orders', partition: 0 }] },
      { kind: 'delete', group: 'gone' },
    ] satisfies JournalEntry[]) {
      await settled(journal.write(entry));
    }
    const reopened = await open(engine);
    expect(stateOf(reopened.store)).toEqual(stateOf(journal.store));
    expect(reopened.store.get('g')?.record).toEqual(members.record);
    expect(reopened.store.get('g')?.recordAtMs).toBe(99);
    const offsets = [...(reopened.store.get('g')?.offsets.get('orders')?.values() ?? [])];
    expect(offsets.map((one) => one.offset)).toEqual([6, Number.MAX_SAFE_INTEGER]);
    expect(offsets[0]).toEqual({
      stream: 'orders',
      partition: 1,
      offset: 6,
      leaderEpoch: 3,
      metadata: 'ä"\n',
      committedAtMs: 7,
    } satisfies CommittedOffset);
    expect(reopened.store.get('gone')).toBeUndefined();
    expect(reopened.store.offsetCount).toBe(3);
  });

  test('appends one batch for all that is written in a turn', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine);
    const before = engine.metrics.appendedBatches;
    const writes = Array.from({ length: 500 }, (_, index) =>
      journal.write(commit(`g${index % 50}`, index, index)),
    );
    await settled(Promise.all(writes));
    expect(engine.metrics.appendedBatches - before).toBe(1);
    expect(journal.store.offsetCount).toBe(500);
  });

  test('splits what is written in a turn into batches of about a mebibyte', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine);
    const text = 'x'.repeat(100_000);
    const writes = Array.from({ length: 25 }, (_, partition) => {
      const one = { stream: 's', partition, offset: 1, leaderEpoch: 0, metadata: text };
      return journal.write({ kind: 'commit', group: 'g', offsets: [{ ...one, committedAtMs: 1 }] });
    });
    await settled(Promise.all(writes));
    expect(engine.metrics.appendedBatches).toBe(3);
    expect(stateOf((await open(engine)).store)).toEqual(stateOf(journal.store));
  });

  test('shows an entry only after it is durable', async () => {
    const held = new HeldEngine(createMemoryEngine(environment));
    const journal = await open(held.engine);
    held.mode = 'hold';
    const write = journal.write(commit('g', 0, 5));
    await environment.settle();
    expect(journal.store.offsetCount).toBe(0);
    held.release();
    await settled(write);
    expect(journal.store.offsetCount).toBe(1);
  });

  test('rejects a write that finds no room, and goes on when there is room again', async () => {
    const held = new HeldEngine(createMemoryEngine(environment));
    const journal = await open(held.engine);
    held.mode = 'fail';
    await expect(settled(journal.write(commit('g', 0, 5)))).rejects.toMatchObject({
      code: 'storage-full',
    });
    held.mode = 'pass';
    await settled(journal.write(commit('g', 0, 6)));
    expect(journal.store.get('g')?.offsets.get('orders')?.get(0)?.offset).toBe(6);
  });

  test('close makes durable what was written just before', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine);
    const write = journal.write(commit('g', 0, 5));
    await settled(journal.close());
    await settled(write);
    expect((await open(engine)).store.offsetCount).toBe(1);
  });
});

describe('snapshots of the group journal', () => {
  async function fill(journal: GroupJournal, rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const writes = Array.from({ length: 20 }, (_, partition) =>
        journal.write(commit(`g${partition % 3}`, partition, round, round)),
      );
      // Written once only: what is lost is not made up for by later rounds.
      writes.push(journal.write(commit('once', 1_000 + round, round, round)));
      await settled(Promise.all(writes));
    }
  }

  test('let the log be trimmed, and bring everything back', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine, 10_000);
    await settled(journal.write(members));
    await fill(journal, 100);
    await environment.settle();
    const log = await engine.open('groups', { durability: 'fsync', segmentBytes: 1 << 20 });
    expect(log.start).toBeGreaterThan(1_000);
    expect(await engine.blobs.list('groups/')).toEqual(['groups/0', 'groups/1']);
    expect(stateOf((await open(engine)).store)).toEqual(stateOf(journal.store));
  });

  test('one that is damaged is made up for by the one before it and the log', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine, 10_000);
    await fill(journal, 100);
    await environment.settle();
    for (const slot of ['groups/0', 'groups/1']) {
      const content = await engine.blobs.get(slot);
      for (const damaged of [undefined, content!.subarray(0, -1), content!.subarray(0, 200)]) {
        if (damaged === undefined) await engine.blobs.delete(slot);
        else await engine.blobs.put(slot, damaged);
        expect(stateOf((await open(engine)).store)).toEqual(stateOf(journal.store));
      }
      await engine.blobs.put(slot, content!);
    }
  });

  test('taken while entries go on being written, end in the same state', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine, 50_000);
    // Several slices of a snapshot, with changes of all kinds between them.
    for (let round = 0; round < 300; round++) {
      const group = `g${round % 7}`;
      const offsets = Array.from({ length: 100 }, (_, partition) => {
        const one = { stream: `s${(round * 31 + partition) % 40}`, partition, offset: round };
        return { ...one, leaderEpoch: 0, metadata: 'some text', committedAtMs: round };
      });
      void journal.write({ kind: 'commit', group, offsets });
      if (round % 50 === 49) void journal.write({ kind: 'delete', group: `g${round % 5}` });
      if (round % 60 === 59)
        void journal.write({ kind: 'remove-stream', stream: `s${round % 40}` });
      if (round % 3 === 0) await environment.settle();
    }
    await environment.settle();
    const blobs = await engine.blobs.list('groups/');
    expect(blobs.length).toBe(2);
    expect((await engine.blobs.get(blobs[0]!))!.length).toBeGreaterThan(128 * 1024);
    expect(stateOf((await open(engine)).store)).toEqual(stateOf(journal.store));
  });

  test('a log that lost its end does not give its offsets to other entries', async () => {
    const engine = createMemoryEngine(environment);
    const journal = await open(engine, 10_000);
    await fill(journal, 100);
    await environment.settle();
    const state = stateOf(journal.store);
    await engine.delete('groups');
    const reopened = await open(engine);
    // At least what the newest snapshot holds is there, and what is written now stays.
    await settled(reopened.write(commit('new', 0, 1)));
    const again = await open(engine);
    expect(again.store.get('new')?.offsets.get('orders')?.get(0)?.offset).toBe(1);
    expect(stateOf(again.store).length).toBe(state.length + 1);
  });

  test('entries of a later version are refused by name', async () => {
    const engine = createMemoryEngine(environment);
    const line = '{"v":1,"sequence":1,"nextOffset":0}\n{"v":2,"kind":"new"}\n{"end":1}\n';
    await engine.blobs.put('groups/1', Buffer.from(line));
    await expect(open(engine)).rejects.toThrow('version 2');
  });
});
