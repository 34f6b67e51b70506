import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GroupOutput } from './group-events.ts';
import { GroupMachine, type GroupRules } from './group-state.ts';

const RULES: GroupRules = {
  membersMax: 4,
  memberBytesMax: 1_000,
  initialRebalanceDelayMs: 0,
  newMemberTimeoutMs: 300_000,
  subscribedStreams: () => undefined,
};

/** One thing that happens. `who` picks a client or an instance; `what` varies the request. */
type Step =
  | { do: 'join'; who: number; what: number; old: boolean; instance: boolean; fresh: boolean }
  | { do: 'sync' | 'heartbeat' | 'leave' | 'abort' | 'commit'; who: number }
  | { do: 'tick'; ms: number }
  | { do: 'write'; works: boolean };

const who = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      who,
      what: fc.nat(2),
      old: fc.boolean(),
      instance: fc.boolean(),
      fresh: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'sync' as const,
        'sync' as const,
        'heartbeat' as const,
        'leave' as const,
        'abort' as const,
        'commit' as const,
      ),
      who,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.nat(40_000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), works: fc.boolean() }) },
);

interface Client {
  memberId: string;
  generation: number;
}

/** Drives a machine as clients would, and checks each output against what must always hold. */
class Rig {
  readonly machine: GroupMachine;
  readonly clients: Client[] = Array.from({ length: 5 }, () => ({ memberId: '', generation: -1 }));
  /** Requests that wait: who asked. */
  readonly waiting = new Map<number, number>();
  readonly tickets: number[] = [];
  readonly assigned = new Map<number, Map<string, string>>();
  readonly leaders = new Map<number, string>();
  nowMs = 0;
  nextId = 1;
  generation = 0;

  constructor(delayMs: number) {
    this.machine = new GroupMachine({ ...RULES, initialRebalanceDelayMs: delayMs });
  }

  run(one: Step): void {
    switch (one.do) {
      case 'join':
        this.join(one);
        break;
      case 'sync':
        this.sync(one.who);
        break;
      case 'heartbeat':
        this.machine.heartbeat(this.identity(one.who), this.nowMs);
        break;
      case 'commit':
        this.machine.checkCommit(this.identity(one.who), this.nowMs);
        break;
      case 'leave':
        this.machine.leave([this.identity(one.who)], this.nowMs);
        break;
      case 'abort':
        this.abort(one.who);
        break;
      case 'tick':
        this.passTime(one.ms);
        break;
      case 'write':
        this.finishWrite(one.works);
        break;
    }
    this.check();
  }

  identity(index: number): Client {
    return this.clients[index]!;
  }

  join(one: Step & { do: 'join' }): void {
    const client = this.clients[one.who]!;
    const requestId = this.nextId++;
    this.waiting.set(requestId, one.who);
    const memberId = one.fresh ? '' : client.memberId;
    const names = [['range'], ['range', 'sticky'], ['sticky', 'range']][one.what]!;
    const event = {
      requestId,
      memberId,
      newMemberId: memberId === '' ? `m${this.nextId++}` : '',
      instanceId: one.instance ? `i${one.who}` : undefined,
      protocolType: 'consumer',
      protocols: names.map((name) => ({ name, metadata: Buffer.from(String(one.what)) })),
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      memberIdRequired: !one.old,
      canSkipAssignment: one.what === 0,
      clientId: 'c',
      clientHost: 'h',
    };
    this.machine.join(event, this.nowMs);
  }

  sync(index: number): void {
    const requestId = this.nextId++;
    this.waiting.set(requestId, index);
    // Everybody sends an assignment, as a member does not know for sure whether it leads.
    const { members } = this.machine.describe('g');
    const assignments = members.map(({ memberId }) => {
      return { memberId, assignment: Buffer.from(`${requestId}:${memberId}`) };
    });
    this.machine.sync({ ...this.identity(index), requestId, assignments }, this.nowMs);
  }

  abort(index: number): void {
    for (const [requestId, asker] of this.waiting) {
      if (asker !== index) continue;
      this.waiting.delete(requestId);
      this.machine.abort(requestId, this.nowMs);
      return;
    }
  }

