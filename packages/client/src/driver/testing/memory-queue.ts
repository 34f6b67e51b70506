/** A queue of the memory driver: leases with a time, delays, priorities, order per key, limits; simple before fast. */
import { PolymqError } from '../../errors.ts';
import type { Clock, ClockTimer } from '../../lib/clock.ts';
import { WakeUp } from '../../lib/wake-up.ts';
import { HEADER } from '../../message/headers.ts';
import type { Delivery, OutgoingMessage } from '../../message/wire-message.ts';
import type {
  DeliverySink,
  QueueSpec,
  QueueStats,
  QueueSubscription,
  ReceiveRequest,
  SendOutcome,
} from '../driver.ts';

export interface Entry {
  readonly sequence: number;
  readonly message: OutgoingMessage;
  readonly sentMs: number;
  /** Not before. */
  dueMs: number;
  redeliveries: number;
  lease: Lease | undefined;
}

interface Lease {
  endMs: number;
  readonly owner: Subscriber | undefined;
  readonly delivery: Delivery;
}

interface Subscriber {
  readonly sink: DeliverySink;
  readonly leaseMs: number;
  prefetch: number;
  closed: boolean;
}

const DEDUPE_MS = 300_000;

export class MemoryQueue {
  readonly spec: QueueSpec;
  readonly #clock: Clock;
  readonly #bury: (message: OutgoingMessage) => void;
  #entries: Entry[] = [];
  readonly #subscribers = new Set<Subscriber>();
  readonly #changes: WakeUp;
  readonly #dedupe = new Map<string, number>();
  #sequence = 0;
  #timer: ClockTimer | undefined;
  #scheduled = false;

  /** `bury`: where what expires or is dropped goes. */
  constructor(spec: QueueSpec, clock: Clock, bury: (message: OutgoingMessage) => void = () => {}) {
    this.spec = spec;
    this.#clock = clock;
    this.#changes = new WakeUp(clock);
    this.#bury = bury;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  send(message: OutgoingMessage): SendOutcome {
    const nowMs = this.#clock.nowMs();
    if (message.dedupe !== undefined) {
      if ((this.#dedupe.get(message.dedupe) ?? 0) > nowMs) return { duplicate: true };
      this.#dedupe.set(message.dedupe, nowMs + DEDUPE_MS);
    }
    while (this.#isFull(message)) {
      const dropped = this.#toDrop(message);
      if (dropped === undefined) {
        const text = `queue "${this.spec.name}" is at its limit and takes no more; receive some`;
        return { error: new PolymqError('queue-full', text) };
      }
      this.#die(dropped, 'dropped, for the queue was full');
      if (dropped === message) return { duplicate: false };
      this.#entries = this.#entries.filter((entry) => entry.message !== dropped);
    }
    this.#entries.push({
      sequence: this.#sequence++,
      message,
      sentMs: nowMs,
      dueMs: nowMs + (message.delayMs ?? 0),
      redeliveries: 0,
      lease: undefined,
    });
    this.#wake();
    return { duplicate: false };
  }

