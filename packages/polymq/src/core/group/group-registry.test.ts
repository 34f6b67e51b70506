import { describe, expect, test } from 'vitest';
import { createMemoryEngine } from '../../log/memory/memory-engine.ts';
import type { Stream, StreamChange, Streams } from '../stream/streams.ts';
import { type GroupRegistry, type GroupsSetup, openGroups } from './group-registry.ts';
import type { Joined, JoinRequest } from './groups.ts';
import { HeldEngine } from './testing/held-engine.ts';
import { VirtualEnvironment } from './testing/virtual-environment.ts';

function joinOf(clientId: string, more: Partial<JoinRequest> = {}): JoinRequest {
  return {
    groupId: 'g',
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberIdRequired: false,
    clientId,
    clientHost: '/127.0.0.1',
    ...more,
  };
}

function offsetOf(stream: string, partition: number, offset = 1) {
  return { stream, partition, offset, leaderEpoch: -1, metadata: '' };
}

class Rig {
  readonly environment = new VirtualEnvironment();
  readonly storage = new HeldEngine(createMemoryEngine(this.environment));

  async open(more: Partial<GroupsSetup> = {}): Promise<GroupRegistry> {
    const setup = { environment: this.environment, engine: this.storage.engine, ...more };
    return this.settled(openGroups(setup));
  }

  async settled<T>(promise: Promise<T>): Promise<T> {
    promise.catch(() => undefined);
    await this.environment.settle();
    return promise;
  }

  /** Members that have formed a stable generation together. */
  async stableGroup(groups: GroupRegistry, count: number): Promise<Joined[]> {
    const joins = Array.from({ length: count }, (_, index) => groups.join(joinOf(`c${index}`)));
    await this.environment.advance(0);
    const joined = await Promise.all(joins);
    const assignments = joined.map((one) => {
      return { memberId: one.memberId, assignment: Buffer.from(`of ${one.memberId}`) };
    });
    const syncs = joined.map(({ memberId, generation, members }) => {
      const ofLeader = members.length > 0 ? assignments : [];
      return groups.sync({ groupId: 'g', memberId, generation, assignments: ofLeader });
    });
    const synced = await this.settled(Promise.all(syncs));
    expect(synced.map((one) => one.assignment)).toEqual(assignments.map((one) => one.assignment));
    return joined;
  }
}

