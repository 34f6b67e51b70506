/**
 * The queues in which messages of delayed exchanges wait for their time. Each such exchange has one, made before the
 * exchange and deleted after it; one that has no exchange after a crash is deleted at the next start.
 */

import { BrokerError } from '../errors.ts';
import { NAME_BYTES_MAX } from '../message/message-bytes.ts';
import type { Queue } from '../queue/queue.ts';
import type { Queues } from '../queue/queues.ts';
import type { ExchangeDefinition } from './exchanges.ts';
import type { LiveExchange } from './live-exchange.ts';
import { LiveRoute } from './live-route.ts';

/** Queues with such names are not for clients: do not show, declare, delete or consume them. */
export const DELAY_QUEUE_PREFIX = 'amq.delayed.';

export class DelayQueues {
  readonly #queues: Queues;
  readonly #attached: (exchange: LiveExchange, queue: Queue) => void;

  constructor(queues: Queues, attached: (exchange: LiveExchange, queue: Queue) => void) {
    this.#queues = queues;
    this.#attached = attached;
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
    return this.#queues.declare(namespace, name, { ...flags, settings: {}, declared: {} });
  }

  attach(exchange: LiveExchange, queue: Queue): void {
    exchange.delayQueue = queue;
    exchange.delayRoute = new LiveRoute([queue], [], { cacheable: false, delayed: true });
    this.#attached(exchange, queue);
  }

  async remove(queue: Queue): Promise<void> {
    if (queue.deleted) return;
    await this.#queues.delete(queue).catch((error: unknown) => {
      // The next start removes it.
      if (!(error instanceof BrokerError)) throw error;
    });
  }
}
