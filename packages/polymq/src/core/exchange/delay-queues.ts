/**
 * The queues in which messages of delayed exchanges wait for their time. Each such exchange has one, made before the
 * exchange and deleted after it; one that has no exchange after a crash is deleted at the next start.
 */

import { NAME_BYTES_MAX } from '../message/message-bytes.ts';
import type { Queue } from '../queue/queue.ts';
import type { Queues } from '../queue/queues.ts';
import { DelayedRouter, type DelayedRouterOptions } from './delayed-router.ts';
import type { ExchangeDefinition } from './exchanges.ts';
import type { LiveExchange } from './live-exchange.ts';
import { LiveRoute } from './live-route.ts';
import type { Topology } from './topology.ts';

/** Queues with such names are not for clients: do not show, declare, delete or consume them. */
export const DELAY_QUEUE_PREFIX = 'amq.delayed.';

const PRIORITY_MAX = 255;

export interface DelayQueuesOptions extends Omit<DelayedRouterOptions, 'paused'> {
  topology: Topology;
}

export class DelayQueues {
  readonly #queues: Queues;
  readonly #topology: Topology;
  readonly #routerOptions: DelayedRouterOptions;
  readonly #paused = new Set<DelayedRouter>();
  readonly #stopListening: () => void;

  constructor(options: DelayQueuesOptions) {
    this.#queues = options.queues;
    this.#topology = options.topology;
    this.#routerOptions = { ...options, paused: this.#paused };
    this.#stopListening = options.queues.store.onCommitted(() => this.#resume());
  }

  /** Takes up the work where it was before the start. */
  async open(): Promise<void> {
    const names = this.#topology.namespaceNames();
    for (const exchange of names.flatMap((name) => this.#topology.exchanges(name))) {
      const { namespace, name, definition } = exchange;
      const queue = await this.make(namespace, name, definition);
      if (queue !== undefined) this.attach(exchange, queue);
    }
    for (const queue of this.#queues.list()) {
      if (isDelayQueue(queue.name) && this.#exchangeOf(queue) === undefined) {
        await this.remove(queue);
      }
    }
  }

  close(): void {
    this.#stopListening();
    this.#paused.clear();
  }

  /** The name of the queue must fit, too. */
  nameBytesMax({ delayed }: ExchangeDefinition): number {
    return delayed === true ? NAME_BYTES_MAX - DELAY_QUEUE_PREFIX.length : NAME_BYTES_MAX;
  }

  async make(
    namespace: string,
    exchange: string,
    { delayed, durable }: ExchangeDefinition,
  ): Promise<Queue | undefined> {
    if (delayed !== true) return undefined;
    const name = DELAY_QUEUE_PREFIX + exchange;
    const known = this.#queues.get(namespace, name);
    if (known !== undefined) return known;
    const flags = { durable, autoDelete: false, exclusive: false };
    // So that the priority is on the row when the message is routed.
    const settings = { priorityMax: PRIORITY_MAX };
    return this.#queues.declare(namespace, name, { ...flags, settings, declared: {} });
  }

  attach(exchange: LiveExchange, queue: Queue): void {
    exchange.delayQueue = queue;
    exchange.delayRoute = new LiveRoute([queue], [], { cacheable: false, delayed: true });
    queue.addConsumer(new DelayedRouter(this.#routerOptions, exchange, queue));
  }

  async remove(queue: Queue): Promise<void> {
    if (queue.deleted) return;
    try {
      await this.#queues.delete(queue);
    } catch (error: unknown) {
      // The next start removes it.
      this.#routerOptions.logger.warn({ queue: queue.name, error }, 'a queue could not be removed');
    }
  }

  /** Somebody has deleted the queue all the same: from now on destinations delay the messages themselves. */
  queueGone(queue: Queue): void {
    const exchange = isDelayQueue(queue.name) ? this.#exchangeOf(queue) : undefined;
    if (exchange?.delayQueue !== queue) return;
    exchange.delayQueue = undefined;
    exchange.delayRoute = undefined;
  }

  #exchangeOf({ namespace, name }: Queue): LiveExchange | undefined {
    const exchange = this.#topology.exchange(namespace, name.slice(DELAY_QUEUE_PREFIX.length));
    return exchange?.definition.delayed === true ? exchange : undefined;
  }

  #resume(): void {
    if (this.#paused.size === 0) return;
    const paused = [...this.#paused];
    this.#paused.clear();
    for (const router of paused) router.resume();
  }
}

export function isDelayQueue(name: string): boolean {
  return name.startsWith(DELAY_QUEUE_PREFIX);
}
