/**
 * The consumers of one queue and whose turn it is: the highest priority first, and round among equals.
 *
 *   level 10   head ─► a ─► b ─► tail         those that may be asked; who is served goes to the tail
 *   level  0   head ─► c ─► tail
 *   parked     d, e                           said no when asked; back at the tail of their level on `resume`
 *
 * A consumer that is not ready is asked once, however many there are, so ten thousand busy ones cost nothing.
 * With a single active consumer only that one is asked; when it goes, the next by priority and age takes over.
 * Passing consumers are not counted, and are asked whether others are exclusive or not; behind the single active one
 * they have a level of their own.
 */
import { BrokerError } from '../errors.ts';
import type { Counted, QueueConsumer } from './queue.ts';

export class ConsumerEntry {
  readonly consumer: QueueConsumer;
  readonly level: ConsumerLevel;
  readonly leaseMs: number;
  readonly counted: Counted;
  /** Not in the list of its level. */
  parked = true;
  next: ConsumerEntry | undefined = undefined;
  previous: ConsumerEntry | undefined = undefined;

  constructor(consumer: QueueConsumer, level: ConsumerLevel) {
    this.consumer = consumer;
    this.level = level;
    this.leaseMs = consumer.leaseMs ?? 0;
    this.counted = consumer.counted ?? false;
  }
}

class ConsumerLevel {
  readonly priority: number;
  /** Consumers of this priority, parked ones as well. */
  count = 0;
  head: ConsumerEntry | undefined = undefined;
  tail: ConsumerEntry | undefined = undefined;

  constructor(priority: number) {
    this.priority = priority;
  }

  append(entry: ConsumerEntry): void {
    entry.parked = false;
    entry.next = undefined;
    entry.previous = this.tail;
    if (this.tail === undefined) this.head = entry;
    else this.tail.next = entry;
    this.tail = entry;
  }

  unlink(entry: ConsumerEntry): void {
    entry.parked = true;
    if (entry.previous === undefined) this.head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.tail = entry.previous;
    else entry.next.previous = entry.previous;
    entry.next = undefined;
    entry.previous = undefined;
  }
}

export class ConsumerRing {
  readonly #single: boolean;
  /** In the order in which they came. */
  readonly #entries = new Map<QueueConsumer, ConsumerEntry>();
  /** Highest priority first. */
  readonly #levels: ConsumerLevel[] = [];
  #exclusive = false;
  /** The one that gets messages, if only one may. */
  #active: ConsumerEntry | undefined;
  /** Passing consumers behind a single active one. */
  readonly #passing: ConsumerLevel | undefined;
  /** Not passing. */
  #count = 0;

  constructor(singleActive: boolean) {
    this.#single = singleActive;
    this.#passing = singleActive ? new ConsumerLevel(0) : undefined;
  }

  /** Passing ones are not counted. */
  get count(): number {
    return this.#count;
  }

  /** Whether there is nobody, not even in passing. */
  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** The consumer that gets messages, if only one may. */
  get active(): QueueConsumer | undefined {
    return this.#active?.consumer;
  }

  add(consumer: QueueConsumer, priority: number, exclusive: boolean): void {
    const passing = consumer.passing === true;
    if (!passing) this.#admit(exclusive);
    if (this.#entries.has(consumer)) throw new Error('the consumer is there already');
    const level = (passing ? this.#passing : undefined) ?? this.#level(priority);
    level.count += 1;
    const entry = new ConsumerEntry(consumer, level);
    this.#entries.set(consumer, entry);
    level.append(entry);
    if (passing) return;
    this.#count += 1;
    this.#exclusive = exclusive;
    if (this.#single) this.#active ??= entry;
  }

  #admit(exclusive: boolean): void {
    if (this.#exclusive) {
      throw new BrokerError('queue-in-use', 'the queue has an exclusive consumer');
    }
    if (exclusive && this.count > 0) {
      throw new BrokerError(
        'queue-in-use',
        `the queue has ${this.count} consumers, so no other can be exclusive`,
      );
    }
  }

  /** Whether it was there. */
  remove(consumer: QueueConsumer): boolean {
    const entry = this.#entries.get(consumer);
    if (entry === undefined) return false;
    this.#entries.delete(consumer);
    const { level } = entry;
    if (!entry.parked) level.unlink(entry);
    level.count -= 1;
    if (level.count === 0 && level !== this.#passing) {
      this.#levels.splice(this.#levels.indexOf(level), 1);
    }
    if (consumer.passing === true) return true;
    this.#count -= 1;
    this.#exclusive = false;
    if (this.#active === entry) this.#active = this.#successor();
    return true;
  }

  /** May be asked again. */
  resume(consumer: QueueConsumer): void {
    const entry = this.#entries.get(consumer);
    if (entry?.parked) entry.level.append(entry);
  }

  /** Whose turn it is; undefined if nobody is ready. */
  next(): ConsumerEntry | undefined {
    if (this.#single) return this.#nextSingle();
    const levels = this.#levels;
    for (let index = 0; index < levels.length; index++) {
      const entry = nextOf(levels[index]!);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** It got a message: the others of its priority come first now. */
  served(entry: ConsumerEntry): void {
    const { level } = entry;
    if (level.tail === entry || entry.parked) return;
    level.unlink(entry);
    level.append(entry);
  }

  /** Removes and returns all. */
  clear(): QueueConsumer[] {
    const consumers = [...this.#entries.keys()];
    this.#entries.clear();
    this.#levels.length = 0;
    this.#count = 0;
    this.#active = undefined;
    this.#exclusive = false;
    return consumers;
  }

  #nextSingle(): ConsumerEntry | undefined {
    const entry = this.#active;
    if (entry !== undefined && !entry.parked) {
      if (entry.consumer.ready()) return entry;
      entry.level.unlink(entry);
    }
    return nextOf(this.#passing!);
  }

  #successor(): ConsumerEntry | undefined {
    let found: ConsumerEntry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.consumer.passing === true) continue;
      if (found === undefined || entry.level.priority > found.level.priority) found = entry;
    }
    return found;
  }

  #level(priority: number): ConsumerLevel {
    const at = this.#levels.findIndex((level) => level.priority <= priority);
    const found = this.#levels[at];
    if (found?.priority === priority) return found;
    const level = new ConsumerLevel(priority);
    this.#levels.splice(at < 0 ? this.#levels.length : at, 0, level);
    return level;
  }
}

/** The next one of a level that is ready; those that are not are parked. */
function nextOf(level: ConsumerLevel): ConsumerEntry | undefined {
  for (let entry = level.head; entry !== undefined; entry = level.head) {
    if (entry.consumer.ready()) return entry;
    level.unlink(entry);
  }
  return undefined;
}
