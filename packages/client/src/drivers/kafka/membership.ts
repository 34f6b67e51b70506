/**
 * One member of a consumer group, by the classic protocol (JoinGroup, SyncGroup, Heartbeat, LeaveGroup), so that members of
 * other languages can be in the same group. The library has a member of its own, but it joins again without waiting for
 * those who still work on partitions that may go to others.
 *
 *            join ──► sync ──► stable ── heartbeat says REBALANCE_IN_PROGRESS ──► revoked() ──┐
 *             ▲                  │                                                             │
 *             │                  └─ session lost (UNKNOWN_MEMBER_ID, …) ──► lost() ────────────┤
 *             └────────────────────────────────────────────────────────────────────────────────┘
 *
 * Always so: commits carry the generation in which the partition was assigned; while `revoked()` runs, heartbeats go on and
 * nobody else has the partitions, for at most the rebalance timeout.
 */
import type { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import {
  type Assignment,
  assign,
  decodeShare,
  decodeSubscription,
  encodeShare,
  encodeSubscription,
  PROTOCOLS,
  type Share,
} from './assignment.ts';
import { asPolymqError, isPassing, kafkaErrorOf } from './errors.ts';
import type { Wire } from './wire.ts';

export interface MembershipSink {
  /** These partitions are ours from now on, and no others. */
  assigned(share: Share): void | Promise<void>;
  /**
   * All our partitions are about to be dealt out again; they are still ours until the promise has resolved. What comes back
   * with the next `assigned` nobody else has had.
   */
  revoked(): void | Promise<void>;
  /** What we keep when it is dealt out. Missing: nothing. */
  held?(): Assignment;
  /** They are not ours any more: the session ended, or the group's coordinator forgot us. */
  lost(): void | Promise<void>;
  /** It cannot go on: rights, or a topic, are gone. */
  ended(error: PolymqError): void;
}

export interface MembershipTimes {
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  readonly heartbeatMs: number;
}

export const MEMBERSHIP_TIMES: MembershipTimes = {
  sessionMs: 10_000,
  rebalanceMs: 30_000,
  heartbeatMs: 500,
};

/** Offsets to commit: topic, partition, the offset of the next record to handle. */
export type Commit = readonly [topic: string, partition: number, offset: number];

const PROTOCOL_TYPE = 'consumer';
const RETRY_MS = { first: 50, longest: 1_000 } as const;
const SESSION_ENDED: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'FENCED_INSTANCE_ID',
]);

interface Member {
  readonly memberId: string;
  readonly metadata: Uint8Array | null;
}

interface JoinAnswer {
  readonly generationId: number;
  readonly leader: string;
  readonly memberId: string;
  readonly protocolName: string;
  readonly members: readonly Member[];
}

interface CommitAnswer {
  readonly topics: readonly {
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
  }[];
}

export class Membership {
  readonly group: string;
  readonly #wire: Wire;
  readonly #topics: readonly string[];
  readonly #sink: MembershipSink;
  readonly #times: MembershipTimes;
  #coordinator: number | undefined;
  #memberId = '';
  #generation = -1;
  #partitionCounts = new Map<string, number>();
  #running: Promise<void> | undefined;
  /** Counts the wishes to join again: the coordinator deals out anew only when a member has something new to say. */
  #turn = 0;
  #rejoin = false;
  /** The connection was lost: the engine may have given our partitions to others. */
  #cut = false;
  #wake = new AbortController();

  /** Takes connections of its own, to where `wire` leads. */
  constructor(
    wire: Wire,
    group: string,
    topics: readonly string[],
    sink: MembershipSink,
    times: MembershipTimes = MEMBERSHIP_TIMES,
  ) {
    const requestTimeoutMs = times.rebalanceMs + wire.options.timeoutMs;
    const onLost = (): void => {
      this.#cut = true;
      this.#wake.abort();
    };
    this.#wire = wire.another({ requestTimeoutMs, onLost });
    this.group = group;
    this.#topics = topics;
    this.#sink = sink;
    this.#times = times;
  }

  /** Resolves when it has joined for the first time and `assigned` has been called. */
  async start(): Promise<void> {
    const first = await this.#join();
    await this.#sink.assigned(first);
    this.#running = this.#run();
  }