/** A catalogue of streams with so many partitions. */
function catalogue(counts: Record<string, number>) {
  const listeners = new Set<(change: StreamChange) => void>();
  const streams: Pick<Streams, 'get' | 'onChange'> = {
    get: (name) => {
      const count = counts[name];
      return count === undefined
        ? undefined
        : ({ name, partitions: Array(count).fill({}) } as unknown as Stream);
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const tell = (change: StreamChange) => {
    for (const listener of listeners) listener(change);
  };
  return { streams, listeners, tell };
}

describe('the group registry', () => {
  test('needs one timer for a group of a thousand members, and none for their heartbeats', async () => {
    const rig = new Rig();
    const groups = await rig.open();
    const sweepTimers = rig.environment.timerCount;
    const joined = await rig.stableGroup(groups, 1_000);
    expect(rig.environment.timerCount - sweepTimers).toBe(1);
    for (let second = 0; second < 30; second += 3) {
      await rig.environment.advance(3_000);
      for (const { memberId, generation } of joined) {
        await groups.heartbeat({ groupId: 'g', memberId, generation });
      }
      expect(rig.environment.timerCount - sweepTimers).toBe(1);
    }
    expect(groups.memberCount()).toBe(1_000);
    await rig.environment.advance(11_000);
    expect(groups.memberCount()).toBe(0);
    expect(groups.countByState()).toMatchObject({ empty: 1, stable: 0 });
  });

  test('accepts commits for what is in the catalogue only', async () => {
    const rig = new Rig();
    const { streams } = catalogue({ orders: 2 });
    const groups = await rig.open({ streams });
    const offsets = [offsetOf('orders', 1), offsetOf('orders', 2), offsetOf('nothing', 0)];
    expect(await rig.settled(groups.commitOffsets('g', undefined, offsets))).toEqual([
      { stream: 'orders', partition: 1, error: undefined },
      { stream: 'orders', partition: 2, error: 'unknown-partition' },
      { stream: 'nothing', partition: 0, error: 'unknown-stream' },
    ]);
    expect((await groups.fetchOffsets('g')).length).toBe(1);
  });

  test('forgets the offsets of a stream when it is deleted, and stops listening when closed', async () => {
    const rig = new Rig();
    const { streams, listeners, tell } = catalogue({ orders: 1, payments: 1 });
    const groups = await rig.open({ streams });
    const offsets = [offsetOf('orders', 0, 5), offsetOf('payments', 0, 6)];
    await rig.settled(groups.commitOffsets('g', undefined, offsets));
    tell({ kind: 'configured', stream: streams.get('orders')! });
    tell({ kind: 'deleted', stream: streams.get('orders')! });
    await rig.environment.settle();
    expect([...groups.committed()]).toEqual([
      { groupId: 'g', stream: 'payments', partition: 0, offset: 6 },
    ]);
    await rig.settled(groups.close());
    expect(listeners.size).toBe(0);
  });

  test('counts offsets and groups for metrics', async () => {
    const rig = new Rig();
    const groups = await rig.open();
    await rig.stableGroup(groups, 2);
    const offsets = [offsetOf('orders', 0, 5), offsetOf('orders', 1, 6)];
    await rig.settled(groups.commitOffsets('h', undefined, offsets));
    expect(groups.offsetCount).toBe(2);
    expect(groups.memberCount()).toBe(2);
    expect(groups.journalBytes).toBeGreaterThan(0);
    expect(groups.countByState()).toEqual({
      empty: 1,
      'preparing-rebalance': 0,
      'completing-rebalance': 0,
      stable: 1,
      dead: 0,
    });
  });

  test('a join that is aborted before it begins leaves nothing behind', async () => {
    const rig = new Rig();
    const groups = await rig.open();
    const reason = new Error('connection closed');
    const join = groups.join(joinOf('a', { signal: AbortSignal.abort(reason) }));
    await expect(join).rejects.toBe(reason);
    expect(groups.memberCount()).toBe(0);
  });

  test('a group with a commit under way is not swept away', async () => {
    const rig = new Rig();
    const groups = await rig.open({ options: { retentionCheckMs: 1_000, countMax: 1 } });
    rig.storage.mode = 'hold';
    const commit = groups.commitOffsets('g', undefined, [offsetOf('orders', 0, 5)]);
    await rig.environment.advance(2_000);
    const other = groups.commitOffsets('h', undefined, [offsetOf('orders', 0, 5)]);
    await expect(rig.settled(other)).rejects.toMatchObject({ code: 'limit-reached' });
    rig.storage.release();
    await rig.settled(commit);
    await rig.environment.advance(2_000);
    expect((await groups.fetchOffsets('g')).length).toBe(1);
  });

  test('many restarts with many groups end where they began', async () => {
    const rig = new Rig();
    let groups = await rig.open({ options: { snapshotBytes: 20_000 } });
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 100; index++) {
        void groups.commitOffsets(`g${index}`, undefined, [offsetOf('orders', round, index)]);
      }
      await rig.environment.settle();
      rig.environment.crash();
      groups = await rig.open({ options: { snapshotBytes: 20_000 } });
      expect(groups.offsetCount).toBe((round + 1) * 100);
      expect((await groups.list()).length).toBe(100);
    }
    for (const { groupId, offset } of groups.committed()) expect(groupId).toBe(`g${offset}`);
  });

  test('close makes commits durable that were under way, and rejects later ones', async () => {
    const rig = new Rig();
    const groups = await rig.open();
    const commit = groups.commitOffsets('g', undefined, [offsetOf('orders', 0, 5)]);
    await rig.settled(groups.close());
    expect(await commit).toEqual([{ stream: 'orders', partition: 0, error: undefined }]);
    const late = groups.commitOffsets('g', undefined, [offsetOf('orders', 0, 6)]);
    await expect(late).rejects.toMatchObject({ code: 'stopping' });
    expect(rig.environment.timerCount).toBe(0);
    const again = await rig.open();
    expect((await again.fetchOffsets('g'))[0]?.offset).toBe(5);
  });
});
