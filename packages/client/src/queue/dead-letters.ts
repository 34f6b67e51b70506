/**
 * What died in a queue: looking at it, and moving it back. Redriving takes the letters out one batch after the other; those that are
 * not wanted stay leased until the end, so that none is seen twice, and what dies while it runs is left alone.
 */
import type { QueueStats } from '../driver/driver.ts';
import { PolymqError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { countIn, errorsIn } from '../message/attempts.ts';
import { applicationHeaders, HEADER, withoutHeaders } from '../message/headers.ts';
import { MessageReader } from '../message/message-reader.ts';
import type { Delivery, OutgoingMessage, WireMessage } from '../message/wire-message.ts';
import type { Declaration } from './declaration.ts';
import type { DeadLetter, DeadLetters } from './queue.ts';
import { QueueMessage } from './queue-message.ts';
import type { QueuePlan } from './queue-plan.ts';
import type { Settling } from './settling.ts';

const LIST_LIMIT = 100;
/** How many are looked at in search of some. */
const LOOK_MAX = 10_000;
const LOOK_FIRST = 250;
const LOOK_FACTOR = 4;
const BATCH_MAX = 100;
/** How far the clocks of other machines may be ahead. */
const AHEAD_MAX_MS = 600_000;
/** How many moved letters a run remembers. */
const MOVED_MAX = 100_000;
/** An engine of several machines may find nothing where something is. */
const EMPTY_MAX = 2;
const LEASE_MS = 120_000;

type Where<T> = ((letter: DeadLetter<T>) => boolean) | undefined;

/** Of the queue as it is now; see `OpenQueue.adopt`. */
interface Parts {
  readonly plan: QueuePlan;
  readonly declaration: Declaration;
  readonly settling: Settling;
}

export class QueueDeadLetters<T> implements DeadLetters<T> {
  readonly #parts: () => Parts;

  constructor(parts: () => Parts) {
    this.#parts = parts;
  }

  get #plan(): QueuePlan {
    return this.#parts().plan;
  }

  get name(): string | undefined {
    return this.#plan.deadLetter;
  }

  async list(options: { where?: Where<T>; limit?: number } = {}): Promise<DeadLetter<T>[]> {
    const { where, limit = LIST_LIMIT } = options;
    this.#checkLimit(limit);
    const name = await this.#open();
    if (name === undefined) return [];
    if (this.#plan.context.driver.capabilities.peek === false) {
      return this.#listByTaking(name, where, limit);
    }
    return where === undefined
      ? this.#listByLooking(name, () => true, limit, limit)
      : this.#listByLooking(name, where, limit, LOOK_FIRST);
  }

  /** Looks further and further, so that what is found near the head costs no look at all of them. */
  async #listByLooking(
    name: string,
    where: (letter: DeadLetter<T>) => boolean,
    limit: number,
    first: number,
  ): Promise<DeadLetter<T>[]> {
    const found: DeadLetter<T>[] = [];
    let looked = 0;
    for (let max = first; ; max = Math.min(LOOK_MAX, max * LOOK_FACTOR)) {
      const messages = await this.#plan.queues.peek(name, max);
      for (const message of messages.slice(looked)) {
        const letter = await this.#letter(message, 0);
        if (where(letter)) found.push(letter);
        if (found.length === limit) return found;
      }
      looked = messages.length;
      if (looked < max || max >= LOOK_MAX) return found;
    }
  }

  async redrive(options: { where?: Where<T>; limit?: number; to?: string } = {}): Promise<number> {
    const { where, limit = Number.MAX_SAFE_INTEGER, to } = options;
    this.#checkLimit(limit);
    const name = await this.#open();
    if (name === undefined) return 0;
    const run = new RedriveRun(this.#plan.context.clock);
    let moved = 0;
    await this.#take(
      name,
      async (delivery) => {
        const letter = await this.#letter(delivery, delivery.redeliveries);
        const home = letter.queue ?? this.#plan.name;
        if (!run.isOld(letter, home) || (where !== undefined && !where(letter))) return 'keep';
        const target = to ?? home;
        await this.#plan.queues.move(delivery, target, revived(delivery));
        run.moved(letter, target);
        moved += 1;
        return moved < limit ? 'moved' : 'enough';
      },
      where === undefined ? limit : BATCH_MAX,
    );
    return moved;
  }

  async stats(): Promise<QueueStats> {
    const name = await this.#open();
    return name === undefined ? { ready: 0 } : this.#plan.queues.queueStats(name);
  }

  async purge(): Promise<number | undefined> {
    const name = await this.#open();
    return name === undefined ? 0 : this.#plan.queues.purgeQueue(name);
  }

  async #open(): Promise<string | undefined> {
    this.#plan.context.checkOpen();
    await this.#parts().declaration.ready();
    return this.#plan.deadLetter;
  }

  #checkLimit(limit: number): void {
    if (Number.isSafeInteger(limit) && limit > 0) return;
    throw new PolymqError(
      'invalid-argument',
      `limit of the dead letters of ${this.#plan.label} is ${limit}; give a whole number above 0`,
    );
  }

  async #listByTaking(name: string, where: Where<T>, limit: number): Promise<DeadLetter<T>[]> {
    const found: DeadLetter<T>[] = [];
    await this.#take(
      name,
      async (delivery) => {
        const letter = await this.#letter(delivery, delivery.redeliveries);
        if (where === undefined || where(letter)) found.push(letter);
        return found.length < limit ? 'keep' : 'kept-enough';
      },
      where === undefined ? limit : LOOK_MAX,
    );
    return found;
  }

  /** Asks about one letter after the other, and gives back those that were kept. */
  async #take(
    name: string,
    ask: (delivery: Delivery) => Promise<'keep' | 'moved' | 'enough' | 'kept-enough'>,
    limit: number,
  ): Promise<void> {
    const { queues } = this.#plan;
    const kept: Delivery[] = [];
    try {
      for (let empty = 0; empty < EMPTY_MAX && kept.length < LOOK_MAX; ) {
        const max = Math.min(BATCH_MAX, limit);
        const taken = await queues.receive(name, { max, waitMs: 0, leaseMs: LEASE_MS });
        empty = taken.length === 0 ? empty + 1 : 0;
        kept.push(...taken);
        for (const delivery of taken) {
          const answer = await ask(delivery);
          if (answer === 'moved' || answer === 'enough') kept.splice(kept.indexOf(delivery), 1);
          if (answer === 'enough' || answer === 'kept-enough') return;
        }
      }
    } finally {
      await this.#giveBack(kept);
    }
  }

  /** One that cannot be given back comes back by the end of its lease, and keeps none of the others. */
  async #giveBack(kept: readonly Delivery[]): Promise<void> {
    const { queues, context } = this.#plan;
    const release = async (delivery: Delivery): Promise<void> => queues.release(delivery, 0, true);
    for (let at = 0; at < kept.length; at += BATCH_MAX) {
      const given = await Promise.allSettled(kept.slice(at, at + BATCH_MAX).map(release));
      for (const each of given) if (each.status === 'rejected') context.onError(each.reason);
    }
  }

  async #letter(wire: WireMessage, redeliveries: number): Promise<DeadLetter<T>> {
    const delivery: Delivery = { ...wire, redeliveries, handle: undefined };
    const { plan, settling } = this.#parts();
    const message = new QueueMessage<T>(delivery, settling, plan.context.clock.nowMs());
    try {
      await new MessageReader(plan.place, plan.contracts, plan.interceptors).read(message);
    } catch {
      // What cannot be decoded is a dead letter just because of that; its bytes are shown.
    }
    const { headers } = wire;
    const diedAt = countIn(headers, HEADER.deadAt);
    return {
      id: wire.id,
      data: message.data,
      body: wire.body,
      type: wire.type,
      headers: applicationHeaders(headers),
      key: wire.key,
      timestamp: wire.timestampMs,
      queue: headers[HEADER.deadQueue],
      reason: headers[HEADER.deadReason],
      diedAt: diedAt === 0 ? undefined : diedAt,
      retryCount: countIn(headers, HEADER.attempts),
      errors: errorsIn(headers),
      redriven: countIn(headers, HEADER.redriven),
    };
  }
}

