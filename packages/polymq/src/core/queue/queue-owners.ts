import type { Logger } from '../../lib/logger.ts';
import type { Queue } from './queue.ts';
import type { Queues } from './queues.ts';

/** Exclusive queues and the connections that they belong to: a queue goes when its connection does. */
export class QueueOwners<T extends { readonly closed: boolean }> {
  readonly #queues: Queues;
  readonly #logger: Logger;
  readonly #owners = new Map<Queue, T>();

  constructor(queues: Queues, logger: Logger) {
    this.#queues = queues;
    this.#logger = logger;
  }

  ownerOf(queue: Queue): T | undefined {
    return this.#owners.get(queue);
  }

  /** The queue lives as long as the connection, which may be over already. */
  own(queue: Queue, owner: T): void {
    if (owner.closed) this.discard(queue);
    else this.#owners.set(queue, owner);
  }

  /** The queue was deleted by itself. */
  release(queue: Queue): void {
    this.#owners.delete(queue);
  }

  /** The connection is over: its queues go. */
  forget(owner: T): void {
    for (const [queue, other] of this.#owners) {
      if (other !== owner) continue;
      this.#owners.delete(queue);
      this.discard(queue);
    }
  }

  /** Deletes a queue that nobody else knows, unless somebody has done so. */
  discard(queue: Queue): void {
    if (queue.deleted) return;
    this.#queues.delete(queue).catch((error: unknown) => {
      this.#logger.error({ error, queue: queue.name }, 'a queue of a connection was not deleted');
    });
  }
}
