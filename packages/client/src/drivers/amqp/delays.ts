/**
 * Messages that come later.
 *
 * A PolyMQ has exchanges that keep messages for any time (`x-delayed-message`); the queue is bound to one of them under
 * its own name. Other servers only know queues whose messages expire after the same time each, so there is one
 * per length, shared by all targets and clients:
 *
 *   publish ──► exchange polymq.delay.5120 ──► queue polymq.delay.5120 ──── after 5.12 s ──► the queue named by
 *   (key: the     (fanout, goes with            (x-message-ttl, durable,   dead letter,      the routing key
 *    queue)        its queue)                    x-expires)                same key
 *
 * Lengths are rounded up to 1/16, which leaves 16 of them per doubling. The queue expires some time after it was last declared, and is
 * declared again before that as long as it is used. What is longer than the longest one carries its time in `polymq-due`,
 * and goes around again.
 */
import type { Clock } from '../../lib/clock.ts';
import { HEADER } from '../../message/headers.ts';
import type { Link, LinkPart } from './link.ts';
import { DELAY_PREFIX, DELAYED_EXCHANGE } from './names.ts';
import type { Topology } from './topology.ts';

/** Where a delayed message is published instead, and what it carries. */
export interface DelayRoute {
  readonly exchange: string;
  readonly headers: Readonly<Record<string, unknown>> | undefined;
}

/** `x-message-ttl` and `x-expires` are 32 bits; half of that leaves room for both. */
export const LEVEL_MS_MAX = 2 ** 31;
const STEPS_PER_DOUBLING = 16;
/** A level is declared again when it is used and was not for so long… */
const DECLARED_MS = 5 * 60_000;
/** …and lives so long beyond its own length without being declared. */
const SPARE_MS = 2 * DECLARED_MS;

/** The delay in steps of a sixteenth: never shorter than asked for. */
export function delayLevelMs(delayMs: number): number {
  const whole = Math.max(1, Math.ceil(delayMs));
  if (whole <= STEPS_PER_DOUBLING) return whole;
  const step = 2 ** (Math.floor(Math.log2(whole)) - Math.log2(STEPS_PER_DOUBLING));
  return Math.min(LEVEL_MS_MAX, Math.ceil(whole / step) * step);
}

export class Delays implements LinkPart {
  readonly #link: Link;
  readonly #topology: Topology;
  readonly #clock: Clock;
  /** When each level was declared last. */
  readonly #levels = new Map<number, number>();
  /** Queues bound to the delayed exchange of a PolyMQ. */
  readonly #bound = new Set<string>();

  constructor(link: Link, topology: Topology) {
    this.#link = link;
    this.#topology = topology;
    this.#clock = link.context.clock;
    link.add(this);
  }

  lost(): void {
    this.#levels.clear();
    this.#bound.clear();
  }

  /** The way for a message to the queue; what it needs is there when the promise resolves. */
  async route(queue: string, delayMs: number): Promise<DelayRoute> {
    await this.#link.ready(`sending to queue "${queue}"`);
    return this.#link.isPolymq ? this.#delayedRoute(queue, delayMs) : this.#levelRoute(delayMs);
  }

  /** The level cannot be relied on: something was returned or refused there. */
  forget(queue: string): void {
    this.#levels.clear();
    this.#bound.delete(queue);
  }

  /** How long a message that went around must wait still; 0: it is due. */
  stillMs(headers: Readonly<Record<string, string>>): number {
    const due = headers[HEADER.due];
    if (due === undefined) return 0;
    const leftMs = Number(due) - this.#clock.nowMs();
    return Math.max(leftMs, 0);
  }

  async #delayedRoute(queue: string, delayMs: number): Promise<DelayRoute> {
    if (!this.#bound.has(queue)) {
      await this.#topology.run(`delaying messages for queue "${queue}"`, async (channel) => {
        await channel.assertExchange(DELAYED_EXCHANGE, 'x-delayed-message', {
          durable: true,
          arguments: { 'x-delayed-type': 'direct' },
        });
        await channel.bindQueue(queue, DELAYED_EXCHANGE, queue);
      });
      this.#bound.add(queue);
    }
    const whole = Math.ceil(delayMs);
    return { exchange: DELAYED_EXCHANGE, headers: { 'x-delay': whole } };
  }

  async #levelRoute(delayMs: number): Promise<DelayRoute> {
    const levelMs = delayLevelMs(delayMs);
    const nowMs = this.#clock.nowMs();
    const declaredMs = this.#levels.get(levelMs);
    if (declaredMs === undefined || nowMs - declaredMs > DECLARED_MS) {
      await this.#declareLevel(levelMs);
      this.#levels.set(levelMs, nowMs);
    }
    const isPart = delayMs > LEVEL_MS_MAX;
    return {
      exchange: `${DELAY_PREFIX}${levelMs}`,
      headers: isPart ? { [HEADER.due]: String(Math.ceil(nowMs + delayMs)) } : undefined,
    };
  }

  #declareLevel(levelMs: number): Promise<void> {
    const name = `${DELAY_PREFIX}${levelMs}`;
    return this.#topology.run(`making the delay of ${levelMs} ms`, async (channel) => {
      await channel.assertExchange(name, 'fanout', { durable: true, autoDelete: true });
      await channel.assertQueue(name, {
        durable: true,
        arguments: {
          'x-message-ttl': levelMs,
          'x-expires': levelMs + SPARE_MS,
          'x-dead-letter-exchange': '',
        },
      });
      await channel.bindQueue(name, name, '');
    });
  }
}
