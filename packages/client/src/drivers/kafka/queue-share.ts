/**
 * This process's part in a queue: one member of the queue's group, the partitions it got, and everybody here who takes
 * messages of it (`subscribe`, `receive`).
 *
 *   membership ── partitions ──► reader ──► lanes ── pump ──► takers with room
 *        ▲                                    │ watermarks
 *        └────────────── commits ◄────────────┘
 *
 * It stays in the group as long as somebody takes or holds messages, and a moment longer, so that a loop of receives does
 * not join again and again. Partitions with messages that somebody holds are kept through rebalances (`assignment.ts`);
 * what is lost all the same, with the connection, is reported as lost.
 */
import type { DeliverySink } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { type ClockTimer, sleep } from '../../lib/clock.ts';
import type { Delivery } from '../../message/wire-message.ts';
import type { Share } from './assignment.ts';
import { KafkaDelivery, type Lease } from './delivery.ts';
import { committedOrStart } from './group-reader.ts';
import { Lane } from './lane.ts';
import { type Commit, Membership } from './membership.ts';
import { endOffsets } from './offsets.ts';
import { Reader } from './reader.ts';
import type { Wire } from './wire.ts';

export interface QueuePlace {
  readonly queue: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly fifo: boolean;
}

/** Somebody who takes messages. */
export interface Taker {
  /** How many it can take now. */
  room(): number;
  give(deliveries: Delivery[]): void;
  /** A delivery that it was given is settled. */
  settled(): void;
  readonly sink: Pick<DeliverySink, 'lost' | 'ended'> | undefined;
}

const LINGER_MS = 1_000;
/** Between two commits of watermarks. */
const COMMIT_MS = 5;
const CAUGHT_UP_CHECK_MS = 5;

