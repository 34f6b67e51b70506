/**
 * What died in a queue: looking at it, and moving it back. Redriving takes the letters out one batch after the other; those that are
 * not wanted stay leased until the end, so that none is seen twice, and what dies while it runs is left alone.
 */
import type { QueueStats } from '../driver/driver.ts';
import { PolymqError } from '../errors.ts';
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
const BATCH_MAX = 100;
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
    const found: DeadLetter<T>[] = [];
    const messages = await this.#plan.queues.peek(name, where === undefined ? limit : LOOK_MAX);
    for (const message of messages) {
      if (found.length === limit) break;
      const letter = await this.#letter(message, 0);
      if (where === undefined || where(letter)) found.push(letter);
    }
    return found;
  }

  async redrive(options: { where?: Where<T>; limit?: number; to?: string } = {}): Promise<number> {
    const { where, limit = Number.MAX_SAFE_INTEGER, to } = options;
    this.#checkLimit(limit);
    const name = await this.#open();
    if (name === undefined) return 0;
    const isOld = this.#diedBefore();
    let moved = 0;
    await this.#take(
      name,
      async (delivery) => {
        const letter = await this.#letter(delivery, delivery.redeliveries);
        if (!isOld(letter) || (where !== undefined && !where(letter))) return 'keep';
        const target = to ?? letter.queue ?? this.#plan.name;
        await this.#plan.queues.move(delivery, target, revived(delivery));
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

  /** Whether a letter died before now. In the very same millisecond, those that were seen already have died again. */
  #diedBefore(): (letter: DeadLetter<T>) => boolean {
    const { clock } = this.#plan.context;
    const startMs = clock.nowMs();
    const seen = new Set<string>();
    return ({ id, diedAt }) => {
      if (diedAt === undefined || diedAt < startMs) {
        if (clock.nowMs() === startMs) seen.add(id);
        return true;
      }
      if (diedAt > startMs || seen.has(id)) return false;
      seen.add(id);
      return true;
    };
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
      for (const delivery of kept) await queues.release(delivery, 0, true);
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