  #isFull(message: OutgoingMessage): boolean {
    const { messages = Number.MAX_VALUE, bytes = Number.MAX_VALUE } = this.spec.limit ?? {};
    const all = this.#entries.map((entry) => entry.message.body.length);
    if (all.length === 0) return false;
    return all.length >= messages || all.reduce((a, b) => a + b, message.body.length) > bytes;
  }

  /** What makes room for the newcomer, which may be itself. */
  #toDrop(newcomer: OutgoingMessage): OutgoingMessage | undefined {
    const free = this.#entries.filter(({ lease }) => lease === undefined);
    const waiting = free.map(({ message }) => message);
    const overflow = this.spec.limit?.overflow;
    if (overflow === 'drop-oldest') return waiting[0];
    if (overflow !== 'drop-lowest-priority') return undefined;
    const priority = ({ priority = 0 }: OutgoingMessage): number => priority;
    const lowest = Math.min(...[newcomer, ...waiting].map(priority));
    return priority(newcomer) === lowest ? newcomer : waiting.find((m) => priority(m) === lowest);
  }

  #die({ delayMs, ttlMs, dedupe, ...message }: OutgoingMessage, reason: string): void {
    if (this.spec.deadLetter === undefined) return;
    const dead = {
      [HEADER.deadQueue]: this.spec.name,
      [HEADER.deadReason]: reason,
      [HEADER.deadAt]: String(this.#clock.nowMs()),
    };
    this.#bury({ ...message, headers: { ...message.headers, ...dead } });
  }

  /** The next that may be handed out: by priority, then by age; one of a key at a time if the queue is fifo. */
  #next(): Entry | undefined {
    const nowMs = this.#clock.nowMs();
    const blocked = new Set<string>();
    let best: Entry | undefined;
    for (const entry of this.#entries.sort((a, b) => a.sequence - b.sequence)) {
      const { key, priority = 0 } = entry.message;
      const waits = entry.lease !== undefined || entry.dueMs > nowMs;
      if (this.spec.fifo && key !== undefined) {
        if (blocked.has(key)) continue;
        blocked.add(key);
      }
      if (waits) continue;
      if (best === undefined || priority > (best.message.priority ?? 0)) best = entry;
    }
    return best;
  }

  #lease(entry: Entry, leaseMs: number, owner: Subscriber | undefined): Delivery {
    const { delayMs, dedupe, ttlMs, ...facts } = entry.message;
    const delivery: Delivery = {
      ...facts,
      redeliveries: entry.redeliveries,
      leaseMs,
      handle: entry,
    };
    entry.lease = { endMs: this.#clock.nowMs() + leaseMs, owner, delivery };
    return delivery;
  }

  async receive(request: ReceiveRequest): Promise<Delivery[]> {
    const { max, leaseMs, waitMs, signal } = request;
    const endMs = this.#clock.nowMs() + waitMs;
    for (;;) {
      const deliveries: Delivery[] = [];
      if (signal?.aborted === true) return deliveries;
      while (deliveries.length < max) {
        const entry = this.#next();
        if (entry === undefined) break;
        deliveries.push(this.#lease(entry, leaseMs, undefined));
      }
      this.#arm();
      const leftMs = endMs - this.#clock.nowMs();
      if (deliveries.length > 0 || leftMs <= 0) return deliveries;
      await this.#changes.wait(leftMs, signal);
    }
  }

  subscribe(prefetch: number, leaseMs: number, sink: DeliverySink): QueueSubscription {
    const subscriber: Subscriber = { sink, leaseMs, prefetch, closed: false };
    this.#subscribers.add(subscriber);
    this.#wake();
    return {
      setPrefetch: (value) => {
        subscriber.prefetch = value;
        this.#wake();
      },
      close: async () => {
        subscriber.closed = true;
        this.#subscribers.delete(subscriber);
      },
    };
  }

  ack(delivery: Delivery): void {
    const entry = this.#held(delivery);
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#wake();
  }

  release(delivery: Delivery, delayMs: number, untouched = false): void {
    const entry = this.#held(delivery);
    entry.lease = undefined;
    if (!untouched) entry.redeliveries += 1;
    entry.dueMs = this.#clock.nowMs() + delayMs;
    this.#wake();
  }

  extend(delivery: Delivery, leaseMs: number): void {
    this.#held(delivery).lease!.endMs = this.#clock.nowMs() + leaseMs;
    this.#arm();
  }

  /** Everybody's leases end, as when the connection breaks. */
  loseLeases(): void {
    this.#lose(({ lease }) => lease !== undefined);
    this.#wake();
  }

  end(error: PolymqError): void {
    for (const subscriber of this.#subscribers) subscriber.sink.ended(error);
    this.#subscribers.clear();
  }

  purge(): number {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter(({ lease }) => lease !== undefined);
    return before - this.#entries.length;
  }

  stats(): QueueStats {
    const nowMs = this.#clock.nowMs();
    const free = this.#entries.filter(({ lease }) => lease === undefined);
    const ready = free.filter(({ dueMs }) => dueMs <= nowMs);
    return {
      ready: ready.length,
      delayed: free.length - ready.length,
      leased: this.#entries.length - free.length,
      consumers: this.#subscribers.size,
      oldestMs: ready[0]?.message.timestampMs,
    };
  }

  #held(delivery: Delivery): Entry {
    const entry = delivery.handle as Entry;
    if (entry.lease?.delivery === delivery) return entry;
    throw new PolymqError('lease-lost', `message ${delivery.id} is not leased to you any more`);
  }

  #lose(which: (entry: Entry) => boolean): void {
    const lost = new Map<Subscriber | undefined, Delivery[]>();
    for (const entry of this.#entries.filter(which)) {
      const { owner, delivery } = entry.lease!;
      entry.lease = undefined;
      entry.redeliveries += 1;
      lost.set(owner, [...(lost.get(owner) ?? []), delivery]);
    }
    for (const [owner, deliveries] of lost) owner?.sink.lost(deliveries);
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const nowMs = this.#clock.nowMs();
    const expired = this.#entries.filter((entry) => this.#expiresMs(entry) <= nowMs);
    this.#entries = this.#entries.filter((entry) => !expired.includes(entry));
    for (const { message } of expired) this.#die(message, 'expired');
    this.#lose(({ lease }) => lease !== undefined && lease.endMs <= nowMs);
    this.#changes.wake();
    for (const subscriber of [...this.#subscribers]) this.#feed(subscriber);
    this.#arm();
  }

  #expiresMs({ lease, sentMs, message }: Entry): number {
    const { ttlMs = this.spec.ttlMs } = message;
    return lease === undefined && ttlMs !== undefined ? sentMs + ttlMs : Number.POSITIVE_INFINITY;
  }

  #feed(subscriber: Subscriber): void {
    const unsettled = this.#entries.filter(({ lease }) => lease?.owner === subscriber).length;
    const deliveries: Delivery[] = [];
    while (!subscriber.closed && unsettled + deliveries.length < subscriber.prefetch) {
      const entry = this.#next();
      if (entry === undefined) break;
      deliveries.push(this.#lease(entry, subscriber.leaseMs, subscriber));
    }
    if (deliveries.length > 0) subscriber.sink.deliver(deliveries);
  }

  /** Wakes when the next lease ends or the next message is due. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    const times = this.#entries
      .flatMap((entry) => [entry.lease?.endMs ?? entry.dueMs, this.#expiresMs(entry)])
      .filter((timeMs) => timeMs > nowMs && timeMs !== Number.POSITIVE_INFINITY);
    if (times.length === 0) return;
    this.#timer = this.#clock.after(Math.min(...times) - nowMs, () => this.#wake());
  }
}