export class QueueShare {
  readonly place: QueuePlace;
  readonly #wire: Wire;
  readonly #reader: Reader;
  readonly #membership: Membership;
  readonly #onClosed: () => void;
  readonly #lanes = new Map<string, Lane>();
  readonly #takers: Taker[] = [];
  readonly #leases = new Set<Lease>();
  readonly #dirty = new Set<Lane>();
  #committing: Promise<void> | undefined;
  /** Nothing is dealt out: there are no partitions, or they may be about to go. */
  #frozen = true;
  #joined = false;
  #pumping = false;
  #idle: ClockTimer | undefined;
  #started: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(wire: Wire, place: QueuePlace, onClosed: () => void) {
    this.place = place;
    this.#wire = wire;
    this.#onClosed = onClosed;
    this.#reader = new Reader(wire.another(), {
      deliver: (topic, records) => {
        const lane = this.#lanes.get(`${topic}:${records[0]!.partition}`);
        return lane?.add(records);
      },
      failed: (_, error) => this.fail(error),
    });
    this.#membership = new Membership(wire, place.group, place.topics, {
      assigned: (share) => this.#assigned(share),
      revoked: () => this.#revoked(),
      lost: () => this.#lost(),
      held: () => this.#held(),
      ended: (error) => this.fail(error),
    });
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Who takes messages here. */
  get takers(): number {
    return this.#takers.length;
  }

  /** Messages that are out at handlers here. */
  get leased(): number {
    return this.#leases.size;
  }

  /** Messages that are done and cannot be committed yet, or are not yet. */
  get doneAhead(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.doneAhead;
    return count;
  }

  /** Whether a message is out here, or done. */
  isOut(topic: string, partition: number, offset: number): boolean {
    return this.#lanes.get(`${topic}:${partition}`)?.isOut(offset) === true;
  }

  /** Resolves when it has joined. */
  start(): Promise<void> {
    this.#started ??= this.#membership.start();
    return this.#started;
  }

  add(taker: Taker): void {
    this.#idle?.cancel();
    this.#idle = undefined;
    this.#takers.push(taker);
    this.pump();
  }

  remove(taker: Taker): void {
    const at = this.#takers.indexOf(taker);
    if (at >= 0) this.#takers.splice(at, 1);
    this.#restIfIdle();
  }

  /** Deals out what is ready, soon. */
  pump(): void {
    if (this.#pumping || this.#takers.length === 0) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#deal();
    });
  }

  /** Resolves when everything has been looked at that was in our partitions at this moment, something is ready, or nobody waits for it. */
  async caughtUp(signal: AbortSignal): Promise<void> {
    const { clock, timeoutMs } = this.#wire.options;
    const endMs = clock.nowMs() + timeoutMs;
    const ends = new Map<string, ReadonlyMap<number, number>>();
    for (const topic of this.place.topics) ends.set(topic, await endOffsets(this.#wire, topic));
    while (!this.closed && !signal.aborted && clock.nowMs() < endMs) {
      if (!this.#frozen && this.#isCaughtUp(ends)) return;
      await sleep(clock, CAUGHT_UP_CHECK_MS, signal);
    }
  }

  done(lease: Lease): void {
    const { entry, taker } = lease;
    lease.state = 'settled';
    this.#leases.delete(lease);
    if (entry.lane.done(entry)) this.#commitSoon(entry.lane);
    taker.settled();
    this.#afterSettle(entry.lane);
  }

  giveBack(lease: Lease, delayMs: number, untouched: boolean): void {
    const { entry, taker } = lease;
    lease.state = 'settled';
    this.#leases.delete(lease);
    entry.lane.giveBack(entry, delayMs, untouched);
    taker.settled();
    this.#afterSettle(entry.lane);
  }

  /** What waits here is gone. */
  purge(): void {
    for (const lane of this.#lanes.values()) {
      lane.purge();
      this.#commitSoon(lane);
    }
  }

  /** It cannot go on. */
  fail(error: PolymqError): void {
    if (this.closed) return;
    const takers = [...this.#takers];
    void this.close();
    for (const { sink } of takers) sink?.ended(error);
  }

  /** Settles nothing: what is out is lost. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#onClosed();
    this.#idle?.cancel();
    this.#takers.length = 0;
    await this.#reader.close();
    await this.#flush();
    await this.#started?.catch(() => {});
    await this.#membership.close();
    for (const lane of this.#lanes.values()) this.#dropLane(lane);
  }

  #deal(): void {
    if (this.#frozen) return;
    const lanes = [...this.#lanes.values()].filter((lane) => !lane.draining && lane.ready > 0);
    if (lanes.length === 0) return;
    for (const taker of [...this.#takers]) {
      const room = taker.room();
      const deliveries: Delivery[] = [];
      while (deliveries.length < room) {
        const entry = oldest(lanes)?.take();
        if (entry === undefined) break;
        const lease: Lease = { share: this, entry, taker, state: 'open', delivery: undefined };
        lease.delivery = new KafkaDelivery(entry.record, entry.redeliveries, lease);
        this.#leases.add(lease);
        deliveries.push(lease.delivery);
      }
      if (deliveries.length > 0) taker.give(deliveries);
    }
    // The next round begins with somebody else.
    const first = this.#takers.shift();
    if (first !== undefined) this.#takers.push(first);
  }

  #isCaughtUp(ends: ReadonlyMap<string, ReadonlyMap<number, number>>): boolean {
    let behind = false;
    for (const lane of this.#lanes.values()) {
      if (lane.ready > 0) return true;
      const end = ends.get(lane.topic)?.get(lane.partition) ?? 0;
      const position = this.#reader.positionOf(lane.topic, lane.partition) ?? end;
      if (position < end) behind = true;
    }
    return !behind;
  }

  #afterSettle(lane: Lane): void {
    if (lane.draining && lane.leased === 0) this.#giveUpSurplus();
    this.pump();
    if (this.#leases.size === 0) this.#restIfIdle();
  }

  #giveUpSurplus(): void {
    for (const { draining, leased } of this.#lanes.values()) if (draining && leased > 0) return;
    this.#membership.rejoin();
  }

  #restIfIdle(): void {
    if (this.closed || this.#takers.length > 0 || this.#leases.size > 0) return;
    this.#idle?.cancel();
    this.#idle = this.#wire.options.clock.after(LINGER_MS, () => {
      if (this.#takers.length > 0 || this.#leases.size > 0) return;
      if (this.#cannotLeave) this.#restIfIdle();
      else void this.close();
    });
  }

  /**
   * The engine cannot be reached, or deals out anew. A member that went without a word would be waited for until its session ends, so it
   * stays until it can say goodbye.
   */
  get #cannotLeave(): boolean {
    return this.#joined && this.#frozen;
  }

  #commitSoon(lane: Lane): void {
    this.#dirty.add(lane);
    this.#committing ??= this.#commitLoop();
  }

  async #commitLoop(): Promise<void> {
    const { clock } = this.#wire.options;
    while (this.#dirty.size > 0 && !this.closed) {
      await this.#commitOnce().catch(() => {});
      await sleep(clock, COMMIT_MS, this.#wire.signal);
    }
    this.#committing = undefined;
  }

  async #commitOnce(): Promise<void> {
    const lanes = [...this.#dirty];
    this.#dirty.clear();
    const commits: Commit[] = lanes.map(({ topic, partition, watermark }) => [
      topic,
      partition,
      watermark,
    ]);
    try {
      await this.#membership.commit(commits);
    } catch (error) {
      for (const lane of lanes) if (this.#lanes.has(nameOf(lane))) this.#dirty.add(lane);
      throw error;
    }
  }

  async #flush(): Promise<void> {
    if (this.#dirty.size > 0) await this.#commitOnce().catch(() => {});
  }

  async #assigned({ partitions, surplus }: Share): Promise<void> {
    const kept = new Set<string>();
    for (const [topic, indexes] of partitions) {
      for (const index of indexes) kept.add(`${topic}:${index}`);
    }
    for (const [name, lane] of [...this.#lanes]) {
      lane.draining = false;
      if (!kept.has(name)) this.#dropLane(lane);
    }
    for (const [topic, indexes] of partitions) {
      const fresh = indexes.filter((index) => !this.#lanes.has(`${topic}:${index}`));
      const { group } = this.place;
      const positions = await committedOrStart(this.#wire, group, topic, fresh);
      if (this.closed) return;
      for (const [partition, position] of positions) this.#addLane(topic, partition, position);
    }
    for (const [topic, indexes] of surplus) {
      for (const index of indexes) {
        const lane = this.#lanes.get(`${topic}:${index}`);
        if (lane !== undefined) lane.draining = true;
      }
    }
    this.#frozen = false;
    this.#joined = true;
    if (surplus.size > 0) this.#giveUpSurplus();
    this.pump();
  }

  #addLane(topic: string, partition: number, position: number): void {
    const { fifo } = this.place;
    const { clock } = this.#wire.options;
    const onReady = (): void => this.pump();
    const lane = new Lane({ topic, partition, position, fifo, clock, onReady });
    this.#lanes.set(nameOf(lane), lane);
    this.#reader.add(topic, partition, position);
  }

  #dropLane(lane: Lane): void {
    this.#lanes.delete(nameOf(lane));
    this.#dirty.delete(lane);
    this.#reader.remove(lane.topic, lane.partition);
    lane.drop();
    const lost = new Map<Taker, Delivery[]>();
    for (const lease of [...this.#leases]) {
      if (lease.entry.lane !== lane) continue;
      lease.state = 'lost';
      this.#leases.delete(lease);
      const { taker } = lease;
      const some = lost.get(taker);
      if (some === undefined) lost.set(taker, [lease.delivery!]);
      else some.push(lease.delivery!);
      taker.settled();
    }
    for (const [taker, deliveries] of lost) taker.sink?.lost(deliveries);
    if (lost.size > 0) this.#restIfIdle();
  }

  async #revoked(): Promise<void> {
    this.#frozen = true;
    await this.#flush();
  }

  #lost(): void {
    this.#frozen = true;
    for (const lane of [...this.#lanes.values()]) this.#dropLane(lane);
  }

  #held(): Map<string, number[]> {
    const held = new Map<string, number[]>();
    for (const { topic, partition, leased } of this.#lanes.values()) {
      if (leased > 0) held.set(topic, [...(held.get(topic) ?? []), partition]);
    }
    return held;
  }
}

/** The lane whose next message was sent first, so that messages come about in the order they were sent. */
function oldest(lanes: readonly Lane[]): Lane | undefined {
  let found: Lane | undefined;
  let foundMs = Number.POSITIVE_INFINITY;
  for (const lane of lanes) {
    const { headMs } = lane;
    if (headMs < foundMs) {
      found = lane;
      foundMs = headMs;
    }
  }
  return found;
}

function nameOf({ topic, partition }: Lane): string {
  return `${topic}:${partition}`;
}

/** What settling a delivery says that is not ours any more. */
export function leaseLost(delivery: Delivery): PolymqError {
  return new PolymqError(
    'lease-lost',
    `message ${delivery.id} is not ours any more: the connection was lost, or its partition went to another consumer; it is delivered again`,
  );
}