  /** As the runner does: the machine is woken at the time it asks for. */
  passTime(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.machine.wakeAtMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.machine.wakeAtMs);
      this.machine.tick(this.nowMs);
      this.check();
      // What is due now was done: otherwise the broker would spin.
      expect(this.machine.wakeAtMs).toBeGreaterThan(this.nowMs);
    }
    this.nowMs = endMs;
  }

  finishWrite(works: boolean): void {
    const ticket = this.tickets.shift();
    if (ticket === undefined) return;
    if (works) this.machine.written(ticket, this.nowMs);
    else this.machine.writeFailed(ticket, 'storage-full', this.nowMs);
  }

  check(): void {
    for (const output of this.machine.takeOutputs()) this.checkOutput(output);
    expect(this.machine.generation).toBeGreaterThanOrEqual(this.generation);
    this.generation = this.machine.generation;
    const { members, state } = this.machine.describe('g');
    expect(members.length).toBe(this.machine.memberCount);
    expect(members.length).toBeLessThanOrEqual(2 * RULES.membersMax);
    if (state === 'empty') expect(members.length).toBe(0);
    if (state === 'stable' || state === 'completing-rebalance') {
      expect(members.length).toBeGreaterThan(0);
    }
    const instances = members.flatMap((member) => member.instanceId ?? []);
    expect(new Set(instances).size).toBe(instances.length);
    // Something will happen: time, or a write that ends.
    if ((this.waiting.size > 0 || members.length > 0) && this.tickets.length === 0) {
      expect(this.machine.wakeAtMs).toBeLessThan(Number.POSITIVE_INFINITY);
    }
  }

  checkOutput(output: GroupOutput): void {
    if (output.kind === 'write') {
      this.tickets.push(output.ticket);
      return;
    }
    const asker = this.waiting.get(output.requestId);
    // A request is answered once, and not after it was aborted.
    expect(asker, `request ${output.requestId} is waiting`).toBeDefined();
    this.waiting.delete(output.requestId);
    const client = this.clients[asker!]!;
    if (output.kind === 'joined') {
      const { generation, leaderId, memberId, members, skipAssignment } = output.joined;
      expect(generation).toBe(this.machine.generation);
      client.memberId = memberId;
      client.generation = generation;
      if (members.length > 0) {
        expect(leaderId).toBe(memberId);
        expect(members.map((one) => one.memberId)).toContain(memberId);
        const dynamic = members.filter((one) => one.instanceId === undefined);
        expect(dynamic.length).toBeLessThanOrEqual(RULES.membersMax);
        // Two who were told to assign in one generation would contradict each other.
        const told = this.leaders.get(generation);
        if (!skipAssignment) {
          if (told !== undefined) expect(memberId).toBe(told);
          this.leaders.set(generation, memberId);
        }
      }
    } else if (output.kind === 'synced') {
      this.checkAssignment(client, output.synced.assignment.toString());
    } else if (output.memberId !== undefined) {
      client.memberId = output.memberId;
    } else if (output.code === 'unknown-member' || output.code === 'fenced-instance') {
      client.memberId = '';
    }
  }

  /** All assignments of one generation are from one sync, and each is what that said for the member. */
  checkAssignment(client: Client, text: string): void {
    expect(this.machine.state).toBe('stable');
    if (text === '') return;
    const [source = '', memberId = ''] = text.split(':');
    const seen = this.assigned.get(this.machine.generation) ?? new Map<string, string>();
    this.assigned.set(this.machine.generation, seen);
    seen.set(memberId, source);
    expect(new Set(seen.values()).size).toBe(1);
    expect(client.generation).toBe(this.machine.generation);
  }
}

describe('the group state machine', () => {
  test('keeps its invariants whatever happens in whatever order', () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 120 });
    const property = fc.property(steps, fc.constantFrom(0, 3_000), (all, delayMs) => {
      const rig = new Rig(delayMs);
      for (const one of all) rig.run(one);
      // Nobody does anything any more: after all timeouts nobody waits, and the group is empty.
      for (let round = 0; round < 20; round++) {
        rig.run({ do: 'write', works: true });
        rig.run({ do: 'tick', ms: 60_000 });
      }
      expect([...rig.waiting.keys()]).toEqual([]);
      expect(rig.machine.state).toBe('empty');
      expect(rig.machine.pendingCount).toBe(0);
    });
    fc.assert(property, { numRuns: 300 });
  });

  test('wakes for nothing but what is due: a heartbeat moves only its own deadline', () => {
    const rig = new Rig(0);
    const all = { what: 0, old: true, instance: false, fresh: false } as const;
    rig.run({ do: 'join', who: 0, ...all });
    rig.run({ do: 'join', who: 1, ...all });
    rig.run({ do: 'tick', ms: 0 });
    rig.run({ do: 'sync', who: 0 });
    rig.run({ do: 'sync', who: 1 });
    rig.run({ do: 'write', works: true });
    expect(rig.machine.state).toBe('stable');
    for (let second = 0; second < 60; second += 5) {
      rig.run({ do: 'tick', ms: 5_000 });
      rig.run({ do: 'heartbeat', who: 0 });
      if (second < 30) rig.run({ do: 'heartbeat', who: 1 });
    }
    expect(rig.machine.describe('g').members.map((one) => one.memberId)).toEqual(
      rig.clients.slice(0, 1).map((one) => one.memberId),
    );
  });
});
