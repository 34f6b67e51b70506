/**
 * One member of a consumer group, in the process of the broker. It learns of rebalances by being told, so its heartbeats only
 * keep the session, and its session is as long as sessions can be: it ends with this process.
 *
 *            join ──► sync ──► stable ── the group rebalances ──► revoked() ──┐
 *             ▲                                                               │
 *             └───────────────────────────────────────────────────────────────┘
 */
import { BrokerError } from '../../core/errors.ts';
import type { Joined, OffsetToCommit } from '../../core/group/groups.ts';
import type { EmbeddedContext } from '../context.ts';
import {
  PROTOCOL_NAMES,
  PROTOCOL_TYPE,
  readAssignment,
  readSubscription,
  sharePartitions,
  writeAssignment,
  writeSubscription,
} from './consumer-protocol.ts';

/** Where members of this kind say they are; a broker that starts knows by it that they have gone. */
export const IN_PROCESS = 'in-process';
/** How long the others wait for a member that still works on what it had. */
const REBALANCE_MS = 30_000;

export interface MembershipSink {
  /** These partitions are this member's now, in place of all before. */
  assigned(partitions: readonly number[]): void | Promise<void>;
  /** All partitions are about to be shared anew; they are this member's until the promise has resolved. */
  revoked(): void | Promise<void>;
  ended(error: unknown): void;
}

export class Membership {
  readonly #context: EmbeddedContext;
  readonly #groupId: string;
  readonly #topic: string;
  readonly #sink: MembershipSink;
  readonly #sessionMs: number;
  readonly #stopWatching: (() => void)[] = [];
  #memberId = '';
  #generation = -1;
  #closed = false;
  /** A rebalance has begun since the member joined last. */
  #stale = false;
  #busy = false;
  /** The last turn. */
  #turning: Promise<void> | undefined;
  #heart: { cancel(): void } | undefined;

  constructor(
    context: EmbeddedContext,
    options: { groupId: string; topic: string; sessionMs: number },
    sink: MembershipSink,
  ) {
    this.#context = context;
    this.#groupId = options.groupId;
    this.#topic = options.topic;
    this.#sessionMs = options.sessionMs;
    this.#sink = sink;
  }

  /** Resolves when it has its first partitions. */
  async start(): Promise<void> {
    const { groups, streams } = this.#context.core;
    this.#stopWatching.push(
      groups.onRebalance(this.#groupId, () => this.#rebalance()),
      streams.onChange(({ kind, stream }) => {
        // The members' leader shares what is new when they meet again.
        if (kind === 'grown' && stream.name === this.#topic) this.#rebalance();
      }),
    );
    // Joining tells of a rebalance before it returns.
    this.#busy = true;
    this.#turning = this.#turn(false);
    try {
      await this.#turning;
    } finally {
      this.#busy = false;
    }
    if (this.#stale) this.#rebalance();
    this.#beat();
  }

  /** Durable when it resolves. Does nothing if the partitions are somebody else's. */
  async commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    if (this.#generation < 0 || offsets.length === 0) return;
    const member = { memberId: this.#memberId, generation: this.#generation };
    try {
      await this.#context.core.groups.commitOffsets(this.#groupId, member, offsets);
    } catch (error: unknown) {
      if (!isOver(error)) throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stopWatching) stop();
    this.#heart?.cancel();
    const memberId = this.#memberId;
    if (memberId !== '') {
      await this.#context.core.groups.leave(this.#groupId, [{ memberId }]).catch(() => undefined);
    }
    this.#generation = -1;
    await this.#turning?.catch(() => undefined);
  }

  #rebalance(): void {
    this.#stale = true;
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    this.#turning = this.#turnAgain();
  }

  async #turnAgain(): Promise<void> {
    try {
      while (this.#stale && !this.#closed) await this.#turn(true);
      this.#busy = false;
    } catch (error: unknown) {
      if (this.#closed) return;
      // Closing waits for this turn.
      void this.close().then(() => this.#sink.ended(error));
    }
  }

  async #turn(again: boolean): Promise<void> {
    if (again) await this.#sink.revoked();
    while (!this.#closed) {
      try {
        const partitions = await this.#joinOnce();
        if (!this.#closed) await this.#sink.assigned(partitions);
        return;
      } catch (error: unknown) {
        if (this.#closed) return;
        if (!isOver(error)) throw error;
        if ((error as BrokerError).code !== 'rebalancing') this.#memberId = '';
      }
    }
  }

  async #joinOnce(): Promise<readonly number[]> {
    const { groups } = this.#context.core;
    const metadata = writeSubscription([this.#topic]);
    const joined = await this.#context.track(
      groups.join({
        groupId: this.#groupId,
        memberId: this.#memberId,
        protocolType: PROTOCOL_TYPE,
        protocols: PROTOCOL_NAMES.map((name) => ({ name, metadata })),
        sessionTimeoutMs: this.#sessionMs,
        rebalanceTimeoutMs: REBALANCE_MS,
        memberIdRequired: false,
        clientId: this.#context.clientName,
        clientHost: IN_PROCESS,
      }),
    );
    this.#memberId = joined.memberId;
    // What was told before is over with this generation; if the next one has begun already, the sync says so.
    this.#stale = false;
    const { assignment } = await groups.sync({
      groupId: this.#groupId,
      memberId: joined.memberId,
      generation: joined.generation,
      assignments: joined.leaderId === joined.memberId ? this.#share(joined) : [],
    });
    this.#generation = joined.generation;
    return readAssignment(assignment).get(this.#topic) ?? [];
  }

  #share({ members }: Joined): { memberId: string; assignment: Buffer }[] {
    const { streams } = this.#context.core;
    const subscriptions = new Map(
      members.map(({ memberId, metadata }) => [memberId, readSubscription(metadata)]),
    );
    const shares = sharePartitions(
      subscriptions,
      (topic) => streams.get(topic)?.partitions.length ?? 0,
    );
    return Array.from(shares, ([memberId, share]) => {
      return { memberId, assignment: writeAssignment(share) };
    });
  }

  #beat(): void {
    if (this.#closed) return;
    this.#heart = this.#context.clock.after(this.#sessionMs / 3, () => {
      const { groups } = this.#context.core;
      const member = { groupId: this.#groupId, memberId: this.#memberId };
      groups
        .heartbeat({ ...member, generation: this.#generation })
        .catch(() => this.#rebalance())
        .finally(() => this.#beat());
    });
  }
}

/** The member must join again; its partitions are not its own any more. */
function isOver(error: unknown): boolean {
  if (!(error instanceof BrokerError)) return false;
  return (
    error.code === 'rebalancing' ||
    error.code === 'unknown-member' ||
    error.code === 'stale-generation' ||
    error.code === 'member-id-required'
  );
}