  /** Durable when it resolves. Does nothing if the session is over: the partitions are somebody else's. */
  async commit(offsets: readonly Commit[]): Promise<void> {
    if (offsets.length === 0 || this.#generation < 0) return;
    const generation = this.#generation;
    const member = this.#memberId;
    const topics = topicsOf(offsets);
    try {
      await this.#asCoordinator(`commit for "${this.group}"`, (node) =>
        this.#wire.call<CommitAnswer>('OffsetCommit', node, [
          this.group,
          generation,
          member,
          null,
          topics,
        ]),
      );
    } catch (error) {
      const name = kafkaErrorOf(error) ?? kafkaErrorOf((error as Error).cause);
      if (name === undefined || !SESSION_ENDED.has(name)) throw error;
    }
  }

  /** Has everything dealt out again. */
  rejoin(): void {
    this.#rejoin = true;
    this.#wake.abort();
  }

  /** Leaves the group, so that others need not wait for the session to end. */
  async close(): Promise<void> {
    if (this.#wire.closed) return;
    const member = this.#memberId;
    this.#memberId = '';
    this.#wake.abort();
    if (member !== '' && this.#coordinator !== undefined) {
      const leave = this.#wire.call('LeaveGroup', this.#coordinator, [
        this.group,
        [{ memberId: member }],
      ]);
      const { clock } = this.#wire.options;
      await Promise.race([leave.catch(() => {}), sleep(clock, 1_000)]);
    }
    this.#generation = -1;
    await this.#wire.close();
    await this.#running;
  }

  get #closing(): boolean {
    return this.#wire.closed;
  }

  async #run(): Promise<void> {
    let joined = true;
    while (!this.#closing) {
      try {
        if (joined) {
          const lost = await this.#stay();
          if (this.#closing) return;
          if (lost) await this.#lose();
          else await this.#withHeartbeats(async () => this.#sink.revoked());
        }
        joined = false;
        if (this.#closing) return;
        const share = await this.#join();
        if (this.#closing) return;
        await this.#sink.assigned(share);
        joined = true;
      } catch (error) {
        if (this.#closing) return;
        const failure = asPolymqError(error, `membership of "${this.group}"`);
        if (!failure.retryable) return this.#end(failure);
        await this.#lose();
        await sleep(this.#wire.options.clock, RETRY_MS.longest, this.#wire.signal);
      }
    }
  }

  async #end(failure: PolymqError): Promise<void> {
    await this.#lose();
    this.#sink.ended(failure);
  }

  async #lose(): Promise<void> {
    this.#generation = -1;
    await this.#sink.lost();
  }

  /** Resolves when the group is dealt out again (false) or our session is over (true). */
  async #stay(): Promise<boolean> {
    const { clock } = this.#wire.options;
    while (!this.#closing) {
      if (this.#cut) return true;
      if (this.#rejoin) return false;
      this.#wake = new AbortController();
      await sleep(clock, this.#times.heartbeatMs, this.#wake.signal);
      if (this.#closing) return false;
      if (this.#cut) return true;
      try {
        await this.#heartbeat();
        if (await this.#grown()) return false;
      } catch (error) {
        const name = kafkaErrorOf(error);
        if (name === 'REBALANCE_IN_PROGRESS') return false;
        if (name !== undefined && SESSION_ENDED.has(name)) return true;
        if (!isPassing(error)) throw error;
        this.#coordinator = undefined;
        if (name === undefined) return true;
      }
    }
    return false;
  }

  async #heartbeat(): Promise<void> {
    this.#coordinator ??= await this.#findCoordinator();
    const args = [this.group, this.#generation, this.#memberId, null];
    await this.#wire.call('Heartbeat', this.#coordinator, args);
  }

  async #withHeartbeats(work: () => Promise<void>): Promise<void> {
    const { clock } = this.#wire.options;
    const done = new AbortController();
    const end = clock.nowMs() + this.#times.rebalanceMs * 0.8;
    const beats = (async () => {
      while (!done.signal.aborted && !this.#closing && clock.nowMs() < end) {
        await sleep(clock, this.#times.heartbeatMs, done.signal);
        if (!done.signal.aborted && !this.#closing) await this.#heartbeat().catch(() => {});
      }
    })();
    await Promise.race([work(), sleep(clock, this.#times.rebalanceMs * 0.8, done.signal)]);
    done.abort();
    await beats;
  }

  /** Whether a topic got partitions that nobody reads yet. */
  async #grown(): Promise<boolean> {
    if (this.#partitionCounts.size === 0) return false;
    const metadata = await this.#wire.metadata(this.#topics);
    for (const topic of this.#topics) {
      const known = this.#partitionCounts.get(topic);
      if (known === undefined) continue;
      if ((metadata.topics.get(topic)?.partitionsCount ?? known) > known) return true;
    }
    return false;
  }

  async #join(): Promise<Share> {
    const { clock } = this.#wire.options;
    if (this.#rejoin) this.#turn += 1;
    this.#rejoin = false;
    this.#cut = false;
    const what = `join the group "${this.group}"`;
    const endMs = clock.nowMs() + this.#times.rebalanceMs + this.#wire.options.timeoutMs;
    for (
      let delayMs: number = RETRY_MS.first;
      ;
      delayMs = Math.min(2 * delayMs, RETRY_MS.longest)
    ) {
      try {
        return await this.#joinOnce();
      } catch (error) {
        if (this.#closing) return { partitions: new Map(), surplus: new Map() };
        if (!this.#mayJoinAgain(error) || clock.nowMs() + delayMs > endMs) {
          throw asPolymqError(error, what);
        }
      }
      await sleep(clock, delayMs, this.#wire.signal);
    }
  }

  #mayJoinAgain(error: unknown): boolean {
    const name = kafkaErrorOf(error);
    if (name === 'MEMBER_ID_REQUIRED' || name === 'REBALANCE_IN_PROGRESS') return true;
    if (name !== undefined && SESSION_ENDED.has(name)) {
      this.#memberId = '';
      return true;
    }
    if (!isPassing(error)) return false;
    this.#coordinator = undefined;
    return true;
  }

  async #joinOnce(): Promise<Share> {
    this.#coordinator ??= await this.#findCoordinator();
    const joined = await this.#callJoin(this.#coordinator);
    // Connections that broke while it tried to get here have cost it nothing that it has now.
    this.#cut = false;
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const shares = joined.leader === joined.memberId ? await this.#deal(joined.members) : [];
    const synced = await this.#wire.call<{ assignment: Uint8Array | null }>(
      'SyncGroup',
      this.#coordinator,
      [
        this.group,
        this.#generation,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        joined.protocolName,
        shares,
      ],
    );
    return decodeShare(synced.assignment);
  }

  async #callJoin(node: number): Promise<JoinAnswer> {
    const held = this.#sink.held?.() ?? new Map<string, number[]>();
    const metadata = encodeSubscription({ topics: this.#topics, held }, this.#turn);
    const protocols = PROTOCOLS.map((name) => ({ name, metadata }));
    const { sessionMs, rebalanceMs } = this.#times;
    const join = (): Promise<JoinAnswer> =>
      this.#wire.call('JoinGroup', node, [
        this.group,
        sessionMs,
        rebalanceMs,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        protocols,
        null,
      ]);
    try {
      return await join();
    } catch (error) {
      // The first answer of newer brokers gives the id to join with (KIP-394).
      if (kafkaErrorOf(error) !== 'MEMBER_ID_REQUIRED') throw error;
      this.#memberId = memberIdWithin(error) ?? '';
      return join();
    }
  }

  async #deal(members: readonly Member[]): Promise<object[]> {
    const subscriptions = new Map(
      members.map(({ memberId, metadata }) => [memberId, decodeSubscription(metadata)]),
    );
    const topics = [...new Set([...subscriptions.values()].flatMap((one) => one.topics))];
    const counts = new Map<string, number>();
    const metadata = await this.#wire.metadata(topics, true);
    for (const topic of topics) counts.set(topic, metadata.topics.get(topic)?.partitionsCount ?? 0);
    this.#partitionCounts = counts;
    return [...assign(subscriptions, counts)].map(([memberId, share]) => ({
      memberId,
      assignment: encodeShare(share),
    }));
  }

  async #asCoordinator<R>(what: string, operation: (node: number) => Promise<R>): Promise<R> {
    return this.#wire.retry(what, async () => {
      this.#coordinator ??= await this.#findCoordinator();
      try {
        return await operation(this.#coordinator);
      } catch (error) {
        if (isPassing(error)) this.#coordinator = undefined;
        throw error;
      }
    });
  }

  #findCoordinator(): Promise<number> {
    return findCoordinator(this.#wire, this.group);
  }
}

/** The broker that keeps the group. */
export async function findCoordinator(wire: Wire, group: string): Promise<number> {
  const { GROUP } = wire.options.library.FindCoordinatorKeyTypes;
  const answer = await wire.call<{ coordinators: readonly { nodeId: number }[] }>(
    'FindCoordinator',
    undefined,
    [GROUP, [group]],
  );
  return answer.coordinators[0]!.nodeId;
}

/** As OffsetCommit wants them. */
export function topicsOf(offsets: readonly Commit[]): object[] {
  const topics = new Map<string, { name: string; partitions: object[] }>();
  for (const [topic, partitionIndex, offset] of offsets) {
    let entry = topics.get(topic);
    if (entry === undefined) {
      entry = { name: topic, partitions: [] };
      topics.set(topic, entry);
    }
    const committedOffset = BigInt(offset);
    entry.partitions.push({ partitionIndex, committedOffset, committedLeaderEpoch: -1 });
  }
  return [...topics.values()];
}

function memberIdWithin(error: unknown): string | undefined {
  const { response, errors } = error as {
    response?: { memberId?: string };
    errors?: readonly { memberId?: string }[];
  };
  return response?.memberId ?? errors?.find(({ memberId }) => memberId !== undefined)?.memberId;
}