/**
 * Tells the letters that were there when the run began from those that died since. By the time of their death, but the clocks of the
 * machines differ: what was moved here and is back has died again, whatever its time; and what died later than now was stamped by a clock
 * that is ahead.
 */
class RedriveRun {
  readonly #clock: Clock;
  readonly #startMs: number;
  /** By the queue where they would die, too: copies of one message have the same id. */
  readonly #moved = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.nowMs();
  }

  isOld({ id, diedAt }: { id: string; diedAt: number | undefined }, home: string): boolean {
    if (this.#moved.has(keyOf(home, id))) return false;
    if (diedAt === undefined || diedAt <= this.#startMs) return true;
    return diedAt > this.#clock.nowMs() && diedAt <= this.#startMs + AHEAD_MAX_MS;
  }

  moved({ id }: { id: string }, target: string): void {
    this.#moved.add(keyOf(target, id));
    if (this.#moved.size <= MOVED_MAX) return;
    for (const oldest of this.#moved) {
      this.#moved.delete(oldest);
      return;
    }
  }
}

function keyOf(queue: string, id: string): string {
  return `${queue}/${id}`;
}

const OF_ITS_DEATH: ReadonlySet<string> = new Set([
  HEADER.attempts,
  HEADER.errors,
  HEADER.deadQueue,
  HEADER.deadReason,
  HEADER.deadAt,
  HEADER.expires,
]);

/** With fresh retries, and marked. */
function revived(delivery: Delivery): OutgoingMessage {
  const { redeliveries, leaseMs, handle, ...message } = delivery;
  const redriven = countIn(delivery.headers, HEADER.redriven) + 1;
  const headers = withoutHeaders(delivery.headers, (name) => OF_ITS_DEATH.has(name));
  return { ...message, headers: { ...headers, [HEADER.redriven]: String(redriven) } };
}
